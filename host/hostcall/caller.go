package hostcall

import (
	"context"

	"github.com/sluice-gateway/sluice/abi"
)

// Caller is the instance that a host call comes from. It is itself the
// context.Context that its guest is called with, so that finding it costs a
// type assertion.
//
// Its methods are called by the goroutine that runs the guest.
type Caller interface {
	context.Context

	// Allocate asks the guest's allocator for size bytes; size is never 0. The
	// guest runs meanwhile: its memory may grow, and Restricted must be true.
	Allocate(size uint32) (ptr uint32, ok bool)

	// Current is the effective context: that of the running callback, or the
	// one that SetEffective chose. Never nil.
	Current() Context

	// SetEffective chooses the context that later host calls act upon.
	// BAD_ARGUMENT: there is no such context.
	SetEffective(id uint32) abi.Status

	// Callouts are the calls that this instance makes to other services. Never
	// nil.
	Callouts() Callouts

	// Log takes a line of the guest. The message is at most MaxLogBytes long
	// and may hold any bytes.
	Log(level abi.LogLevel, message string)

	// LogLevel is the lowest level that Log does not drop.
	LogLevel() abi.LogLevel

	// ABIVersion is the version that the guest was built for.
	ABIVersion() abi.Version

	Fuel

	// Shared is what the guest shares with others. Never nil.
	Shared() Shared

	// Metrics are what the guest defines and counts. Never nil.
	Metrics() Metrics

	// Restricted tells whether only logging and the clock are to be served, and
	// everything else answers INTERNAL_FAILURE: while the module starts, and
	// while the guest's allocator runs inside of another host call.
	Restricted() bool
}

// Shared is data and queues that a guest shares: with the other instances of its
// filter, and with the filters of its vm_id. What is passed in is the guest's memory
// and is copied; what is handed out is not changed while it is copied.
//
// Where a bound is exceeded, or a change cannot be kept, the status is
// INTERNAL_FAILURE; for a key or name that is too long BAD_ARGUMENT.
type Shared interface {
	// Kept tells whether changes go to a file, too.
	Kept() bool

	// GetData returns a value and its number for compare-and-set. NOT_FOUND.
	GetData(key []byte) (value []byte, cas uint32, status abi.Status)

	// SetData writes a value, if cas is 0 or the key's number. CAS_MISMATCH.
	SetData(key, value []byte, cas uint32) abi.Status

	// DeleteData removes a key, if cas is 0 or the key's number; one that is not there
	// has none. CAS_MISMATCH.
	DeleteData(key []byte, cas uint32) abi.Status

	// RegisterQueue opens the vm_id's queue of that name, and has proxy_on_queue_ready
	// called for it.
	RegisterQueue(name string) (queue uint32, status abi.Status)

	// ResolveQueue finds a queue that was registered under a vm_id; "" is the
	// guest's own. NOT_FOUND.
	ResolveQueue(vmID, name string) (queue uint32, status abi.Status)

	// Enqueue appends an item. NOT_FOUND: no queue that was registered or resolved
	// has this number.
	Enqueue(queue uint32, item []byte) abi.Status

	// Dequeue takes the first item. NOT_FOUND, EMPTY.
	Dequeue(queue uint32) (item []byte, status abi.Status)

	// Requeue puts an item back that could not be handed to the guest.
	Requeue(queue uint32, item []byte)
}

// Metrics are the counters, gauges and histograms of a filter, all its instances
// together.
type Metrics interface {
	// DefineMetric returns the number of the metric of that name, which is the
	// guest's memory and at most MaxMetricName bytes. BAD_ARGUMENT: the type is
	// unknown, or not that of the name.
	DefineMetric(kind abi.MetricType, name []byte) (id uint32, status abi.Status)

	// RecordMetric sets a gauge, adds to a counter, or counts a value in a histogram.
	// NOT_FOUND.
	RecordMetric(id uint32, value uint64) abi.Status

	// IncrementMetric adds to a counter or gauge. NOT_FOUND; BAD_ARGUMENT: that cannot
	// be added to it.
	IncrementMetric(id uint32, delta int64) abi.Status

	// Metric is the value of a counter, or the bits of a gauge's. NOT_FOUND;
	// BAD_ARGUMENT: it has no value.
	Metric(id uint32) (value uint64, status abi.Status)
}

// Fuel is what the call that a guest is in may still cost.
type Fuel interface {
	// Charge takes fuel for what is about to be done in the guest's name, and
	// tells whether there was as much. Where there was not, it is not done, and
	// the guest traps when it is back.
	Charge(units int64) bool

	// Rest says that the call waits for something, maybe for long, and computes
	// nothing meanwhile.
	Rest()
}

// Access is what a host call does with a header map.
type Access struct {
	Write bool
	// One says that it is about one field, whose key is Key, in the guest's memory, and
	// which may be empty; otherwise about the map as a whole.
	One bool
	Key []byte
}

// Context is what a host call acts upon: a root context or a stream's.
//
// Where a method may answer NOT_FOUND, that means something that exists in the
// ABI but has nothing to show now; BAD_ARGUMENT means something unknown, or that
// must not be changed now.
type Context interface {
	// HeaderMap returns a map for what Access says. NOT_FOUND: valid but
	// not available for reading. BAD_ARGUMENT: unknown, or not writable now. What is
	// returned may be a part of the map where it is to be read as a whole.
	HeaderMap(t abi.MapType, a Access) (*abi.HeaderMap, abi.Status)

	// SetHeaderMap replaces all fields of a map, which takes the pairs over. It has the
	// statuses of HeaderMap.
	SetHeaderMap(t abi.MapType, pairs []abi.Pair) abi.Status

	// Buffer returns a buffer for reading, or for writing, with the statuses of
	// HeaderMap. A buffer for writing must own its memory.
	Buffer(t abi.BufferType, write bool) (*abi.Buffer, abi.Status)

	// BufferLimit is the number of bytes that a guest may grow a buffer to.
	BufferLimit() int

	// Property returns a property. The path is as the guest gave it, its
	// segments separated by NUL; abi.SplitPath takes it apart. The value is
	// copied before anything else runs. NOT_FOUND: no such property.
	Property(path string) ([]byte, abi.Status)

	// SetProperty sets a property. The value is the guest's memory, at most
	// MaxPropertyBytes of it: what is kept must be copied.
	SetProperty(path string, value []byte) abi.Status

	// SendLocalResponse answers the stream instead of the upstream. The
	// response, whose body is within BufferLimit, is the callee's to keep.
	SendLocalResponse(abi.LocalResponse) abi.Status

	// ContinueStream lets a held direction of the stream go on. The type is
	// valid.
	ContinueStream(abi.StreamType) abi.Status

	// CloseStream ends the stream. The type is valid.
	CloseStream(abi.StreamType) abi.Status

	// ContextDone is proxy_done: the guest has finished what its proxy_on_done
	// asked more time for. NOT_FOUND: it did not ask.
	ContextDone() abi.Status

	// CallForeignFunction calls a function of the host that is not in the ABI.
	// The arguments are the guest's memory. What the function costs is taken
	// from fuel. NOT_FOUND: there is no function of that name.
	CallForeignFunction(name string, arguments []byte, fuel Fuel) ([]byte, abi.Status)

	// SetTickPeriod asks for proxy_on_tick of the root every so many milliseconds; 0
	// stops it. BAD_ARGUMENT: it is not granted.
	SetTickPeriod(milliseconds uint32) abi.Status
}
