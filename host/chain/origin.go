package chain

// An Origin is the stream on whose behalf a filter calls the gateway that it is in.
type Origin struct {
	// Client is the stream's.
	Client Client
	// RequestID is the stream's.
	RequestID string
	// Depth is how many filters' calls the stream is inside of itself.
	Depth int
}

// The properties of a stream that is a filter's call. They are facts of the
// client: what a request says, or a filter sets, never changes them.
const (
	calloutPrefix = "sluice\x00callout_"
	// CalloutDepth is how many filters' calls the stream is inside of, from 1.
	CalloutDepth = calloutPrefix + "depth"
	// CalloutFilter is the name of the filter that made the call.
	CalloutFilter = calloutPrefix + "filter"
)

// Depth is how many filters' calls the stream is inside of.
func (f *filterStream) Depth() int { return f.stream.info.Depth }

// Origin is what package plugin asks of whoever makes a call: an Origin, or nil
// outside of the stream's own callbacks, as in a tick that made it the effective
// context.
func (f *filterStream) Origin() any {
	if f.stage == 0 {
		return nil
	}
	s := f.stream
	return Origin{Client: s.info.Client, RequestID: s.info.RequestID, Depth: s.info.Depth}
}
