package metrics

// Limit is what a filter was refused more of, by a limit of its own, of its tenant or
// of all.
type Limit uint8

// The limits whose refusals are counted. Log lines and metrics are counted by
// themselves.
const (
	Memory Limit = iota
	Shared       // keys, values, items of queues
	Callouts
	Contexts  // streams at a time
	Held      // bytes of bodies
	Depth     // of calls inside of each other
	Resolves  // questions to the engine at a time
	Instances // of a stream each, with isolation: stream
	limits
)

var limitNames = [limits]string{"memory", "shared", "callouts", "contexts", "held", "depth", "resolves", "instances"}

// Refused notes that the filter, or the stream that it was to judge, was refused
// something.
func (f *Filter) Refused(what Limit) { f.refused[what].Add(1) }

// SkippedTicks notes ticks that were due and did not come.
func (f *Filter) SkippedTicks(n int) { f.ticks.Add(uint64(n)) }

// Refusals is how often the filter was refused something, by the names of the limits;
// those that it never came to are left out.
func (f *Filter) Refusals() map[string]uint64 {
	all := make(map[string]uint64)
	for what := range f.refused {
		if n := f.refused[what].Load(); n > 0 {
			all[limitNames[what]] = n
		}
	}
	return all
}
