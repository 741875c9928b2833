package plugin

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/logs"
	"github.com/sluice-gateway/sluice/host/vm"
)

// A Tenant is what the filters of one tenant may use together, and have used. What
// one has used up is missing to no other, nor to filters that are nobody's: those
// have no Tenant, which is nil. There is one for each generation, and what is used of
// one is used of all of them; see Next. It is safe for concurrent use.
type Tenant struct {
	limits   TenantLimits
	cpu      *Allowance
	starts   *Allowance     // what of cpu starts may take
	compiles *Allowance     // what compiling may take, beside cpu
	isNew    bool           // this generation is the first that knows it
	credit   atomic.Int64   // beside starts, of this generation's filters that came up before
	refused  *Allowance     // see TurnAway
	memory   *vm.MemoryPool // of this generation's filters
	total    *vm.MemoryPool // of all generations'

	contexts, calls, held quota
	lines                 *logs.Bucket
	questions             chan struct{} // has one for each that is under way; nil for no bound
}

// TenantLimits bound a Tenant. The zero value of each but Name bounds nothing.
type TenantLimits struct {
	Name string
	// CPU is how much its filters may compute in a second; see NewAllowance.
	CPU time.Duration
	// Memory is how many bytes all instances of them may have.
	Memory uint64
	// Contexts is how many streams may be open in them, each of which counts once
	// for each filter that it came to.
	Contexts int
	// Callouts is how many calls to services they may have under way.
	Callouts int
	// Held is how many bytes of bodies they may hold, in all streams.
	Held int64
	// Resolves is how many questions to the engine about what names mean they may
	// have under way; further ones wait a second at most.
	Resolves int
	// Log bounds the lines that they log, together.
	Log LogLimit
}

// NewTenant returns one that has used nothing.
func NewTenant(limits TenantLimits) *Tenant {
	t := &Tenant{
		limits:   limits,
		contexts: newQuota(int64(limits.Contexts)),
		calls:    newQuota(int64(limits.Callouts)),
		held:     newQuota(limits.Held),
		lines:    new(logs.Bucket),
		isNew:    true,
		refused:  NewAllowance(refusedMost * refusedUnits),
	}
	t.limitQuestions()
	t.limitCPU()
	t.limitMemory()
	return t
}

// Next is the same tenant for the filters of the next generation: what t's filters have,
// and have used, is missing to them, so that nobody gets more by reloading. Only memory is
// there twice, since new instances have to start beside the old ones: a generation's filters
// have limits.Memory at most, and those of all generations twice as much. Rates and pools
// whose limit has changed begin anew.
func (t *Tenant) Next(limits TenantLimits) *Tenant {
	if t == nil {
		return NewTenant(limits)
	}
	next := &Tenant{
		limits:    limits,
		contexts:  t.contexts.next(int64(limits.Contexts)),
		calls:     t.calls.next(int64(limits.Callouts)),
		held:      t.held.next(limits.Held),
		lines:     t.lines,
		questions: t.questions,
		cpu:       t.cpu,
		starts:    t.starts,
		compiles:  t.compiles,
		refused:   t.refused,
		total:     t.total,
	}
	if limits.Resolves != t.limits.Resolves {
		next.limitQuestions()
	}
	if limits.CPU != t.limits.CPU {
		next.limitCPU()
	}
	if limits.Memory != t.limits.Memory {
		next.total = nil
	}
	next.limitMemory()
	next.giveCredit()
	return next
}

// giveCredit gives a generation its credit.
func (t *Tenant) giveCredit() {
	if t.cpu != nil {
		t.credit.Store(t.cpu.perSecond / creditPart)
	}
}

func (t *Tenant) limitQuestions() {
	if t.questions = nil; t.limits.Resolves > 0 {
		t.questions = make(chan struct{}, t.limits.Resolves)
	}
}

