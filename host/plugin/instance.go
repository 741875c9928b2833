package plugin

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/logs"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/vm"
)

// rootID is the context id of an instance's root context. Stream contexts
// count up from it.
const rootID = 1

// An Instance is one running module with its root context. It is the
// context.Context that its guest is called with, and so the hostcall.Caller of
// every host call.
type Instance struct {
	plugin *Plugin
	shard  int
	vm     *vm.Instance
	funcs  [callbackCount]*vm.Func
	alloc  *vm.Func
	root   rootContext

	// lost is set, and never reset, once the instance may not be entered again.
	lost atomic.Bool
	// served is set once a stream came to its end here.
	served atomic.Bool

	entrance        // its lock, held for one callback; guards what follows
	party    string // who has entered
	contexts map[uint32]*Stream
	nextID   uint32
	current  hostcall.Context // the effective context
	// restricted is set while only logs, clocks and WASI are to be served:
	// during start and while the guest allocates for a host call.
	restricted bool
	serving    bool  // the start is over
	timed      bool  // the time of its callbacks is taken
	used       int64 // fuel, by the last callback
	made       int64 // what making and starting it has cost, in units
	paid       int64 // the same of the last callback, and of what the host did for it
	prepaid    int64 // of made, while it was being started
	calledOff  error // why its start was; nil: it was not
	spent      bool  // it belonged to one stream, which is over
	ending     bool  // its root context is told of its end
	// finished holds contexts whose guest called proxy_done inside a callback;
	// they are deleted after it, since a guest is not entered twice.
	finished []*Stream
	pending  []*Stream   // contexts that wait for proxy_done, the oldest first
	expiry   *time.Timer // of the oldest
	tick     ticker
	callouts callouts
	deep
	asking
}

var _ hostcall.Caller = (*Instance)(nil)

// startInstance starts an instance and hands it its configuration, as ABI.md
// 1.6 orders it. Where terms call it off, the error is why.
func (p *Plugin) startInstance(shard int, terms startTerms) (*Instance, error) {
	i := &Instance{
		plugin:   p,
		shard:    shard,
		contexts: make(map[uint32]*Stream),
		nextID:   rootID,
	}
	i.timed = p.metrics.Timed()
	i.root.init(i)
	i.callouts.instance = i
	i.current = &i.root
	i.lock(p.ownParty)
	defer i.unlock()
	caller := i.caller()
	machine, err := p.module.Instantiate(vm.InstanceOptions{
		Context:  caller,
		Fuel:     vm.Fuel(p.options.StartTimeout),
		Memory:   vm.MemoryOptions{Limit: p.options.MemoryLimit, Pool: p.options.Memory, Refused: p.refusedMemory},
		Party:    p.ownParty,
		Pace:     i.startPace(terms),
		Strained: p.options.strained(),
		Stdout:   guestWriter{caller, abi.LogLevelInfo},
		Stderr:   guestWriter{caller, abi.LogLevelError},
	})
	if err != nil {
		return nil, &StartError{Step: "link", Err: err}
	}
	i.vm = machine
	defer func() {
		if !i.serving { // it failed, or panicked
			i.close()
		}
	}()
	err = i.begin()
	i.made = i.used + machine.StartUsed() + machine.Owed()
	if i.calledOff != nil { // what it did not use any more is nobody's to pay
		i.made = i.prepaid + machine.Owed()
	}
	i.payForStart(i.made)
	i.used = 0
	if err != nil {
		if p.ctx.Err() != nil { // which may be why it ended
			err = ErrClosed
		} else if i.calledOff != nil {
			err = i.calledOff
		}
		return nil, err
	}
	machine.SetPace(nil)
	machine.SetFuel(vm.Fuel(p.options.CallTimeout))
	i.serving = true
	return i, nil
}

