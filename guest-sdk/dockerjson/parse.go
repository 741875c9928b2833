package dockerjson

import (
	"strconv"
	"unicode/utf8"
)

// Limits of a document. Both are far above what Docker's clients send; they keep a hostile body from exhausting the
// filter's memory or stack, which would cost the instance instead of the request.
const (
	// MaxDepth is how deep arrays and objects may nest.
	MaxDepth = 128
	// MaxValues is how many values (members and elements at any depth) a document may have.
	MaxValues = 500_000
)

// node is one value of a document. Nodes stand in document order, so the first child of node i is i+1 and the next
// sibling is the node at next.
type node struct {
	kind             Kind
	start, end       int32 // the value's bytes in the text
	keyStart, keyEnd int32 // its member name without the quotes; 0, 0 for elements and the root
	parent           int32 // -1 for the root
	next             int32 // the next sibling; 0 when there is none, as the root is nobody's sibling
	count            int32 // members or elements
	plainKey         bool  // the name is ASCII without escapes: its bytes are its letters
	inserted         bool  // an edit added a member, so that the next one needs a comma
}

// SyntaxError says why a text is not one JSON document.
type SyntaxError struct {
	Offset  int // bytes before the place of the error
	Problem string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return "body is not a JSON document that can be read in one way only: " + e.Problem + " at byte " + strconv.Itoa(e.Offset)
}

// Parse reads text, which must be exactly one JSON document as RFC 8259 has it: nothing after it but white space, no
// member name twice in an object, valid UTF-8, no more than [MaxDepth] and [MaxValues]. The error is a [*SyntaxError].
// The document refers to text, which must not be changed afterwards.
func Parse(text []byte) (*Document, error) {
	if int64(len(text)) > 1<<31-1 {
		return nil, &SyntaxError{Problem: "document larger than 2 GiB"}
	}
	p := parser{text: text, nodes: make([]node, 0, 64)}
	if err := p.document(); err != nil {
		return nil, err
	}
	return &Document{text: text, nodes: p.nodes}, nil
}

type parser struct {
	text  []byte
	at    int
	nodes []node
	plain bool // the string that was read last is ASCII without escapes
}

func (p *parser) fail(problem string) error {
	return &SyntaxError{Offset: p.at, Problem: problem}
}

// document is a loop, not a recursion: a guest's stack is small, and depth is the sender's choice.
func (p *parser) document() error {
	var (
		open     [MaxDepth]int32 // the arrays and objects that are being read
		last     [MaxDepth]int32 // the last child that was read in each, 0 for none
		depth    int
		keyStart int
		keyEnd   int
	)
	for {
		// A value, in place.
		p.space()
		parent := int32(-1)
		if depth > 0 {
			parent = open[depth-1]
		}
		i := int32(len(p.nodes))
		if i >= MaxValues {
			return p.fail("more than " + strconv.Itoa(MaxValues) + " values")
		}
		p.nodes = append(p.nodes, node{
			start: int32(p.at), parent: parent,
			keyStart: int32(keyStart), keyEnd: int32(keyEnd), plainKey: p.plain,
		})
		if depth > 0 {
			if last[depth-1] != 0 {
				p.nodes[last[depth-1]].next = i
			}
			last[depth-1] = i
			p.nodes[parent].count++
		}
		keyStart, keyEnd = 0, 0
		kind, err := p.value()
		if err != nil {
			return err
		}
		p.nodes[i].kind, p.nodes[i].end = kind, int32(p.at)

		if kind == Array || kind == Object {
			p.space()
			if p.peek() == closing(kind) {
				p.at++
				p.nodes[i].end = int32(p.at)
			} else {
				if depth == MaxDepth {
					return p.fail("more than " + strconv.Itoa(MaxDepth) + " levels of arrays and objects")
				}
				open[depth], last[depth] = i, 0
				depth++
				if kind == Object {
					if keyStart, keyEnd, err = p.key(); err != nil {
						return err
					}
				}
				continue
			}
		}

		// What follows a value: the end of what holds it, any number of times, or a comma and the next value.
		for {
			p.space()
			if depth == 0 {
				if p.at != len(p.text) {
					return p.fail("something after the end of the document")
				}
				return nil
			}
			holder := open[depth-1]
			kind := p.nodes[holder].kind
			c := p.peek()
			if c == ',' {
				p.at++
				if kind == Object {
					p.space()
					if keyStart, keyEnd, err = p.key(); err != nil {
						return err
					}
				}
				break
			}
			if c != closing(kind) || p.at == len(p.text) {
				return p.fail("expected a comma or the end of the " + kind.String())
			}
			p.at++
			p.nodes[holder].end = int32(p.at)
			if kind == Object {
				if err := p.distinct(holder); err != nil {
					return err
				}
			}
			depth--
		}
	}
}

func closing(kind Kind) byte {
	if kind == Object {
		return '}'
	}
	return ']'
}

