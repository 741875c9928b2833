package chain

// What the gateway does in a filter's name outside of its host calls, in units of fuel (a nanosecond each) for a byte, as
// measured. It is paid from what the filter, and its tenant's filters, may compute in a second.
const (
	// keptUnits is a body that is kept as it was, for a filter that the stream goes on without if it fails.
	keptUnits = 1
	// canonicalUnits is to bring a body that a filter has rewritten into its canonical form again: it is read as JSON.
	canonicalUnits = 20
	// partUnits is to make what a filter sees of a body that it is granted in parts, or to put back what it has changed.
	partUnits = 25
)
