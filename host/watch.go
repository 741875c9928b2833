package host

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/logs"
)

// followed is what the watcher watches: the files of the configuration that is
// served, and those of one that was tried since and is not.
type followed struct {
	mu      sync.Mutex
	files   []string
	changed chan struct{}
}

// follow notes, after an attempt to reload, which files matter now. cfg is nil
// where it could not be read, for the reason of err.
func (g *Gateway) follow(cfg *config.Config, err error) {
	files := append([]string(nil), g.current.Load().config.Watch...)
	var failure *config.Failure
	switch {
	case cfg != nil:
		files = append(files, cfg.Watch...)
	case errors.As(err, &failure):
		files = append(files, failure.Watch...)
	}
	g.followed.mu.Lock()
	g.followed.files = files
	g.followed.mu.Unlock()
	select {
	case g.followed.changed <- struct{}{}:
	default:
	}
}

// watch reloads when a file of the configuration changes, until stop is
// called. Directories are watched and not files, because editors, Kubernetes
// and `mv` replace files; and every file is compared now and then, because
// network and overlay file systems keep their changes to themselves. What
// reload.* says is taken up with each reload.
func (g *Gateway) watch() (stop func()) {
	if g.load == nil {
		return func() {}
	}
	w := &watcher{gateway: g}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		g.log.Warn("cannot watch the configuration's files; they are only compared every now and then (reload.poll)", slog.Any("error", err))
	} else {
		w.notify = notify
	}
	g.follow(g.current.Load().config, nil)
	ctx, cancel := context.WithCancel(g.life)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(ctx)
	}()
	return func() {
		cancel()
		<-ended
		if w.notify != nil {
			_ = w.notify.Close() // nothing depends on it any more
		}
	}
}

// A reload compiles and starts filters. So that whoever changes a file again and again
// has it done in no more than a fifth of the time, there is a rest behind each, of
// restFactor times as long as it took. It ends after restMost, which is less than that
// behind a reload of more than 2.5 s: the next change may be the operator's, and is not to
// wait for minutes because somebody's module is slow to compile.
const (
	restFactor = 4
	restMost   = 10 * time.Second
)

// Whoever touches a file again and again must not keep everybody's changes out by it. So a
// reload that waits for the files to be quiet begins this long after the first change,
// whatever comes after it.
const (
	patienceFactor = 10          // times the debounce, and
	patienceLeast  = time.Second // beyond one debounce at least
)

type watcher struct {
	gateway  *Gateway
	settings config.Reload
	notify   *fsnotify.Watcher // nil where the system has none
	files    map[string]bool   // that matter
	seen     map[string]stamp  // for polling
	first    time.Time         // when there was a change that was not tried yet, zero without one
	problem  string            // what the last reload said
	rest     time.Time         // until when there is no other
}

// stamp tells two states of a file apart without reading it.
type stamp struct {
	size     int64
	modified time.Time
	target   string // of a symbolic link, resolved
}

func (w *watcher) run(ctx context.Context) {
	var events <-chan fsnotify.Event
	var failures <-chan error
	if w.notify != nil {
		events, failures = w.notify.Events, w.notify.Errors
	}
	poll := time.NewTicker(time.Hour)
	poll.Stop()
	defer poll.Stop()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	again := false // the next reload is only to make sure
	changed := func() {
		again = false
		quiet.Reset(w.wait())
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.gateway.followed.changed:
			settings := w.gateway.current.Load().config.Reload
			if settings.Watch && settings.Poll > 0 && (!w.settings.Watch || settings.Poll != w.settings.Poll) {
				poll.Reset(settings.Poll)
			} else if !settings.Watch || settings.Poll == 0 {
				poll.Stop()
			}
			w.settings = settings
			// Once more for what is new: a file may have changed after it was read and
			// before it was watched.
			if w.follow() && settings.Watch {
				again = again || w.first.IsZero()
				quiet.Reset(w.wait())
			}
		case event := <-events:
			if w.concerns(event.Name) {
				changed()
			}
		case err := <-failures:
			w.gateway.log.Warn("watching the configuration's files", slog.Any("error", err))
			changed() // events may have been lost
		case <-poll.C:
			if !maps.Equal(w.seen, w.stamps()) {
				changed()
			}
		case <-quiet.C:
			w.first = time.Time{}
			if w.settings.Watch {
				w.reload(ctx, again)
				again = false
			}
		}
	}
}

