package host

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// maxRetiring is how many old generations there are at a time. Each of them has instances
// of all its filters for as long as one stream of it lasts.
const maxRetiring = 4

// reloadPatience is how long a reload that somebody asks for waits for one of them to end
// by itself, before it ends the oldest one.
const reloadPatience = 5 * time.Second

// retirement is the old generations that wait for their streams.
type retirement struct {
	mu      sync.Mutex // guards what follows
	old     []*generation
	changed chan struct{} // closed and replaced when one has ended, or begins to wait: another one serves
}

func (r *retirement) init() { r.changed = make(chan struct{}) }

func (r *retirement) add(g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.old = append(r.old, g)
	r.change()
}

func (r *retirement) remove(g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.old = slices.DeleteFunc(r.old, func(other *generation) bool { return other == g })
	r.change()
}

// change wakes who waits for room. The caller holds mu.
func (r *retirement) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *retirement) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.old)
}

// state is how many there are, the oldest one, and what is closed when that changes.
func (r *retirement) state() (n int, oldest *generation, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n = len(r.old); n > 0 {
		oldest = r.old[0]
	}
	return n, oldest, r.changed
}

// hasRoom tells whether one more generation can be started beside the one that serves and
// so many old ones.
func (g *Gateway) hasRoom(old int) bool {
	if old == 0 {
		return true
	}
	current := g.current.Load()
	for _, f := range current.config.Plugins() { // and not of those who have filters in older generations only
		if !current.shared.tenants[f.Tenant].HasRoom() {
			return false
		}
	}
	return old < maxRetiring && current.shared.memory.hasRoom()
}

// waitForRoom waits, before a reload that nobody but a changed file asks for, until there is
// room for another generation: a tenant who uploads again and again must neither multiply
// what he has, nor cut anybody's streams. What changes meanwhile is in the same reload.
func (g *Gateway) waitForRoom(ctx context.Context) error {
	for told := false; ; {
		n, _, changed := g.retirement.state()
		if g.hasRoom(n) {
			return nil
		}
		if !told {
			told = true
			g.log.Warn("the reload waits until requests of an older configuration have ended, or its drain time has: SIGHUP reloads at once",
				slog.Int("retiring", n), slog.Int("most", maxRetiring))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// makeRoom sees to it, before a reload, that there are not too many old generations, nor too
// much memory of operators' filters in them: for the oldest one the drain time is over then.
// It tells whether it had to wait for that.
func (g *Gateway) makeRoom(ctx context.Context) (waited bool, err error) {
	patience := time.NewTimer(reloadPatience)
	defer patience.Stop()
	for {
		n, oldest, changed := g.retirement.state()
		if n == 0 || n < maxRetiring && g.current.Load().shared.memory.hasRoom() {
			return waited, nil
		}
		if !waited {
			waited = true
			g.log.Info("the reload waits until requests of an older configuration have ended, or for a short time",
				slog.Int("retiring", n), slog.Int("most", maxRetiring), slog.Duration("patience", reloadPatience))
		}
		select {
		case <-changed:
		case <-patience.C:
			g.log.Warn("too many configurations have requests that go on, or their filters too much memory; the oldest one's drain time is over before its time",
				slog.Uint64("generation", oldest.number), slog.Int("most", maxRetiring))
			oldest.hurry()
			// It ends as soon as its callbacks do.
			patience.Reset(reloadPatience)
		case <-ctx.Done():
			return waited, context.Cause(ctx)
		}
	}
}

// retire lets a generation end in the background.
func (g *Gateway) retire(old *generation, drain time.Duration) {
	g.retirement.add(old)
	g.retiring.Add(1)
	go func() {
		defer g.retiring.Done()
		defer g.retirement.remove(old)
		old.retire(g.life, drain, g.log)
	}()
}

// retire waits until the last stream has left, or the drain time is over, or
// ctx ends, and frees everything. Streams that are still there go on as far as
// they need no filter any more.
func (g *generation) retire(ctx context.Context, drain time.Duration, log *slog.Logger) {
	g.retired.Store(true)
	g.mending.cancel()
	g.leave()
	timer := time.NewTimer(drain)
	defer timer.Stop()
	select {
	case <-g.idle:
	case <-timer.C:
		g.outlived(log)
	case <-g.hurried:
		g.outlived(log)
	case <-ctx.Done():
	}
	g.close(context.WithoutCancel(ctx))
}

// outlived tells of streams that go on though the drain time is over.
func (g *generation) outlived(log *slog.Logger) {
	if g.users.Load() == 0 {
		return
	}
	log.Warn("streams outlive the drain time of their generation; its filters end now",
		slog.Uint64("generation", g.number), slog.Int64("streams", g.users.Load()))
}

// hurry ends the drain time.
func (g *generation) hurry() { g.hurryOnce.Do(func() { close(g.hurried) }) }
