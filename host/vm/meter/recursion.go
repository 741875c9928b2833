package meter

// recursion tells of each function that is defined here whether it pays for
// stack.
func (w *writer) recursion() []bool {
	recursive := make([]bool, len(w.bodies))
	for i, where := range w.bodies {
		if !w.body.read(where, w.params[w.types[i]]) {
			return nil
		}
		recursive[i] = w.indirect || len(w.callees) > 0
	}
	return recursive
}
