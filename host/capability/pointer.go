package capability

import (
	"fmt"
	"strings"
)

// maxDepth bounds the segments of a pointer.
const maxDepth = 32

// parsePointer takes a JSON pointer (RFC 6901) apart. A segment * stands for every
// member of an object, and every element of an array.
func parsePointer(text string) ([]string, error) {
	if !strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf("%q is not a JSON pointer: write it as in /Image or /HostConfig/Binds; all is the whole body", text)
	}
	segments := strings.Split(text[1:], "/")
	if len(segments) > maxDepth {
		return nil, fmt.Errorf("%q has more than %d segments", text, maxDepth)
	}
	for i, s := range segments {
		if s == "" {
			return nil, fmt.Errorf("%q is not a JSON pointer that can mean something: a segment is empty", text)
		}
		var b strings.Builder
		for at := 0; at < len(s); at++ {
			switch {
			case s[at] != '~':
				b.WriteByte(s[at])
			case at+1 < len(s) && (s[at+1] == '0' || s[at+1] == '1'):
				at++
				b.WriteByte("~/"[s[at]-'0'])
			default:
				return nil, fmt.Errorf("%q is not a JSON pointer: ~ is written ~0, and / in a name ~1", text)
			}
		}
		segments[i] = b.String()
	}
	return segments, nil
}

// place is a place in a document, and what of it and below is granted.
type place struct {
	visible, writable bool
	below             map[string]*place
	any               *place // for every name that is not in below
	changes           bool   // something at it or below is writable
}

// add grants a pointer.
func (p *place) add(segments []string, writable bool) {
	for _, segment := range segments {
		next := &p.any
		if segment != "*" {
			if p.below == nil {
				p.below = make(map[string]*place)
			}
			found := p.below[segment]
			if found == nil {
				found = new(place)
				p.below[segment] = found
			}
			p = found
			continue
		}
		if *next == nil {
			*next = new(place)
		}
		p = *next
	}
	p.visible = true
	p.writable = p.writable || writable
}

// settle makes every place complete: a name that is granted by itself has what is
// granted of all names too, and what is below something that is granted is granted.
func (p *place) settle() {
	if p.writable {
		p.changes = true
	}
	if p.visible {
		for _, child := range p.below {
			child.visible = true
		}
		if p.any != nil {
			p.any.visible = true
		}
	}
	if p.any != nil {
		for _, child := range p.below {
			child.join(p.any)
		}
		p.any.settle()
		p.changes = p.changes || p.any.changes
	}
	for _, child := range p.below {
		child.settle()
		p.changes = p.changes || child.changes
	}
}

// join adds what is granted of another place.
func (p *place) join(other *place) {
	p.visible = p.visible || other.visible
	p.writable = p.writable || other.writable
	for name, child := range other.below {
		if p.below == nil {
			p.below = make(map[string]*place)
		}
		if p.below[name] == nil {
			p.below[name] = new(place)
		}
		p.below[name].join(child)
	}
	if other.any != nil {
		if p.any == nil {
			p.any = new(place)
		}
		p.any.join(other.any)
	}
}

// at is the place of a member; nil where nothing of it is granted.
func (p *place) at(name string) *place {
	if child := p.below[name]; child != nil {
		return child
	}
	if p.any != nil {
		return p.any
	}
	if p.visible {
		return &seen
	}
	return nil
}

// seen is a place that is visible, and nothing below it can be changed.
var seen = place{visible: true}
