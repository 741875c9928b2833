package host

import (
	"fmt"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// past is what a gateway remembers of a filter from one generation to the next, as long as
// nothing of the filter changes.
type past struct {
	key       string // what it is the past of
	history   plugin.History
	allowance *plugin.Allowance // nil where it may compute as much as it likes

	mu       sync.Mutex // guards what follows
	failed   error      // why it could not be started; nil if it was
	failures int        // to start it, in a row
	next     time.Time  // when it is tried again
}

// newPasts makes the pasts of a configuration's filters, by their names, of which those
// that did not change have what they had.
func newPasts(cfg *config.Config, before map[string]*past) map[string]*past {
	pasts := make(map[string]*past)
	for _, f := range cfg.Plugins() {
		key := fmt.Sprint(f.Digest(), cfg.Limits, cfg.LimitsOf(f.Tenant))
		p := before[f.Name]
		if p == nil || p.key != key || f.Digest() == "" {
			p = &past{key: key}
			if f.CPU > 0 {
				p.allowance = plugin.NewAllowance(f.CPU)
			}
		}
		pasts[f.Name] = p
	}
	return pasts
}

// rests is why the filter could not be started, as long as it is not to be tried again, or
// not by anybody who would have to wait for it.
func (p *past) rests() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil && (mayMend(p.failed) || time.Now().Before(p.next)) {
		return p.failed
	}
	return nil
}

// tried takes down how a start went.
func (p *past) tried(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed = err; err == nil {
		p.failures = 0
		return
	}
	p.next = time.Now().Add(min(mendFirst<<min(p.failures, 20), mendMost))
	p.failures++
}

// due is how long it takes until the filter is to be tried again.
func (p *past) due() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.next)
}
