package host

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sluice-gateway/sluice/host/config"
)

// watch reloads when a file of the configuration changes, until stop is
// called. Directories are watched and not files, because editors, Kubernetes
// and `mv` replace files; and every file is compared now and then, because
// network and overlay file systems keep their changes to themselves.
func (g *Gateway) watch() (stop func()) {
	settings := g.current.Load().config.Reload
	if g.load == nil || !settings.Watch {
		return func() {}
	}
	w := &watcher{gateway: g, settings: settings, watched: map[string]bool{}}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		g.log.Warn("cannot watch the configuration's files; they are only compared every now and then",
			slog.Any("error", err), slog.Duration("poll", settings.Poll))
	} else {
		w.notify = notify
	}
	w.follow(g.current.Load().config)
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

type watcher struct {
	gateway  *Gateway
	settings config.Reload
	notify   *fsnotify.Watcher // nil where the system has none
	files    map[string]bool   // what the configuration was made from
	watched  map[string]bool   // directories that notify watches
	seen     map[string]stamp  // for polling
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
	var polls <-chan time.Time
	if w.settings.Poll > 0 {
		ticker := time.NewTicker(w.settings.Poll)
		defer ticker.Stop()
		polls = ticker.C
	}
	// Once at the beginning: a file may have changed after it was read and before
	// it was watched.
	quiet := time.NewTimer(w.settings.Debounce)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if w.concerns(event.Name) {
				quiet.Reset(w.settings.Debounce)
			}
		case err := <-failures:
			w.gateway.log.Warn("watching the configuration's files", slog.Any("error", err))
			quiet.Reset(w.settings.Debounce) // events may have been lost
		case <-polls:
			if !maps.Equal(w.seen, w.stamps()) {
				quiet.Reset(w.settings.Debounce)
			}
		case <-quiet.C:
			w.reload(ctx)
		}
	}
}

// concerns tells whether a change of the path can change the configuration:
// its own files, whatever is in a directory that it takes as a whole, and the
// links (..data) by which Kubernetes swaps a mounted directory.
func (w *watcher) concerns(path string) bool {
	return w.files[path] || w.files[filepath.Dir(path)] || strings.HasPrefix(filepath.Base(path), "..")
}

func (w *watcher) reload(ctx context.Context) {
	err := w.gateway.Reload(ctx)
	switch {
	case err == nil:
		w.follow(w.gateway.current.Load().config)
		return
	case !errors.Is(err, ErrUnchanged) && ctx.Err() == nil:
		w.gateway.log.Error("the configuration was not reloaded; what was served before is served on", slog.Any("error", err))
	}
	w.seen = w.stamps() // tried: not again before the next change
}

// follow makes the files of cfg the ones that are watched.
func (w *watcher) follow(cfg *config.Config) {
	w.files = make(map[string]bool, len(cfg.Watch))
	dirs := make(map[string]bool)
	for _, path := range cfg.Watch {
		w.files[path] = true
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			dirs[path] = true
		}
		dirs[filepath.Dir(path)] = true
	}
	w.seen = w.stamps()
	if w.notify == nil {
		return
	}
	for dir := range w.watched {
		if !dirs[dir] {
			_ = w.notify.Remove(dir) // it may be gone
			delete(w.watched, dir)
		}
	}
	for dir := range dirs {
		if w.watched[dir] {
			continue
		}
		if err := w.notify.Add(dir); err != nil {
			w.gateway.log.Warn("cannot watch a directory of the configuration", slog.String("path", dir), slog.Any("error", err))
			continue
		}
		w.watched[dir] = true
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
