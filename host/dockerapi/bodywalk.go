package dockerapi

import (
	"strconv"
	"strings"
)

// bodyWalker walks over a canonical JSON document and collects what it names.
type bodyWalker struct {
	cursor
	*collector
	path      []step
	reference Reference // what all have in common
}

// step is a key, or a position in a list.
type step struct {
	key    string
	at     int
	inList bool
}

// body collects what the body of an operation names.
func (c *collector) body(operation Operation, root *place, body []byte) error {
	// The walk relies on it, and a filter may have changed the body since.
	canonical, _, f := canonicalJSON(schemas[operation], body, JSONLimits{Depth: 10_000, Keys: len(body)})
	if f != nil {
		return f.error("request body")
	}
	w := bodyWalker{collector: c, cursor: cursor{in: canonical}, reference: Reference{In: "body"}}
	w.value(root)
	return nil
}

// value reads the value that begins at pos, behind white space.
func (w *bodyWalker) value(p *place) {
	w.skipSpace()
	switch c := w.peek(); {
	case p == nil:
		w.pass()
	case c == '"' && p.text != nil:
		w.name(p.text, string(appendText(nil, w.string())))
	case c == '[' && p.elem != nil:
		w.list(p.elem)
	case c == '{' && p.mount:
		w.mount()
	case c == '{' && (p.fields != nil || p.member != nil || p.keys != nil):
		w.object(p)
	default:
		w.pass()
	}
}

func (w *bodyWalker) list(elem *place) {
	w.pos++
	for i := 0; w.err == nil && w.more(']'); i++ { // what is too much is not looked through to its end
		w.path = append(w.path, step{at: i, inList: true})
		w.value(elem)
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *bodyWalker) object(p *place) {
	w.pos++
	for w.err == nil && w.more('}') {
		raw := w.key()
		if p.fields != nil {
			child := p.fields[string(raw)]
			if child == nil {
				w.pass()
				continue
			}
			w.inside(child.name, child)
			continue
		}
		key := string(appendText(nil, raw))
		if p.keys != nil {
			w.path = append(w.path, step{key: key})
			w.nameKey(p.keys, key)
			w.path = w.path[:len(w.path)-1]
		}
		w.inside(key, p.member)
	}
}

func (w *bodyWalker) inside(key string, child *place) {
	if child == nil {
		w.pass()
		return
	}
	w.path = append(w.path, step{key: key})
	w.value(child)
	w.path = w.path[:len(w.path)-1]
}

// mount reads {"Type":"volume","Source":"data",…}. Its members may come in any order.
func (w *bodyWalker) mount() {
	kind, source := "", ""
	w.pos++
	for w.more('}') {
		key := string(w.key())
		if w.peek() == '"' && (key == "Type" || key == "Source") {
			text := string(appendText(nil, w.string()))
			if key == "Type" {
				kind = text
			} else {
				source = text
			}
			continue
		}
		w.pass()
	}
	switch kind {
	case "bind", "tmpfs", "npipe":
		return
	case "image":
	default:
		kind = "volume" // and cluster, and whatever else the engine makes of it
	}
	w.path = append(w.path, step{key: "Source"})
	w.name(&named{kind, RoleUse, plain}, source)
	w.path = w.path[:len(w.path)-1]
}

func (w *bodyWalker) name(n *named, text string) { w.found(n, text, false) }

func (w *bodyWalker) nameKey(n *named, text string) { w.found(n, text, true) }

// found adds what a text names, if it names something.
func (w *bodyWalker) found(n *named, text string, key bool) {
	if _, _, ref, _ := n.form(text); ref == "" {
		return
	}
	r := w.reference
	r.Key = key
	if r.In == "body" {
		r.Where, r.At = w.where()
	}
	w.text(*n, text, r)
}

// where is the place that the walk has come to.
func (w *bodyWalker) where() (text string, steps []any) {
	var b strings.Builder
	steps = make([]any, len(w.path))
	for i, s := range w.path {
		if s.inList {
			b.WriteString("[" + strconv.Itoa(s.at) + "]")
			steps[i] = s.at
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.key)
		steps[i] = s.key
	}
	return b.String(), steps
}