// wait is how long, after a change, no other may come before there is a reload.
func (w *watcher) wait() time.Duration {
	now, debounce := time.Now(), w.settings.Debounce
	if w.first.IsZero() {
		w.first = now
	}
	latest := w.first.Add(max(patienceFactor*debounce, patienceLeast+debounce))
	return max(min(debounce, latest.Sub(now)), w.rest.Sub(now))
}

// concerns tells whether a change of the path can change the configuration:
// its own files, whatever is in a directory that it takes as a whole, and the
// links (..data) by which Kubernetes swaps a mounted directory.
func (w *watcher) concerns(path string) bool {
	return w.files[path] || w.files[filepath.Dir(path)] || strings.HasPrefix(filepath.Base(path), "..")
}

// reload reads the configuration. One that is only looked at to make sure, and
// has the problem that it had, need not be reported twice.
func (w *watcher) reload(ctx context.Context, again bool) {
	if w.gateway.waitForRoom(ctx) != nil {
		return
	}
	w.seen = w.stamps() // tried: not again before the next change
	began := time.Now()
	err := w.gateway.Reload(ctx)
	w.rest = time.Now().Add(min(restFactor*time.Since(began), restMost))
	if err == nil || errors.Is(err, ErrUnchanged) || ctx.Err() != nil {
		w.problem = ""
		return
	}
	if problem := err.Error(); !again || problem != w.problem {
		w.problem = problem
		w.gateway.log.Error("the configuration was not reloaded; what was served before is served on", slog.Any("error", logs.Long(problem)))
	}
}

// follow makes the files that matter now the ones that are watched. It returns
// whether there are any that were not before.
func (w *watcher) follow() (fresh bool) {
	w.gateway.followed.mu.Lock()
	list := w.gateway.followed.files
	w.gateway.followed.mu.Unlock()
	if !w.settings.Watch {
		list = nil
	}
	files := make(map[string]bool, len(list))
	dirs := make(map[string]bool)
	for _, path := range list {
		files[path] = true
		fresh = fresh || !w.files[path]
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			dirs[path] = true
		}
		dirs[filepath.Dir(path)] = true
	}
	w.files = files
	w.watch(dirs)
	// What was there before keeps its stamp: it may have changed since it was read.
	before := w.seen
	w.seen = w.stamps()
	for path := range w.seen {
		if old, ok := before[path]; ok {
			w.seen[path] = old
		}
	}
	return fresh
}

// watch makes the directories the ones that the system tells about.
func (w *watcher) watch(dirs map[string]bool) {
	if w.notify == nil {
		return
	}
	// Of a directory that was removed the system forgets what it was to tell.
	watched := w.notify.WatchList()
	for _, dir := range watched {
		if !dirs[dir] {
			_ = w.notify.Remove(dir) // it may be gone
		}
	}
	for dir := range dirs {
		if slices.Contains(watched, dir) {
			continue
		}
		// One that is missing is in the configuration's problems already.
		if err := w.notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.gateway.log.Warn("cannot watch a directory of the configuration", slog.String("path", dir), slog.Any("error", err))
		}
	}
}

func (w *watcher) stamps() map[string]stamp {
	stamps := make(map[string]stamp, len(w.files))
	for path := range w.files {
		info, err := os.Stat(path)
		if err != nil {
			stamps[path] = stamp{size: -1}
			continue
		}
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			target = path
		}
		stamps[path] = stamp{size: info.Size(), modified: info.ModTime(), target: target}
	}
	return stamps
}
