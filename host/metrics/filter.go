package metrics

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
)

// Stage is what a filter was called for.
type Stage uint8

// The stages whose time is taken. Those that a configuration can name have its words
// as their label; see package plugin.
const (
	RequestHeaders Stage = iota
	RequestBody
	RequestTrailers
	ResponseHeaders
	ResponseBody
	ResponseTrailers
	NewConnection // it has left HTTP
	DownstreamData
	UpstreamData
	ConnectionClose // both callbacks about it
	Tick
	Queue
	Callout // the answer to a call
	stages
)

var stageNames = [stages]string{
	RequestHeaders:   "request_headers",
	RequestBody:      "request_body",
	RequestTrailers:  "request_trailers",
	ResponseHeaders:  "response_headers",
	ResponseBody:     "response_body",
	ResponseTrailers: "response_trailers",
	NewConnection:    "new_connection",
	DownstreamData:   "downstream_data",
	UpstreamData:     "upstream_data",
	ConnectionClose:  "connection_close",
	Tick:             "tick",
	Queue:            "queue",
	Callout:          "callout",
}

// String is the stage's label.
func (s Stage) String() string { return stageNames[s] }

// Trap is why an instance was lost.
type Trap uint8

// The reasons.
const (
	Crash Trap = iota // it trapped
	Fuel              // it computed for too long
	Panic             // the gateway failed on its behalf
	traps
)

var trapNames = [traps]string{"crash", "fuel", "panic"}

// shards is how many sets of counters of times there are, so that instances on
// different cores do not write to the same memory.
const shards = 8

// Filter is what the instances of one filter count.
type Filter struct {
	registry *Registry
	tenant   string // whose filter it is, "" for the operator's
	name     string
	log      *slog.Logger
	users    int // guarded by the registry's lock

	times      [shards][stages]timeHistogram
	fuel       [shards]fuelHistogram
	most       atomic.Int64 // fuel of one callback
	traps      [traps]atomic.Uint64
	dropped    atomic.Uint64 // log lines
	refused    [limits]atomic.Uint64
	notGranted [capability.Count]atomic.Uint64
	ticks      atomic.Uint64 // that were left out

	// What the guest defines. byID is replaced whole, and its first entry is empty.
	byID      atomic.Pointer[[]*metric]
	lost      atomic.Uint64 // definitions for which there was no room
	nextLost  atomic.Int64  // when the next line of the log is due of metrics that there are too many of
	nextTaken atomic.Int64  // and of names that are taken

	mu     sync.RWMutex       // guards what follows; taken after the registry's
	names  map[string]*metric // as they were written
	series map[string]*metric // by seriesKey
}

func (f *Filter) init() {
	f.log = f.registry.log.With(slog.String("filter", f.name))
	if f.tenant != "" {
		f.log = f.log.With(slog.String("tenant", f.tenant))
	}
	all := []*metric{nil}
	for kind := range abi.MetricTypeHistogram + 1 {
		all = append(all, newMetric(len(all), kind))
	}
	f.byID.Store(&all)
	f.names, f.series = make(map[string]*metric), make(map[string]*metric)
}

// Timed tells whether the time of callbacks is to be taken. A nil Filter takes none.
func (f *Filter) Timed() bool { return f != nil && f.registry.shown }

// Took notes how long a callback took. Instances of different numbers do not wait for
// each other.
func (f *Filter) Took(instance int, stage Stage, d time.Duration) {
	f.times[uint(instance)%shards][stage].observe(d)
}

// Trapped notes the loss of an instance.
func (f *Filter) Trapped(why Trap) { f.traps[why].Add(1) }

// Traps is how many instances were lost.
func (f *Filter) Traps() (n uint64) {
	for why := range f.traps {
		n += f.traps[why].Load()
	}
	return n
}

// Dropped notes a log line that was not written.
func (f *Filter) Dropped() { f.dropped.Add(1) }

// NotGranted notes a host call that the filter's capabilities do not grant.
func (f *Filter) NotGranted(c capability.Capability) { f.notGranted[c].Add(1) }
