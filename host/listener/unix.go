package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const defaultMode fs.FileMode = 0o660

// staleTimeout bounds the question whether somebody answers on a socket that
// is already there. A live one on this machine answers at once.
const staleTimeout = 2 * time.Second

// socketFile is the file of an open unix socket.
type socketFile struct {
	path string
	id   fileID

	mu sync.Mutex // permit and remove
}

// fileID tells one file from another of the same name.
type fileID struct{ dev, ino uint64 }

func idOf(info fs.FileInfo) (fileID, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, false
	}
	// The types of the fields differ between systems.
	return fileID{dev: uint64(stat.Dev), ino: uint64(stat.Ino)}, true
}

// listenUnix opens a socket at path.
func listenUnix(ctx context.Context, path string, o Options) (*net.UnixListener, *socketFile, error) {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("the directory %s does not exist; create it, for only its owner and permissions decide who else can replace the socket", dir)
	case err != nil:
		return nil, nil, err
	case !info.IsDir():
		return nil, nil, fmt.Errorf("%s is not a directory", dir)
	}

	// From looking at what is there to having a socket of our own nobody else
	// who follows this order may act in the directory: of two gateways that
	// start together the second would remove the socket of the first.
	unlock, err := lockDirectory(dir)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := removeStale(ctx, path); err != nil {
		return nil, nil, err
	}
	inner, err := bindClosed(ctx, path)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, nil, err
	}
	inner.SetUnlinkOnClose(false) // net would remove whatever has the name by then

	f := &socketFile{path: path}
	info, err = os.Lstat(path)
	if err == nil {
		f.id, _ = idOf(info)
		err = f.permit(o)
	}
	if err != nil {
		_ = inner.Close()
		_ = os.Remove(path)
		return nil, nil, err
	}
	return inner, f, nil
}

// removeStale makes room for a socket: it removes one that nobody serves any
// more and nothing else.
func removeStale(ctx context.Context, path string) error {
	before, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if before.Mode().Type() != fs.ModeSocket {
		return errors.New("a file that is not a socket is in the way; it is left alone")
	}
	ctx, cancel := context.WithTimeout(ctx, staleTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("another process is listening on %s", path)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("another process is listening on %s, and does not answer", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("cannot tell whether the socket that is there is in use: %w", err)
	}
	after, err := os.Lstat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if !os.SameFile(before, after) {
		return errors.New("another process replaced the socket at this moment")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("cannot remove the socket that a dead process left: %w", err)
	}
	return nil
}

// permit gives the socket's file its owner and then its mode. In this order no
// moment is more open than what was asked for.
func (f *socketFile) permit(o Options) error {
	uid, err := accountID(o.Owner, "owner", func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return err
	}
	gid, err := accountID(o.Group, "group", func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	if err != nil {
		return err
	}
	mode := o.Mode
	if mode == 0 {
		mode = defaultMode
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ours() {
		return errors.New("the socket's file was removed or replaced")
	}
	if uid >= 0 || gid >= 0 {
		if info, err := os.Lstat(f.path); err == nil && info.Mode().Perm()&^mode != 0 {
			// Lists of who gets in differ: close before the owner changes.
			if err := os.Chmod(f.path, info.Mode().Perm()&mode); err != nil {
				return err
			}
		}
		if err := os.Lchown(f.path, uid, gid); err != nil {
			return fmt.Errorf("%w; only root may give a file away, and others give it to their own groups only", err)
		}
	}
	return os.Chmod(f.path, mode.Perm())
}

// accountID resolves a user or group; -1 leaves it.
func accountID(name, key string, lookup func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	number := name
	if _, err := strconv.ParseUint(name, 10, 31); err != nil {
		if number, err = lookup(name); err != nil {
			return 0, fmt.Errorf("%s: this machine knows no %q", key, name)
		}
	}
	id, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s: %q has the unusable number %q", key, name, number)
	}
	return int(id), nil
}

// ours reports whether the file of that name is still the one that was made.
func (f *socketFile) ours() bool {
	info, err := os.Lstat(f.path)
	if err != nil {
		return false
	}
	id, ok := idOf(info)
	return ok && id == f.id
}

// remove takes the file away if it still is ours.
func (f *socketFile) remove() error {
	unlock, err := lockDirectory(filepath.Dir(f.path))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone with its directory
		}
		return err
	}
	defer unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ours() {
		return nil
	}
	return os.Remove(f.path)
}

// lockDirectory holds off other gateways that open or close a socket in the
// directory. The lock is on the directory itself, so that no file stays.
func lockDirectory(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		// A directory that may be written but not read. Rare, and the lock is
		// only for gateways that start in the same moment.
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil && !errors.Is(err, syscall.ENOLCK) && !errors.Is(err, syscall.EOPNOTSUPP) {
		_ = d.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = d.Close() }, nil
}