func (i *Instance) begin() error {
	i.restricted = true
	if err := i.vm.Start(); err != nil {
		return &StartError{Step: "start", Err: err}
	}
	i.restricted = false
	for c, name := range callbackNames {
		i.funcs[c] = i.vm.Func(name)
	}
	if i.alloc = i.vm.Func(abi.ExportOnMemoryAllocate); i.alloc == nil {
		i.alloc = i.vm.Func(abi.ExportMalloc)
	}
	if _, err := i.call(onContextCreate, rootID, 0); err != nil {
		return &StartError{Step: "on_context_create", Err: err}
	}
	if err := i.configure(onVMStart, "VM configuration", abi.BufferTypeVMConfiguration, i.plugin.options.VMConfig); err != nil {
		return err
	}
	return i.configure(onConfigure, "configuration", abi.BufferTypePluginConfiguration, i.plugin.options.Config)
}

func (i *Instance) configure(c callback, what string, buffer abi.BufferType, config []byte) error {
	if i.funcs[c] == nil {
		return nil // nothing to refuse with
	}
	i.root.open(buffer, config)
	ok, err := i.call(c, rootID, uint64(len(config)))
	said := i.root.shut()
	step := callbackNames[c][len("proxy_"):]
	if err != nil {
		return &StartError{Step: step, Err: err}
	}
	if uint32(ok) == 0 {
		return &StartError{Step: step, Err: &errRefused{what: what, said: said}}
	}
	return nil
}

// call enters the guest with up to three arguments. The caller holds the lock.
// A guest that does not export the function has nothing to say: 0, no error.
// Any error takes the instance out of service. Without one the callback's word stands, and
// the instance may be lost all the same: by the end of another stream, which comes behind it.
func (i *Instance) call(c callback, args ...uint64) (uint64, error) {
	f := i.funcs[c]
	switch {
	case f == nil:
		return 0, nil
	case i.lost.Load():
		return 0, ErrInstanceLost
	}
	i.taken = 0
	stage := stageOf[c]
	var began time.Duration
	if stage != 0 && i.timed {
		began = metrics.Now()
	}
	result, err := f.Call(args...)
	if stage != 0 && i.timed {
		i.plugin.metrics.Took(i.shard, stage-1, metrics.Now()-began)
	}
	if i.serving {
		i.tally()
		i.plugin.heavy.count(i.party, i.plugin.ownParty, i.used, err)
	} else {
		i.used += i.vm.Used()
	}
	if err == nil && i.vm.Poisoned() {
		// The guest's allocator trapped inside a host call, which cannot stop
		// the callback around it.
		err = errAllocator
	}
	if err != nil {
		i.lose(err)
		return 0, err
	}
	if len(i.finished) > 0 {
		used := i.used // by this callback, and not by the ends of others' streams
		i.finish()
		i.used = used
	}
	return result, nil
}

// callRoot calls a callback of the root context's. The caller holds the lock.
func (i *Instance) callRoot(c callback, args ...uint64) error {
	i.current = &i.root
	defer func() { i.current = &i.root }()
	_, err := i.call(c, append([]uint64{rootID}, args...)...)
	return err
}

// lose takes the instance out of service after a trap. The caller holds the
// lock.
func (i *Instance) lose(err error) {
	if i.lost.Swap(true) {
		return
	}
	i.tick.disarm()
	defer i.plugin.replace(i)
	defer i.close()
	var trap *vm.TrapError
	attrs := []slog.Attr{slog.Any("error", err)}
	if errors.As(err, &trap) && trap.Stack != "" {
		attrs = append(attrs, slog.Any("stack", logs.Long(readable(trap.Stack))))
	}
	attrs = append(attrs, i.exceeded(trap)...)
	switch {
	case i.ending:
		// AssemblyScript's SDKs know no root context in proxy_on_done: that is no crash
		// that anybody has to hear of at each reload, nor one for the budget.
		i.plugin.tell(slog.LevelInfo, "the filter crashed when it was told of its end; nothing but what it wanted to do then is lost", attrs...)
	case i.serving: // else the error goes up to whoever starts it
		i.plugin.tell(slog.LevelError, "the filter crashed; its instance is discarded", attrs...)
		i.plugin.metrics.Trapped(why(err))
		i.plugin.crashed()
	}
}

// exceeded names the limit that a guest which trapped had come to, if that is one of the
// configuration's.
func (i *Instance) exceeded(trap *vm.TrapError) []slog.Attr {
	if trap == nil || !trap.OutOfFuel || !i.serving {
		return nil
	}
	return []slog.Attr{slog.String("limit", "limits.callback"), slog.String("value", i.plugin.options.CallTimeout.String())}
}

