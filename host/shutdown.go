package host

import (
	"context"
	"errors"
	"net"
	"time"
)

// cutGrace is how long Shutdown waits, when its context has ended, for what was cut to end: a callback that computes
// does so for as long as it may, and what an embedding program's functions do is theirs.
const cutGrace = 5 * time.Second

// Shutdown stops accepting, closes idle connections, and waits for the streams
// that run until they end or ctx does; then it cuts what is left. It returns
// ctx's error when something had to be cut.
//
// Reloads end, too, and nobody waits for filters that start. When ctx has ended, Shutdown returns as soon as
// everything is freed, but in five seconds at most: what is not by then is freed when it can be.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	var errs []error
	for _, l := range g.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for c := range g.conns {
		c.closeWhenIdle()
	}
	g.mu.Unlock()

	served := make(chan struct{})
	go func() {
		g.serving.Wait()
		close(served)
	}()
	select {
	case <-served:
		g.kill(errShutDown)
	case <-ctx.Done():
		errs = append(errs, context.Cause(ctx))
		g.cut()
	}
	freed := make(chan error, 1)
	go func() {
		<-served
		freed <- g.free()
	}()
	select {
	case err := <-freed:
		errs = append(errs, err)
	case <-afterwards(ctx, cutGrace):
		errs = append(errs, errors.New("a filter's callback, or what it called, has not ended yet"), context.Cause(ctx))
	}
	// The last to go: until here it could be asked what is still going on.
	errs = append(errs, g.admin.stop())
	return errors.Join(errs...)
}

// afterwards is closed some time after ctx has ended.
func afterwards(ctx context.Context, grace time.Duration) <-chan struct{} {
	over := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(over) }) })
	return over
}

// cut ends every connection where it stands, and what waits in the name of filters.
func (g *Gateway) cut() {
	g.kill(errShutDown)
	current := g.current.Load()
	current.quiesce()
	for _, p := range current.plugins() {
		p.Abandon()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.abort()
	}
}

// free frees everything when the last stream has ended. The reload that goes on ends by itself, since life has.
func (g *Gateway) free() error {
	g.reloading <- struct{}{} // after this no reload swaps the generation any more
	defer func() { <-g.reloading }()
	g.retiring.Wait()
	last := g.current.Load()
	if last.users.Load() == 0 {
		return nil // by another Shutdown
	}
	last.retire(g.life, 0, g.log)
	g.engine.release(context.Background())
	return g.store.Close()
}
