//go:build linux

package e2e_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A tap stands between a gateway and the engine and passes everything on. It knows what a gateway has asked on which connection, and which it
// has given up: what the engine itself would see.
type tap struct {
	testing.TB
	address string

	mu    sync.Mutex
	conns map[*tapped]struct{}
}

// tapped is one connection of the gateway's to the engine.
type tapped struct{ request string } // the line of its last request

// startTap listens before the engine at upstream.
func startTap(t testing.TB, upstream string) *tap {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "tap")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{TB: t, address: "unix://" + path, conns: map[*tapped]struct{}{}}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			gateway, err := listener.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { p.pass(gateway.(*net.UnixConn), upstream) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		passing.Wait() // the gateway was started later and has been stopped by now
	})
	return p
}

func (p *tap) pass(gateway *net.UnixConn, upstream string) {
	defer func() { _ = gateway.Close() }()
	engine, err := net.Dial("unix", strings.TrimPrefix(upstream, "unix://"))
	if err != nil {
		p.Errorf("tap: %v", err)
		return
	}
	defer func() { _ = engine.Close() }()
	c := &tapped{}
	p.mu.Lock()
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		_, _ = io.Copy(gateway, engine)
		_ = gateway.CloseWrite()
	}()
	p.requests(c, gateway, engine)
	// The gateway has ended its side: with an exec or an attach that is the end of standard input, and answers may come for long.
	_ = engine.(*net.UnixConn).CloseWrite()
	for waiting := true; waiting; {
		select {
		case <-answers:
			waiting = false
		case <-time.After(time.Millisecond):
			waiting = !hungUp(gateway)
		}
	}
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// hungUp tells whether the other side has closed its socket for good, and not only its sending direction.
func hungUp(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	var events int16
	if err := raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		_, _ = unix.Poll(fds, 0)
		events = fds[0].Revents
	}); err != nil {
		return true
	}
	return events&(unix.POLLHUP|unix.POLLERR) != 0
}

// requests copies what the gateway sends and remembers each line that could begin a request.
func (p *tap) requests(c *tapped, gateway io.Reader, engine net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := gateway.Read(buffer)
		line, _ := bufio.NewReader(strings.NewReader(string(buffer[:n]))).ReadString('\n')
		if strings.HasSuffix(line, " HTTP/1.1\r\n") {
			p.mu.Lock()
			c.request = strings.TrimSuffix(line, " HTTP/1.1\r\n")
			p.mu.Unlock()
		}
		if _, failed := engine.Write(buffer[:n]); failed != nil || err != nil {
			if err != nil && !errors.Is(err, io.EOF) {
				_ = engine.Close()
			}
			return
		}
	}
}

// asked counts the connections whose last request has this part in its line, and which are open in either direction.
func (p *tap) asked(part string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for c := range p.conns {
		if strings.Contains(c.request, part) {
			n++
		}
	}
	return n
}

// await waits until so many of those connections are open, and returns how long that took.
func (p *tap) await(t testing.TB, part string, want int) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < patience {
		if p.asked(part) == want {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d connections of the gateway's are open for %q, want %d", p.asked(part), part, want)
	return 0
}
