package listener

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test's binary is also the client: started with this variable it connects
// to the socket that the variable names, and waits for its standard input's end.
const clientOf = "SLUICE_TEST_CLIENT_OF"

func TestMain(m *testing.M) {
	if socket := os.Getenv(clientOf); socket != "" {
		if _, err := net.Dial("unix", socket); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("connected")
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTheProcessAtTheOtherEndIsTheOneThatConnected(t *testing.T) {
	conn, client := connected(t, nil)
	for name, open := range ways {
		t.Run(name, func(t *testing.T) {
			p, err := open(conn, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.PID != client.Process.Pid {
				t.Errorf("got process %d, want %d", p.PID, client.Process.Pid)
			}
			got, err := p.Cgroups()
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile("/proc/self/cgroup") // a child is where its parent is
			if err != nil || got != string(want) {
				t.Errorf("got %q, want %q (%v)", got, want, err)
			}
		})
	}
}

// ways are the two ways to a process; the second is that of kernels before 6.5.
var ways = map[string]func(*net.UnixConn, time.Time) (*Process, error){
	"the kernel's": func(c *net.UnixConn, accepted time.Time) (*Process, error) { return OpenProcess(c, accepted) },
	"by number":    openByNumber,
}

func TestAProcessThatHasEndedIsNobody(t *testing.T) {
	conn, client := connected(t, nil)
	held, err := OpenProcess(conn, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	end(t, client)
	if text, err := held.Cgroups(); !errors.Is(err, errGone) {
		t.Errorf("its control groups: got %q, %v, want that it is gone", text, err)
	}
	for name, open := range ways {
		if p, err := open(conn, time.Now()); !errors.Is(err, errGone) {
			t.Errorf("%s: got %+v, %v, want that it is gone", name, p, err)
		}
	}
}

// Somebody connects, ends, and his number is given to another process, as it
// comes about by itself after some ten thousand processes. The other one must not
// be taken for him.
func TestANumberThatWasGivenAwayIsNobody(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can choose the number of a process")
	}
	conn, client := connected(t, nil)
	accepted := time.Now()
	// The kernel counts in hundredths of a second, rounded down.
	time.Sleep(2 * ticks)
	number := client.Process.Pid
	end(t, client)
	other := processWithNumber(t, number)
	for name, open := range ways {
		if p, err := open(conn, accepted); !errors.Is(err, errGone) {
			t.Errorf("%s: got %+v, %v: process %d is another one", name, p, err, other.Process.Pid)
		}
	}
}

// processWithNumber starts a process that has the given, free number.
func processWithNumber(t *testing.T, number int) *exec.Cmd {
	t.Helper()
	for range 200 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(number-1)), 0); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if cmd.Process.Pid == number {
			return cmd
		}
	}
	t.Fatalf("the number %d was not to be had", number)
	return nil
}

func TestGroupsAreThoseOfTheProcess(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a process with other groups")
	}
	for name, want := range map[string][]uint32{"none": {}, "two": {4242, 31337}, "many": many(300)} {
		t.Run(name, func(t *testing.T) {
			conn, _ := connected(t, &syscall.Credential{Uid: 12345, Gid: 54321, Groups: want})
			peer, err := Identify(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if peer.UID != 12345 || peer.GID != 54321 {
				t.Errorf("got %+v, want 12345:54321", peer)
			}
			got, err := Groups(conn)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %d groups %v, want %d", len(got), got, len(want))
			}
		})
	}
}

func many(n int) []uint32 {
	groups := make([]uint32, n)
	for i := range groups {
		groups[i] = uint32(1000 + i)
	}
	return groups
}

// connected starts a client and returns the gateway's end of its connection.
func connected(t *testing.T, as *syscall.Credential) (*net.UnixConn, *exec.Cmd) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), Options{Address: "unix://" + filepath.Join(dir, "s"), Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })

	// Another user must be able to run it.
	binary := filepath.Join(dir, "client")
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	client := exec.Command(binary)
	client.Env = append(os.Environ(), clientOf+"="+filepath.Join(dir, "s"))
	client.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	stdin, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = client.Wait()
	})
	said := make([]byte, 64)
	if n, _ := stdout.Read(said); strings.TrimSpace(string(said[:n])) != "connected" {
		t.Fatalf("the client said %q", said[:n])
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UnixConn), client
}

// end ends a client, and waits for it: a process that nobody waited for keeps its
// number.
func end(t *testing.T, client *exec.Cmd) {
	t.Helper()
	_ = client.Process.Kill()
	_ = client.Wait()
}
