package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is the process that connected to a unix socket: it, and never another
// one that was given its number after its end.
type Process struct {
	// PID is its number in the gateway's PID namespace.
	PID int

	fd int // a pidfd
}

// errGone is the end of a process that was to be looked at.
var errGone = errors.New("the process that connected has ended")

// OpenProcess takes hold of the process at the other end of a unix socket's
// connection that was accepted at the given time.
//
// From Linux 6.5 on the kernel itself hands it out (SO_PEERPIDFD). Before that
// there is only its number. It is refused when the process that has the number
// now began after the connection was accepted; but a process that connected,
// ended, and whose number was given to another one before the connection was
// accepted cannot be told from that. Such a kernel is good enough to know
// containers by as long as those who may connect cannot keep a gateway from
// accepting while they use up its numbers.
//
// A client may hand its connection to another process; the one that connected
// is meant all the same. The caller ends with Close.
func OpenProcess(conn net.Conn, accepted time.Time) (*Process, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("process of a peer: a %T has none", conn)
	}
	var fd int
	err := control(c, func(socket int) (err error) {
		fd, err = unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
		return err
	})
	switch {
	case errors.Is(err, unix.ENOPROTOOPT):
		return openByNumber(c, accepted)
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL):
		return nil, errGone // kernels up to 6.15 have no pidfd for it
	case err != nil:
		return nil, fmt.Errorf("process of a unix socket's peer: %w", err)
	}
	p := &Process{fd: fd}
	if p.PID, err = pidOf(fd); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// openByNumber is OpenProcess for kernels before 6.5.
func openByNumber(conn *net.UnixConn, accepted time.Time) (*Process, error) {
	var peer Peer
	if err := credentials(conn, &peer); err != nil {
		return nil, err
	}
	if peer.PID == 0 {
		return nil, errElsewhere
	}
	fd, err := unix.PidfdOpen(peer.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("process %d of a unix socket's peer: %w", peer.PID, err)
	}
	p := &Process{PID: peer.PID, fd: fd}
	began, err := startOf(peer.PID)
	if err == nil {
		err = p.alive()
	}
	if err == nil && began.After(accepted) {
		err = errGone // and its number was given away
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// errElsewhere is what a container without --pid=host sees.
var errElsewhere = errors.New("the process that connected is in another PID namespace than the gateway; run the gateway in the host's (docker run --pid=host)")

// pidOf asks /proc for the number of a pidfd's process.
func pidOf(fd int) (int, error) {
	text, err := readSmall("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, fmt.Errorf("process of a unix socket's peer: %w", err)
	}
	for line := range strings.Lines(text) {
		number, ok := strings.CutPrefix(line, "Pid:")
		if !ok {
			continue
		}
		switch pid, err := strconv.Atoi(strings.TrimSpace(number)); {
		case err != nil:
			return 0, fmt.Errorf("process of a unix socket's peer: /proc says %q", strings.TrimSpace(line))
		case pid < 0:
			return 0, errGone
		case pid == 0:
			return 0, errElsewhere
		default:
			return pid, nil
		}
	}
	return 0, errors.New("process of a unix socket's peer: /proc does not say which it is")
}

// Cgroups is the process' /proc/PID/cgroup, read while the process lived: it is
// not that of another one. An error means that nobody knows where it is.
func (p *Process) Cgroups() (string, error) {
	text, err := readSmall("/proc/" + strconv.Itoa(p.PID) + "/cgroup")
	if gone := p.alive(); gone != nil {
		return "", gone
	}
	if err != nil {
		return "", fmt.Errorf("control groups of the process that connected: %w", err)
	}
	return text, nil
}

// alive returns errGone after the process has ended. Before that its number was
// its own, and whatever was read under it was about it.
func (p *Process) alive() error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("process %d: %w", p.PID, err)
		case n > 0:
			return errGone
		default:
			return nil
		}
	}
}

// Close lets go of the process.
func (p *Process) Close() { _ = unix.Close(p.fd) }

// maxSmall bounds what is read of a file in /proc.
const maxSmall = 64 << 10

func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSmall)
	}
	return string(text), err
}

// ticks is the unit of times in /proc/PID/stat, which is 1/100 s on every Linux
// (USER_HZ).
const ticks = 10 * time.Millisecond

// startOf is when a process began, no later than it really did.
func startOf(pid int) (time.Time, error) {
	stat, err := readSmall("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return time.Time{}, err
	}
	// The name stands in parentheses and may have some itself; the fields are
	// counted from behind it, the third on.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const startTime = 22 - 3
	if len(fields) <= startTime {
		return time.Time{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	after, err := strconv.ParseInt(fields[startTime], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	boot, err := bootTime()
	if err != nil {
		return time.Time{}, err
	}
	return boot.Add(time.Duration(after) * ticks), nil
}

// bootTime is when the machine began to count.
func bootTime() (time.Time, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return time.Time{}, fmt.Errorf("time since boot: %w", err)
	}
	return time.Now().Add(-time.Duration(now.Nano())), nil
}
