package listener_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sluice-gateway/sluice/host/listener"
)

func TestSocketHasTheModeAndGroupThatWereAsked(t *testing.T) {
	path := socketPath(t)
	group := strconv.Itoa(os.Getgid())
	l := listen(t, listener.Options{Address: "unix://" + path, Mode: 0o620, Group: group})
	if got := mode(t, path); got != 0o620 {
		t.Errorf("mode: got %04o, want 0620", got)
	}
	if err := l.Update(listener.Options{Address: "unix://" + path}); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o660 {
		t.Errorf("mode after an update to the default: got %04o, want 0660", got)
	}
}

func TestSocketIsGivenToItsOwnerAndGroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	path := socketPath(t)
	listen(t, listener.Options{Address: "unix://" + path, Owner: "12345", Group: "54321"})
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid != 12345 || stat.Gid != 54321 {
		t.Errorf("owner: got %d:%d, want 12345:54321", stat.Uid, stat.Gid)
	}
}

// A process that was killed leaves its socket's file behind.
func TestStaleSocketIsReplaced(t *testing.T) {
	path := staleSocket(t)
	listen(t, listener.Options{Address: "unix://" + path})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the new socket does not answer: %v", err)
	}
	conn.Close()
}

func TestLiveSocketIsNotTaken(t *testing.T) {
	path := socketPath(t)
	listen(t, listener.Options{Address: "unix://" + path})
	_, err := listener.Listen(t.Context(), listener.Options{Address: "unix://" + path})
	wantError(t, err, "another process is listening on "+path)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first listener lost its socket: %v", err)
	}
	conn.Close()
}

func TestFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := socketPath(t)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := listener.Listen(t.Context(), listener.Options{Address: "unix://" + path})
	wantError(t, err, "not a socket")
	if got, err := os.ReadFile(path); err != nil || string(got) != "precious" {
		t.Errorf("the file: got %q, %v", got, err)
	}
}

func TestMissingDirectoryIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	_, err := listener.Listen(t.Context(), listener.Options{Address: "unix://" + dir + "/docker.sock"})
	wantError(t, err, "directory "+dir+" does not exist")
}

func TestUnknownGroupLeavesNoSocketBehind(t *testing.T) {
	path := socketPath(t)
	_, err := listener.Listen(t.Context(), listener.Options{Address: "unix://" + path, Group: "no-such-group"})
	wantError(t, err, `knows no "no-such-group"`)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket nobody listens on is there: %v", err)
	}
}

func TestCloseRemovesTheSocket(t *testing.T) {
	path := socketPath(t)
	l := listen(t, listener.Options{Address: "unix://" + path})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: got %v, want net.ErrClosed", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: got %v, want what the first returned", err)
	}
}

// An operator who removes a socket and starts another gateway on the path must
// not lose the new socket when the old gateway ends.
func TestCloseLeavesTheSocketOfAnotherProcess(t *testing.T) {
	path := socketPath(t)
	old := listen(t, listener.Options{Address: "unix://" + path})
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	listen(t, listener.Options{Address: "unix://" + path})
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the new socket is gone: %v", err)
	}
	conn.Close()
}

// Two gateways that find one stale socket in the same moment: one gets it, and
// the other is told.
func TestOneOfManyGetsAStaleSocket(t *testing.T) {
	path := staleSocket(t)
	var wg sync.WaitGroup
	opened := make([]*listener.Listener, 8)
	refused := make([]error, len(opened))
	for i := range opened {
		wg.Go(func() {
			opened[i], refused[i] = listener.Listen(t.Context(), listener.Options{Address: "unix://" + path})
		})
	}
	wg.Wait()
	winners := 0
	for i, l := range opened {
		if l != nil {
			winners++
			defer l.Close()
			continue
		}
		wantError(t, refused[i], "another process is listening")
	}
	if winners != 1 {
		t.Errorf("%d listeners opened one path, want 1", winners)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the winner's socket is gone: %v", err)
	}
	conn.Close()
}

func TestPeerOfAUnixSocketIsItsProcess(t *testing.T) {
	path := socketPath(t)
	l := listen(t, listener.Options{Address: "unix://" + path})
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := conn.(*net.UnixConn); !ok {
		t.Errorf("Accept gave a %T; half-close and splice need a *net.UnixConn", conn)
	}
	peer, err := listener.Identify(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if peer.UID != os.Getuid() || peer.GID != os.Getgid() || peer.PID != os.Getpid() {
		t.Errorf("got %+v, want this process", peer)
	}
}

// socketPath returns a path short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "docker.sock")
}

// staleSocket returns a socket that nobody serves any more.
func staleSocket(t *testing.T) string {
	t.Helper()
	path := socketPath(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	return path
}

func listen(t *testing.T, o listener.Options) *listener.Listener {
	t.Helper()
	l, err := listener.Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %v, want one that says %q", err, part)
	}
}
