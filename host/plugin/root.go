package plugin

import (
	"encoding/binary"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// rootContext is what host calls act upon outside of a stream: during the
// start, in ticks, and after set_effective_context of the root.
type rootContext struct {
	instance *Instance
	values   map[string][]byte // set by the guest, by path
	size     int               // of values, with their paths
	// config is open, as the buffer of kind, during one configuration callback.
	config abi.Buffer
	kind   abi.BufferType
	isOpen bool
	said   string // the last complaint that the guest logged meanwhile
}

// What a guest may keep in its root context's properties, together: as much as in a stream's.
const (
	maxRootValues     = 256
	maxRootValueBytes = 64 << 10
)

func (r *rootContext) init(i *Instance) { r.instance = i }

// open offers a configuration for the length of one callback.
func (r *rootContext) open(kind abi.BufferType, config []byte) {
	r.kind, r.isOpen, r.said = kind, true, ""
	r.config.Bytes = config
}

func (r *rootContext) shut() (said string) {
	r.isOpen = false
	r.config.Bytes = nil
	return r.said
}

// hint is a comma-separated list that the guest keeps in one of our properties.
func (r *rootContext) hint(path string) []string {
	return strings.FieldsFunc(string(r.values[path]), func(c rune) bool { return c == ',' || c == ' ' })
}

// stages is the guest's hint at which stages it wants to be called, 0 where it
// gave none. A name that we do not know gives the hint up: being called too often
// is safe, too seldom is not.
func (r *rootContext) stages() Stages {
	stages, err := ParseStages(r.hint("sluice\x00stages"))
	if err != nil {
		r.instance.plugin.log.Warn("the filter's property sluice.stages is not understood; it is called at all stages that it would be without", "error", err)
		return 0
	}
	return stages
}

// HeaderMap implements hostcall.Context: there are none outside of a stream.
func (r *rootContext) HeaderMap(t abi.MapType, a hostcall.Access) (*abi.HeaderMap, abi.Status) {
	if a.Write || !t.Valid() {
		return nil, abi.StatusBadArgument
	}
	return nil, abi.StatusNotFound
}

// SetHeaderMap implements hostcall.Context.
func (r *rootContext) SetHeaderMap(abi.MapType, []abi.Pair) abi.Status { return abi.StatusBadArgument }

// Buffer implements hostcall.Context: a configuration, while its callback runs.
func (r *rootContext) Buffer(t abi.BufferType, write bool) (*abi.Buffer, abi.Status) {
	switch {
	case write || !t.Valid():
		return nil, abi.StatusBadArgument
	case r.isOpen && t == r.kind:
		return &r.config, abi.StatusOK
	default:
		return nil, abi.StatusNotFound
	}
}

// BufferLimit implements hostcall.Context. No buffer of a root is writable.
func (r *rootContext) BufferLimit() int { return 0 }

// Property implements hostcall.Context.
func (r *rootContext) Property(path string) ([]byte, abi.Status) {
	if value, ok := r.instance.plugin.Property(path); ok {
		return value, abi.StatusOK
	}
	if path == "plugin_vm_memory" { // Higress' name
		return binary.LittleEndian.AppendUint64(nil, uint64(r.instance.memory())), abi.StatusOK
	}
	if value, ok := r.values[path]; ok {
		return value, abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

// SetProperty implements hostcall.Context.
func (r *rootContext) SetProperty(path string, value []byte) abi.Status {
	old, known := r.values[path]
	size := r.size - len(old) + len(value)
	if !known {
		size += len(path)
	}
	if !known && len(r.values) >= maxRootValues || size > maxRootValueBytes {
		return abi.StatusBadArgument
	}
	if r.values == nil {
		r.values = make(map[string][]byte)
	}
	r.values[path] = append([]byte(nil), value...)
	r.size = size
	return abi.StatusOK
}

// SendLocalResponse implements hostcall.Context: a root has nobody to answer.
func (r *rootContext) SendLocalResponse(abi.LocalResponse) abi.Status { return abi.StatusBadArgument }

// ContinueStream implements hostcall.Context.
func (r *rootContext) ContinueStream(abi.StreamType) abi.Status { return abi.StatusBadArgument }

// CloseStream implements hostcall.Context.
func (r *rootContext) CloseStream(abi.StreamType) abi.Status { return abi.StatusBadArgument }

// ContextDone implements hostcall.Context. Roots end with their instance, so
// none is ever pending.
func (r *rootContext) ContextDone() abi.Status { return abi.StatusNotFound }

// SetTickPeriod implements hostcall.Context.
func (r *rootContext) SetTickPeriod(milliseconds uint32) abi.Status {
	r.instance.tick.set(r.instance, milliseconds)
	return abi.StatusOK
}

// CallForeignFunction implements hostcall.Context: there is no stream.
func (r *rootContext) CallForeignFunction(name string, arguments []byte, fuel hostcall.Fuel) ([]byte, abi.Status) {
	i := r.instance
	return i.callForeign(foreign.Call{Context: i.plugin.ctx, Name: name, Arguments: arguments, Fuel: fuel})
}

// Property is the value of a property that is the same for every context of
// the plugin: plugin_name, plugin_root_id and plugin_vm_id.
func (p *Plugin) Property(path string) ([]byte, bool) {
	switch path {
	case "plugin_name", "plugin_root_id":
		return []byte(p.options.Name), true
	case "plugin_vm_id":
		// C++ guests abort when this one is missing.
		return []byte(p.options.VMID), true
	}
	return nil, false
}