// peek returns the byte at the cursor, 0 at the end (a NUL in the text is an error wherever it is looked at).
func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// value reads a scalar, or the opening bracket of an array or object.
func (p *parser) value() (Kind, error) {
	if p.at == len(p.text) {
		return Absent, p.fail("unexpected end")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		p.at++
		return Object, nil
	case c == '[':
		p.at++
		return Array, nil
	case c == '"':
		_, _, err := p.string()
		return String, err
	case c == 't':
		return Bool, p.literal("true")
	case c == 'f':
		return Bool, p.literal("false")
	case c == 'n':
		return Null, p.literal("null")
	case c == '-' || '0' <= c && c <= '9':
		return Number, p.number()
	}
	return Absent, p.fail("expected a value")
}

func (p *parser) literal(word string) error {
	if len(p.text)-p.at < len(word) || string(p.text[p.at:p.at+len(word)]) != word {
		return p.fail("expected " + word)
	}
	p.at += len(word)
	return nil
}

func (p *parser) digits() bool {
	from := p.at
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at > from
}

func (p *parser) number() error {
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return p.fail("expected a digit")
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return p.fail("expected a digit")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return p.fail("expected a digit")
		}
	}
	return nil
}

// key reads a member's name and its colon, and returns the name's place without the quotes.
func (p *parser) key() (start, end int, err error) {
	if p.peek() != '"' {
		return 0, 0, p.fail("expected a member name")
	}
	if start, end, err = p.string(); err != nil {
		return 0, 0, err
	}
	p.space()
	if p.peek() != ':' {
		return 0, 0, p.fail("expected a colon")
	}
	p.at++
	return start, end, nil
}

// string reads a quoted string and returns its place without the quotes.
func (p *parser) string() (start, end int, err error) {
	p.at++
	start = p.at
	p.plain = true
	for {
		// Most of a document is letters between quotes: they are worth a loop that keeps its state in registers.
		text, at := p.text, p.at
		for at < len(text) && text[at] >= ' ' && text[at] < utf8.RuneSelf && text[at] != '"' && text[at] != '\\' {
			at++
		}
		p.at = at
		if at == len(text) {
			return 0, 0, p.fail("unexpected end of a string")
		}
		switch c := text[at]; {
		case c == '"':
			p.at++
			return start, at, nil
		case c == '\\':
			p.plain = false
			if err := p.escape(); err != nil {
				return 0, 0, err
			}
		case c < ' ':
			return 0, 0, p.fail("control character in a string")
		default:
			p.plain = false
			// Go's decoder would replace the bytes silently, and act on another text than the one looked at here.
			r, size := utf8.DecodeRune(p.text[p.at:])
			if r == utf8.RuneError && size == 1 {
				return 0, 0, p.fail("invalid UTF-8")
			}
			p.at += size
		}
	}
}

func (p *parser) escape() error {
	if p.at+1 >= len(p.text) {
		return p.fail("unexpected end of a string")
	}
	switch p.text[p.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.at += 2
		return nil
	case 'u':
		if p.at+6 <= len(p.text) {
			if _, ok := hex4(p.text[p.at+2:]); ok {
				p.at += 6
				return nil
			}
		}
	}
	return p.fail("invalid escape in a string")
}

// distinct refuses an object that has a member name twice: Go takes the last scalar and merges objects, others the first.
// Names that differ only in case are not refused here, as a map (Labels) may have both; [Value.Get] refuses them.
func (p *parser) distinct(object int32) error {
	n := p.nodes[object]
	if n.count < 2 {
		return nil
	}
	if n.count <= 64 { // a HostConfig is among them: comparing lengths is cheaper than hashing and needs no memory
		for i := object + 1; i != 0; i = p.nodes[i].next {
			for j := p.nodes[i].next; j != 0; j = p.nodes[j].next {
				if p.sameKey(i, j) {
					return p.twice(j)
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, n.count)
	for i := object + 1; i != 0; i = p.nodes[i].next {
		key := decode(p.text[p.nodes[i].keyStart:p.nodes[i].keyEnd])
		if _, ok := seen[key]; ok {
			return p.twice(i)
		}
		seen[key] = struct{}{}
	}
	return nil
}

func (p *parser) sameKey(i, j int32) bool {
	a, b := &p.nodes[i], &p.nodes[j]
	plain := a.plainKey && b.plainKey
	if plain && a.keyEnd-a.keyStart != b.keyEnd-b.keyStart {
		return false
	}
	rawA, rawB := p.text[a.keyStart:a.keyEnd], p.text[b.keyStart:b.keyEnd]
	if plain {
		return string(rawA) == string(rawB)
	}
	return decode(rawA) == decode(rawB)
}

func (p *parser) twice(i int32) error {
	p.at = int(p.nodes[i].keyStart)
	return p.fail("member " + strconv.Quote(decode(p.text[p.nodes[i].keyStart:p.nodes[i].keyEnd])) + " is there twice")
}
