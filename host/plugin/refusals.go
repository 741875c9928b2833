package plugin

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sluice-gateway/sluice/host/capability"
)

// The bounds of what is kept of refusals: names come from the guest.
const (
	maxRefusedNames = 8
	maxRefusedName  = 128
)

// refusals are what a filter was refused since it was started.
type refusals struct {
	counts [capability.Count]atomic.Uint64
	full   [capability.Count]atomic.Bool // its names are all that are kept

	mu    sync.Mutex // guards what follows
	names [capability.Count][]string
}

// A Refusal is a capability that a filter used and was not granted.
type Refusal struct {
	Capability capability.Capability
	// Count is how often.
	Count uint64
	// Names are some of the names that it gave; none for a capability without.
	Names []string
	// Line grants them, below capabilities.
	Line string
}

// note counts a refusal. The first one of a capability is logged.
func (r *refusals) note(p *Plugin, c capability.Capability, name string) {
	p.metrics.NotGranted(c)
	first := r.counts[c].Add(1) == 1
	name = name[:min(len(name), maxRefusedName)]
	if name != "" && !r.full[c].Load() {
		r.keep(c, name)
	}
	if !first {
		return
	}
	attrs := []any{slog.String("capability", c.String())}
	var names []string
	if name != "" {
		names = []string{name}
		attrs = append(attrs, slog.String("name", name))
	}
	p.log.Warn("the filter is refused what it is not granted; it is counted from now on, and not logged again",
		append(attrs, slog.String("to_grant", "capabilities: {"+c.Line(names...)+"}"))...)
}

func (r *refusals) keep(c capability.Capability, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.names[c], name) && len(r.names[c]) < maxRefusedNames {
		r.names[c] = append(r.names[c], name)
		r.full[c].Store(len(r.names[c]) == maxRefusedNames)
	}
}

// NotGranted is what the filter was refused since it was started, in the order of the
// capabilities.
func (p *Plugin) NotGranted() []Refusal {
	r := &p.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Refusal
	for c := range capability.Capability(capability.Count) {
		if n := r.counts[c].Load(); n > 0 {
			names := slices.Clone(r.names[c])
			all = append(all, Refusal{c, n, names, c.Line(names...)})
		}
	}
	return all
}

// Refuse notes what was refused to the filter on its stream's way.
func (p *Plugin) Refuse(c capability.Capability, names ...string) {
	for _, name := range names {
		p.refusals.note(p, c, name)
	}
}

// Grants are what the filter may do; nil is everything.
func (p *Plugin) Grants() *capability.Grants { return p.options.Grants }

// handedOut are the queues whose numbers a filter was given, and what for.
type handedOut struct {
	mu   sync.Mutex
	uses map[uint32]queueUse
}

type queueUse struct{ takes, puts bool }

func (h *handedOut) add(queue uint32, use queueUse) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.uses == nil {
		h.uses = make(map[uint32]queueUse)
	}
	before := h.uses[queue]
	h.uses[queue] = queueUse{use.takes || before.takes, use.puts || before.puts}
}

func (h *handedOut) use(queue uint32) queueUse {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.uses[queue]
}
