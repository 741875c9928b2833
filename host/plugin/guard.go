package plugin

import (
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// A guard stands in for an instance whose filter is not granted everything: its
// host calls come to the guard, which asks the grants and passes on what they
// allow. The guest of a filter that is granted everything calls the instance itself,
// and nothing is asked.
//
// What a refused call answers is what SDKs take best: see RATIONALE.md of package
// host.
type guard struct {
	*Instance
	grants  *capability.Grants
	context guardedContext
	shared  guardedShared
	metrics guardedMetrics
}

var _ hostcall.Caller = (*guard)(nil)

// caller is what the instance's guest makes its host calls to.
func (i *Instance) caller() hostcall.Caller {
	grants := i.plugin.options.Grants
	if grants == nil {
		return i
	}
	g := &guard{Instance: i, grants: grants}
	g.context.guard = g
	g.shared = guardedShared{(*shared)(i), g}
	g.metrics = guardedMetrics{i.plugin.metrics, g}
	return g
}

// Current implements hostcall.Caller.
func (g *guard) Current() hostcall.Context {
	g.context.Context = g.current
	return &g.context
}

// Shared implements hostcall.Caller.
func (g *guard) Shared() hostcall.Shared { return g.shared }

// Metrics implements hostcall.Caller.
func (g *guard) Metrics() hostcall.Metrics { return g.metrics }

// Log implements hostcall.Caller. What a guest says while it refuses its
// configuration is heard all the same: it goes into the error.
func (g *guard) Log(level abi.LogLevel, message string) {
	if g.grants.Has(capability.Log) {
		g.Instance.Log(level, message)
		return
	}
	if g.root.isOpen && level >= abi.LogLevelWarn {
		g.root.said = message
	}
	g.refuse(capability.Log, "")
}

// refuse counts what the filter was refused. It is the statuses' only source, so
// that nothing is refused in silence.
func (g *guard) refuse(c capability.Capability, name string) {
	g.plugin.refusals.note(g.plugin, c, name)
}

// maxGuardedName is how long a name may be that is looked for among the grants. Those
// that are longer are granted with all of a capability only.
const maxGuardedName = 4 << 10

// allows asks for a name, and counts it where it is refused. Asking costs fuel: what
// a guest may call as often as it likes must not cost the host more than the guest.
func (g *guard) allows(c capability.Capability, name string) bool {
	if !g.Charge(g.grants.Units(c) + int64(len(name))/8) {
		return false // it traps when it is back
	}
	if len(name) > maxGuardedName && !g.grants.All(c) {
		g.refuse(c, name)
		return false
	}
	if g.grants.Allows(c, name) {
		return true
	}
	g.refuse(c, name)
	return false
}

// allowsBytes is allows for a name in the guest's memory, which may be of any length.
func (g *guard) allowsBytes(c capability.Capability, name []byte) bool {
	return g.allows(c, string(name[:min(len(name), maxGuardedName+1)]))
}

// has asks for a capability without names.
func (g *guard) has(c capability.Capability) bool {
	if g.grants.Has(c) {
		return true
	}
	g.refuse(c, "")
	return false
}

// guardedMetrics are the metrics that a filter may define.
type guardedMetrics struct {
	hostcall.Metrics
	guard *guard
}

// DefineMetric implements hostcall.Metrics. What is refused is counted in vain, as
// are metrics for which there is no room: SDKs crash at any status but OK.
func (m guardedMetrics) DefineMetric(kind abi.MetricType, name []byte) (uint32, abi.Status) {
	if m.guard.allowsBytes(capability.Metrics, name) {
		return m.Metrics.DefineMetric(kind, name)
	}
	return m.guard.plugin.metrics.Nowhere(kind)
}

// guardedShared is what a filter may share.
type guardedShared struct {
	*shared
	guard *guard
}

// GetData implements hostcall.Shared.
func (s guardedShared) GetData(key []byte) ([]byte, uint32, abi.Status) {
	if !s.guard.allowsBytes(capability.ReadSharedData, key) {
		return nil, 0, abi.StatusNotFound
	}
	return s.shared.GetData(key)
}

// SetData implements hostcall.Shared.
func (s guardedShared) SetData(key, value []byte, cas uint32) abi.Status {
	if !s.guard.allowsBytes(capability.WriteSharedData, key) {
		return abi.StatusBadArgument
	}
	return s.shared.SetData(key, value, cas)
}

// DeleteData implements hostcall.Shared.
func (s guardedShared) DeleteData(key []byte, cas uint32) abi.Status {
	if !s.guard.allowsBytes(capability.WriteSharedData, key) {
		return abi.StatusBadArgument
	}
	return s.shared.DeleteData(key, cas)
}

// RegisterQueue implements hostcall.Shared.
func (s guardedShared) RegisterQueue(name string) (uint32, abi.Status) {
	if !s.guard.allows(capability.ReadQueues, name) {
		return 0, abi.StatusBadArgument
	}
	id, status := s.shared.RegisterQueue(name)
	if status == abi.StatusOK {
		s.plugin.handedOut.add(id, queueUse{takes: true, puts: s.guard.grants.Allows(capability.WriteQueues, name)})
	}
	return id, status
}

// ResolveQueue implements hostcall.Shared.
func (s guardedShared) ResolveQueue(vmID, name string) (uint32, abi.Status) {
	if vmID != "" && vmID != s.plugin.options.VMID && !s.guard.allows(capability.Namespaces, vmID) ||
		!s.guard.allows(capability.WriteQueues, name) {
		return 0, abi.StatusNotFound
	}
	id, status := s.shared.ResolveQueue(vmID, name)
	if status == abi.StatusOK {
		s.plugin.handedOut.add(id, queueUse{puts: true})
	}
	return id, status
}

// Enqueue implements hostcall.Shared. The numbers of queues can be guessed: only
// those count that the filter was given.
func (s guardedShared) Enqueue(queue uint32, item []byte) abi.Status {
	if !s.plugin.handedOut.use(queue).puts {
		s.guard.refuse(capability.WriteQueues, "")
		return abi.StatusNotFound
	}
	return s.shared.Enqueue(queue, item)
}

// Dequeue implements hostcall.Shared.
func (s guardedShared) Dequeue(queue uint32) ([]byte, abi.Status) {
	if !s.plugin.handedOut.use(queue).takes {
		s.guard.refuse(capability.ReadQueues, "")
		return nil, abi.StatusNotFound
	}
	return s.shared.Dequeue(queue)
}
