package meter

import "slices"

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
			if defined := int64(callee) - int64(len(w.imported)); defined >= 0 && defined < int64(n) {
				g.calls = append(g.calls, int32(defined))
			}
		}
	}
	for i, where := range w.bodies {
		if !w.body.read(where, w.shapes[w.types[i]]) {
			return nil
		}
		if !w.bound() {
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

// recursion decides which functions pay for stack.
func (w *writer) recursion() {
	g := w.callGraph()
	if g == nil {
		return
	}
	s := g.search()
	w.pays, w.reaches = s.cyclic, s.reaches
	if slices.Max(s.beneath) > w.options.Stack {
		// Without any recursion it goes deeper than allowed.
		for i := range w.pays {
			w.pays[i], w.reaches[i] = true, true
		}
	}
}

// search is the state of Tarjan's algorithm for strongly connected components.
// It keeps stacks of its own, since the graph may be as deep as it is large.
type search struct {
	*graph
	order  []int32 // in which nodes were found, from 1; 0 is not yet
	low    []int32 // the first node that can be reached
	next   []int32 // the call to look at
	inside []bool  // is in a component that is not complete
	path   []int32 // of calls that are being followed
	open   []int32 // nodes of components that are not complete
	count  int32

	// What is found out about each node: whether it lies on a cycle, whether one
	// can be reached from it, and the largest stack of it and what it calls,
	// without frames of nodes that lie on cycles.
	cyclic, reaches []bool
	beneath         []int64
}

func (g *graph) search() *search {
	n := len(g.frame)
	s := &search{
		graph: g, order: make([]int32, n), low: make([]int32, n), next: make([]int32, n),
		inside: make([]bool, n), cyclic: make([]bool, n), reaches: make([]bool, n), beneath: make([]int64, n),
	}
	for root := range int32(n) {
		if s.order[root] == 0 {
			s.visit(root)
		}
		for len(s.path) > 0 {
			s.step()
		}
	}
	return s
}

func (s *search) visit(v int32) {
	s.count++
	s.order[v], s.low[v], s.next[v], s.inside[v] = s.count, s.count, s.from[v], true
	s.path, s.open = append(s.path, v), append(s.open, v)
}

// step looks at one more call of the last node on the path, or leaves the node.
func (s *search) step() {
	v := s.path[len(s.path)-1]
	if s.next[v] < s.from[v+1] {
		callee := s.calls[s.next[v]]
		s.next[v]++
		if s.order[callee] == 0 {
			s.visit(callee)
			return
		}
		if s.inside[callee] {
			s.low[v] = min(s.low[v], s.order[callee])
		}
		s.called(v, callee)
		return
	}
	s.path = s.path[:len(s.path)-1]
	if s.low[v] == s.order[v] {
		s.complete(v)
	}
	if len(s.path) > 0 {
		caller := s.path[len(s.path)-1]
		s.low[caller] = min(s.low[caller], s.low[v])
		s.called(caller, v)
	}
}

// called learns what a call means for the caller. A callee whose component is not
// complete is on a cycle with it.
func (s *search) called(caller, callee int32) {
	s.cyclic[caller] = s.cyclic[caller] || s.inside[callee]
	s.reaches[caller] = s.reaches[caller] || s.inside[callee] || s.reaches[callee]
	s.beneath[caller] = max(s.beneath[caller], s.beneath[callee])
}

// complete takes the component of v off the open nodes.
func (s *search) complete(v int32) {
	first := len(s.open) - 1
	for s.open[first] != v {
		first--
	}
	component := s.open[first:]
	s.open = s.open[:first]
	beneath := int64(0)
	for _, node := range component {
		s.inside[node] = false
		beneath = max(beneath, s.beneath[node])
	}
	if !s.cyclic[v] {
		beneath += s.frame[v]
	}
	for _, node := range component {
		s.beneath[node] = beneath
	}
}