// memory is how many bytes of memory the guest has.
func (i *Instance) memory() int64 {
	if m := i.vm.Memory(); m != nil {
		return int64(m.Size())
	}
	return 0
}

// close frees the instance without another word to the guest.
func (i *Instance) close() {
	i.lost.Store(true)
	if i.expiry != nil {
		i.expiry.Stop()
	}
	i.callouts.close()
	for _, stream := range i.contexts {
		stream.state.Lost()
	}
	i.plugin.giveContexts(len(i.contexts))
	// Streams may hold on to the instance for long; it must not hold on to them.
	i.contexts, i.pending, i.finished = nil, nil, nil
	if err := i.plugin.protect(i.vm.Close); err != nil {
		i.plugin.log.Warn("cannot close an instance", slog.Any("error", err))
	}
}

// abandon closes an instance that no stream has had. The answer to a call that it
// made in its start may be on its way in.
func (i *Instance) abandon() {
	i.lock(i.plugin.ownParty)
	defer i.unlock()
	i.close()
}

// shutdown ends the root context and closes the instance. It waits for a
// callback that runs.
func (i *Instance) shutdown() {
	i.tick.disarm()
	i.lock(i.plugin.ownParty)
	defer i.unlock()
	if i.lost.Load() {
		return
	}
	i.current = &i.root
	// The guest cannot keep us: a root that answers false here, to finish its
	// work first, has had its drain time already.
	// There is no proxy_on_log: it is about streams, and SDKs take the context for one.
	i.ending = true
	for _, c := range [...]callback{onDone, onDelete} {
		if _, err := i.call(c, rootID); err != nil {
			return // lose has closed it
		}
	}
	if i.lost.Load() {
		return
	}
	i.close()
}

// finish deletes the contexts that called proxy_done. A trap of theirs is not that of the callback
// before. The caller holds the lock.
func (i *Instance) finish() {
	for len(i.finished) > 0 {
		stream := i.finished[len(i.finished)-1]
		i.finished = i.finished[:len(i.finished)-1]
		_ = stream.delete() // a trap has been dealt with by call, and none is left then
	}
}

// newID returns a context id that is not in use.
func (i *Instance) newID() uint32 {
	for {
		i.nextID++
		if i.nextID <= rootID { // wrapped round: 0 is reserved and 1 is the root
			i.nextID = rootID + 1
		}
		if _, used := i.contexts[i.nextID]; !used {
			return i.nextID
		}
	}
}

// The context.Context that the guest is called with. It carries no values and
// does not end: a callback ends by its fuel.

// Deadline implements context.Context.
func (i *Instance) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (i *Instance) Done() <-chan struct{} { return nil }

// Err implements context.Context.
func (i *Instance) Err() error { return nil }

// Value implements context.Context.
func (i *Instance) Value(any) any { return nil }

var _ context.Context = (*Instance)(nil)

// Allocate implements hostcall.Caller: it asks the guest for memory.
func (i *Instance) Allocate(size uint32) (uint32, bool) {
	before := i.restricted
	i.restricted = true
	ptr, err := i.alloc.Call(uint64(size))
	i.restricted = before
	if err != nil {
		return 0, false // call sees that the instance is poisoned
	}
	return uint32(ptr), uint32(ptr) != 0
}

// Current implements hostcall.Caller.
func (i *Instance) Current() hostcall.Context { return i.current }

// SetEffective implements hostcall.Caller.
func (i *Instance) SetEffective(id uint32) abi.Status {
	if id == rootID {
		i.current = &i.root
		return abi.StatusOK
	}
	if stream, ok := i.contexts[id]; ok {
		i.current = stream.state
		return abi.StatusOK
	}
	return abi.StatusBadArgument
}

// Charge implements hostcall.Caller.
func (i *Instance) Charge(units int64) bool { return i.vm.Charge(units) }

// Rest implements hostcall.Caller.
func (i *Instance) Rest() { i.vm.Rest() }

// ABIVersion implements hostcall.Caller.
func (i *Instance) ABIVersion() abi.Version { return i.plugin.version }

// Restricted implements hostcall.Caller.
func (i *Instance) Restricted() bool { return i.restricted }
