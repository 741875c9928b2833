package meter

// A function that cannot come back to itself, however it is called, need not pay
// for its stack: the longest way through such functions is known beforehand. In
// most filters that is nearly all of them.
//
// Through a table any function may be called whose address is taken. A host
// function that calls back into the guest has to bound by itself how often.

// graph says which function calls which. Beside the functions that are defined
// here it has one node that stands for all that an indirect call may reach.
type graph struct {
	from  []int32 // where the callees of each node begin; one more at the end
	calls []int32
	frame []int64 // of each node
}

// callGraph reads all functions, and so checks them, too.
func (w *writer) callGraph() *graph {
	n := int32(len(w.bodies))
	g := &graph{from: make([]int32, 0, n+2), frame: make([]int64, 0, n+1)}
	add := func(callees []uint32) {
		for _, callee := range callees {
			// An imported function is the host's. One that does not exist is for
			// the compiler to refuse.
			if callee >= w.imported && callee-w.imported < uint32(n) {
				g.calls = append(g.calls, int32(callee-w.imported))
			}
		}
	}
	for i, where := range w.bodies {
		if !w.body.read(where, w.params[w.types[i]]) {
			return nil
		}
		g.from = append(g.from, int32(len(g.calls)))
		g.frame = append(g.frame, frameSize(w.locals, w.instructions))
		add(w.callees)
		if w.indirect {
			g.calls = append(g.calls, n)
		}
	}
	g.from = append(g.from, int32(len(g.calls)))
	g.frame = append(g.frame, 0)
	add(w.taken)
	g.from = append(g.from, int32(len(g.calls)))
	return g
}

// recursion tells of each function that is defined here whether it pays for
// stack.
func (w *writer) recursion() []bool {
	g := w.callGraph()
	if g == nil {
		return nil
	}
	cyclic, depth := g.cycles()
	if depth > w.options.Stack {
		// Without any recursion it goes deeper than allowed.
		for i := range cyclic {
			cyclic[i] = true
		}
	}
	return cyclic[:len(w.bodies)]
}

// cycles finds the nodes that lie on a cycle, and the size of the largest stack
// of frames of other nodes. This is Tarjan's algorithm for strongly connected
// components, with a stack of its own, since the graph may be as deep as it is
// large.
func (g *graph) cycles() (cyclic []bool, deepest int64) {
	n := len(g.frame)
	cyclic = make([]bool, n)
	var (
		order   = make([]int32, n) // in which nodes were found, from 1; 0 is not yet
		low     = make([]int32, n) // the first node that can be reached
		next    = make([]int32, n) // the call to look at
		inside  = make([]bool, n)  // is in a component that is not complete
		beneath = make([]int64, n) // the largest stack of a node and what it calls
		path    []int32            // of calls that are being followed
		open    []int32            // nodes of components that are not complete
		count   int32
	)
	visit := func(v int32) {
		count++
		order[v], low[v], next[v], inside[v] = count, count, g.from[v], true
		path, open = append(path, v), append(open, v)
	}
	for root := range int32(n) {
		if order[root] == 0 {
			visit(root)
		}
		for len(path) > 0 {
			v := path[len(path)-1]
			if next[v] < g.from[v+1] {
				callee := g.calls[next[v]]
				next[v]++
				switch {
				case order[callee] == 0:
					visit(callee)
				case inside[callee]:
					low[v] = min(low[v], order[callee])
					cyclic[v] = cyclic[v] || callee == v
				default:
					beneath[v] = max(beneath[v], beneath[callee])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				caller := path[len(path)-1]
				low[caller] = min(low[caller], low[v])
			}
			if low[v] == order[v] {
				deepest = max(deepest, g.complete(v, &open, inside, cyclic, beneath))
			}
			if len(path) > 0 {
				caller := path[len(path)-1]
				beneath[caller] = max(beneath[caller], beneath[v])
			}
		}
	}
	return cyclic, deepest
}

// complete takes the component of v off the open nodes. It returns the largest
// stack of its nodes and what they call.
func (g *graph) complete(v int32, open *[]int32, inside, cyclic []bool, beneath []int64) int64 {
	first := len(*open) - 1
	for (*open)[first] != v {
		first--
	}
	component := (*open)[first:]
	*open = (*open)[:first]
	most := int64(0)
	for _, node := range component {
		inside[node] = false
		cyclic[node] = cyclic[node] || len(component) > 1
		most = max(most, beneath[node])
	}
	for _, node := range component {
		beneath[node] = most
		if !cyclic[node] {
			beneath[node] += g.frame[node]
		}
	}
	return beneath[v]
}
