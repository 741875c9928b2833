package plugin

// deep is how many filters' calls what an instance does is inside of, beyond the stream
// that it acts for: what it takes from a queue may have been put there inside of a call,
// and a loop through a queue is to end as one without does. Guarded by the instance's lock.
type deep struct {
	taken int // by the running callback from queues: the deepest item
	last  int // the item taken last
}

// depth is how many filters' calls what the guest does now is inside of.
func (i *Instance) depth() int {
	depth := i.taken
	if stream, ok := i.current.(interface{ Depth() int }); ok {
		depth = max(depth, stream.Depth())
	}
	if about := i.callouts.about; about != nil {
		depth = max(depth, about.depth)
	}
	return depth
}