func (t *Tenant) limitCPU() {
	if t.cpu, t.starts, t.compiles = nil, nil, nil; t.limits.CPU > 0 {
		t.cpu = NewAllowance(t.limits.CPU)
		t.starts = partOf(t.limits.CPU, startBurst, startPart)
		t.compiles = partOf(t.limits.CPU, compileBurst, compilePart)
	}
}

// limitMemory makes the pool of a generation, and unless there is one that of all.
func (t *Tenant) limitMemory() {
	if t.limits.Memory == 0 {
		return
	}
	name := "tenant_limits.memory of tenant " + t.limits.Name
	if t.total == nil {
		t.total = vm.NewMemoryPool("twice "+name+" for all generations", 2*min(t.limits.Memory, 1<<61), nil)
	}
	t.memory = vm.NewMemoryPool(name, t.limits.Memory, t.total)
}

// Idle tells whether no filter of the tenant's has anything that counts.
func (t *Tenant) Idle() bool {
	return t.contexts.used.Load() == 0 && t.calls.used.Load() == 0 && t.held.used.Load() == 0 && t.total.Used() == 0
}

// HasRoom tells whether the filters of one more generation could have all the memory that
// they may.
func (t *Tenant) HasRoom() bool {
	return t == nil || t.total == nil || t.total.Check(t.limits.Memory) == nil
}

// Memory is what the memory of its filters' instances is taken from; nil is bounded
// by nothing.
func (t *Tenant) Memory() *vm.MemoryPool {
	if t == nil {
		return nil
	}
	return t.memory
}

// Name is the tenant's, "" for nil.
func (t *Tenant) Name() string {
	if t == nil {
		return ""
	}
	return t.limits.Name
}

func (t *Tenant) allowance() *Allowance {
	if t == nil {
		return nil
	}
	return t.cpu
}

// Tenant is the name of the tenant whose filter it is, "" for the operator's own.
func (p *Plugin) Tenant() string { return p.options.Tenant.Name() }

// spend takes out of the allowances what a callback has used.
func (p *Plugin) spend(units int64) {
	p.options.Allowance.spend(units)
	p.options.Tenant.allowance().spend(units)
}

// strained tells whether one of the allowances is. Nil: there are none.
func (o *Options) strained() func() bool {
	own, tenants := o.Allowance, o.Tenant.allowance()
	if own == nil && tenants == nil {
		return nil
	}
	return func() bool { return own.strained() || tenants.strained() }
}

// exhausted tells whether the filter may not compute now, and for how long about.
func (p *Plugin) exhausted() (bool, time.Duration) { return p.options.exhausted() }

func (o *Options) exhausted() (bool, time.Duration) {
	empty, need := o.Allowance.empty()
	emptyTenant, needTenant := o.Tenant.allowance().empty()
	return empty || emptyTenant, max(need, needTenant)
}

// waitAllowed is for instances that nobody waits for yet. False means that the plugin is
// closed.
func (p *Plugin) waitAllowed() bool { return p.options.WaitAllowed(p.ctx) }

// WaitAllowed returns when the filter may compute, however long that takes. False means
// that ctx ended before that.
func (o *Options) WaitAllowed(ctx context.Context) bool { return wait(ctx, o.exhausted) }

// A LimitError says that a filter, or the tenant whose it is, has come to a limit.
// The filter is named by whoever shows it.
type LimitError struct {
	Tenant string // "" for a limit of the filter's own
	Limit  string // as the configuration calls it
	Value  string // of the limit
	Err    error  // what it means
}

func (e *LimitError) Error() string {
	if e.Tenant != "" {
		return e.Err.Error() + " (tenant " + e.Tenant + ", " + e.Limit + ": " + e.Value + ")"
	}
	return e.Err.Error() + " (" + e.Limit + ": " + e.Value + ")"
}

func (e *LimitError) Unwrap() error { return e.Err }

// ErrStream is returned by callbacks of a stream in which the filter has computed
// more than it may.
var ErrStream = errors.New("the filter has used up what it may compute for one stream")
