package meter

// bound refuses a module that would keep the compiler busy for too long. It is
// called for each function after it was read.
//
// wazero 1.12 walks from each part of a function's control flow up to the first
// (ssa.subPassLoopDetection, passBuildLoopNestingForest), and its register
// allocator looks at all values that are alive in each part for each other one.
// Measured here: 5 ns for a pair of parts and 0.5 ns for a pair of values in a
// part. 4,000 locals across 2,000 ifs, 60 KB of code, take it a minute and 1.8 GB.
func (b *body) bound() bool {
	const (
		perPair  = 8
		chargeIs = 2 // parts
	)
	parts, values := b.parts+1, min(uint64(b.locals)+uint64(b.highest), 1<<20)
	for _, e := range b.edits {
		if e.kind == charge || e.kind == bulk {
			parts += chargeIs
		}
	}
	// Parts are no more than a function has bytes, so this stays in 64 bits.
	b.complexity += parts * (perPair*(parts+b.targets) + values*values/2)
	if limit := b.options.Complexity; b.complexity > limit && b.err == nil {
		b.err = &LimitError{What: "units of complexity for the compiler", Have: b.complexity, Limit: limit}
	}
	return b.err == nil
}
