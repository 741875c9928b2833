package dockerjson

import "strconv"

// Limits of a document. They are far above what Docker's clients send; they keep a hostile body from exhausting the
// filter's fuel, memory or stack, which would cost the instance instead of the request.
const (
	// MaxDepth is how deep arrays and objects may nest.
	MaxDepth = 128
	// MaxValues is how many values (members and elements at any depth) a document may have, if it is long: 16,384, and one more for
	// each 16 bytes of its text, in round numbers. The host's limit for a call grows with the bytes that are shown, and so do the values.
	MaxValues = 500_000

	anyValues     = 1 << 14
	bytesForValue = 16
)

// maxValues is how many values a text of this length may have.
func maxValues(length int) int32 {
	return int32(min(MaxValues, anyValues+length/bytesForValue)) &^ (blockSize - 1)
}

// node is one value of a document. Nodes stand in document order, so the first child of node i is i+1, and what follows
// a scalar is i+1 too. A guest's allocator takes as long for a byte as the parser does, so they are small: what the kind
// is stands in the text.
type node struct {
	start, end int32 // the value's bytes in the text
	key        int32 // where its member name begins, behind the quote; negative when that is not plain; 0 for elements and the root
	after      int32 // of an array or object, the node behind all that it holds; for the rest scalar, or escapes
}

const (
	scalar  = 0
	escapes = -1 // a string that has some
)

// Nodes are kept in blocks: one slice of them all would be copied, and thrown away, each time that it grows.
const (
	blockBits = 6
	blockSize = 1 << blockBits
)

type block [blockSize]node

// nodes are a document's values.
type nodes struct {
	blocks []*block
	count  int32
}

func (n *nodes) at(i int32) *node { return &n.blocks[i>>blockBits][i&(blockSize-1)] }

// next is the node behind all that node i holds: its next sibling, or what follows its parent.
func (n *nodes) next(i int32) int32 {
	if after := n.at(i).after; after > 0 {
		return after
	}
	return i + 1
}

// SyntaxError says why a text is not one JSON document.
type SyntaxError struct {
	Offset  int // bytes before the place of the error
	Problem string
	// Large tells that the document is more than can be looked into, whatever it says.
	Large bool
}

// Error implements error.
func (e *SyntaxError) Error() string {
	what := "body is not a JSON document that can be read in one way only: "
	if e.Large {
		what = "body is more than can be looked into: "
	}
	return what + e.Problem + " at byte " + strconv.Itoa(e.Offset)
}

// Parse reads text, which must be exactly one JSON document as RFC 8259 has it: nothing after it but white space, no
// member name twice in an object, valid UTF-8, no more than [MaxDepth] and [MaxValues]. The error is a [*SyntaxError].
// The document and the strings that it returns refer to text, which must not be changed afterwards.
func Parse(text []byte) (*Document, error) {
	if int64(len(text)) > 1<<31-1 {
		return nil, &SyntaxError{Problem: "document larger than 2 GiB", Large: true}
	}
	p := &parser{text: text, most: maxValues(len(text))}
	if err := p.document(); err != nil {
		return nil, err
	}
	return &Document{text: text, nodes: p.nodes}, nil
}

type parser struct {
	text   []byte
	at     int
	nodes  nodes
	block  *block // the last one
	state  uint8
	plain  bool  // the string that was read last is ASCII without escapes
	mixed  bool  // it has escapes
	key    int32 // of the value that comes next
	most   int32 // values
	levels int
	open   [MaxDepth]int32 // the arrays and objects that are being read
	names  names
	err    error
}

// The host counts all of a function's code where it is called, and all of a loop's body for each time around, with the branches
// that are not taken; and compilers put into a function what nobody else calls. So what comes next in the text decides, through
// a table, which of many small functions goes on, and each value costs its own.
type reader func(*parser) bool

// What a byte can be the beginning of.
const (
	other = iota
	space
	quote
	number
	letter
	opening
	comma
	closing
)

// What the parser waits for: readers has the two one behind the other.
const (
	value  = 0
	behind = 8
)

var (
	classes [256]uint8
	readers [16]reader
)

func init() {
	for class, bytes := range []string{"", " \t\r\n", `"`, "-0123456789", "tfn", "[{", ",", "]}"} {
		for i := range len(bytes) {
			classes[bytes[i]] = uint8(class)
		}
	}
	for i := range readers {
		readers[i] = (*parser).unexpected
	}
	readers[value|space], readers[behind|space] = (*parser).space, (*parser).space
	readers[value|quote], readers[value|number], readers[value|letter] = (*parser).stringValue, (*parser).number, (*parser).word
	readers[value|opening] = (*parser).opening
	readers[behind|comma], readers[behind|closing] = (*parser).comma, (*parser).closing
}

// document is a loop, not a recursion: a guest's stack is small, and depth is the sender's choice.
func (p *parser) document() error {
	for p.at < len(p.text) {
		if !readers[(p.state|classes[p.text[p.at]])&15](p) {
			return p.err
		}
	}
	if p.levels > 0 || p.state == value {
		p.unexpected()
	}
	return p.err
}

func (p *parser) fail(problem string) bool {
	p.err = &SyntaxError{Offset: p.at, Problem: problem}
	return false
}

// unexpected says what should be here.
func (p *parser) unexpected() bool {
	switch {
	case p.state == value && p.at == len(p.text):
		return p.fail("unexpected end")
	case p.state == value:
		return p.fail("expected a value")
	case p.levels == 0:
		return p.fail("something after the end of the document")
	}
	return p.fail("expected a comma or the end of the " + kindOf(p.text[p.nodes.at(p.open[p.levels-1]).start]).String())
}

func (p *parser) space() bool {
	p.at = spaceEnd(p.text, p.at)
	return true
}

// add makes a node of the value that begins at start and ends here.
func (p *parser) add(start int, after int32) bool {
	i := p.nodes.count
	if i&(blockSize-1) == 0 && !p.more() {
		return false
	}
	p.block[i&(blockSize-1)] = node{start: int32(start), end: int32(p.at), key: p.key, after: after}
	p.nodes.count = i + 1
	p.key, p.state = 0, behind
	return true
}

// more makes room for the next nodes, as long as there may be more values.
func (p *parser) more() bool {
	if p.nodes.count >= p.most {
		p.err = &SyntaxError{Offset: p.at, Problem: "more than " + strconv.Itoa(int(p.most)) + " values", Large: true}
		return false
	}
	p.block = new(block)
	p.nodes.blocks = append(p.nodes.blocks, p.block)
	return true
}

// stringValue reads a string that is a value.
func (p *parser) stringValue() bool {
	start := p.at
	if !p.string() {
		return false
	}
	if p.mixed {
		return p.add(start, escapes)
	}
	return p.add(start, scalar)
}

// opening reads how an array or object begins.
func (p *parser) opening() bool {
	if p.levels == MaxDepth {
		return p.fail("more than " + strconv.Itoa(MaxDepth) + " levels of arrays and objects")
	}
	start := p.at
	p.open[p.levels] = p.nodes.count
	p.levels++
	p.at++
	if !p.add(start, scalar) {
		return false
	}
	if p.peek() <= ' ' {
		p.space()
	}
	switch p.peek() {
	case p.text[start] + 2:
		return p.closing()
	case '"':
		if p.text[start] == '{' {
			return p.name()
		}
	}
	p.state = value
	return p.text[start] == '[' || p.name()
}

// comma reads what stands between two values.
func (p *parser) comma() bool {
	if p.levels == 0 {
		return p.unexpected()
	}
	p.at++
	p.state = value
	return p.text[p.nodes.at(p.open[p.levels-1]).start] == '[' || p.name()
}

// closing reads the end of the innermost array or object.
func (p *parser) closing() bool {
	if p.levels == 0 {
		return p.unexpected()
	}
	holder := p.open[p.levels-1]
	n := p.nodes.at(holder)
	kind := p.text[n.start]
	if p.text[p.at] != kind+2 {
		return p.unexpected()
	}
	p.at++
	p.levels--
	n.end, n.after = int32(p.at), p.nodes.count
	return kind == '[' || p.distinct(holder)
}

// peek returns the byte at the cursor, 0 at the end (a NUL in the text is an error wherever it is looked at).
func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// word reads true, false or null.
func (p *parser) word() bool {
	word := "null"
	switch p.text[p.at] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	start := p.at
	if len(p.text)-start < len(word) || string(p.text[start:start+len(word)]) != word {
		return p.fail("expected " + word)
	}
	p.at += len(word)
	return p.add(start, scalar)
}

// number reads a number; most are whole.
func (p *parser) number() bool {
	start := p.at
	if p.text[start] == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return false
	}
	if c := p.peek(); (c == '.' || c|0x20 == 'e') && !p.fraction() {
		return false
	}
	return p.add(start, scalar)
}

func (p *parser) fraction() bool {
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return false
		}
	}
	if p.peek()|0x20 == 'e' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		return p.digits()
	}
	return true
}

func (p *parser) digits() bool {
	end := digitsEnd(p.text, p.at)
	if end == p.at {
		return p.fail("expected a digit")
	}
	p.at = end
	return true
}

// name reads a member's name and its colon.
func (p *parser) name() bool {
	if p.peek() <= ' ' {
		p.space()
	}
	if p.peek() != '"' {
		return p.fail("expected a member name")
	}
	p.key = int32(p.at + 1)
	if !p.string() {
		return false
	}
	if !p.plain {
		p.key = -p.key
	}
	if p.peek() <= ' ' {
		p.space()
	}
	if p.peek() != ':' {
		return p.fail("expected a colon")
	}
	p.at++
	p.state = value
	return true
}

// string reads a quoted string.
func (p *parser) string() bool {
	p.at = lettersEnd(p.text, p.at+1)
	p.mixed = false
	p.plain = p.peek() == '"'
	if p.plain {
		p.at++
		return true
	}
	return p.strange()
}

// strange reads the rest of a string that has more than letters.
func (p *parser) strange() bool {
	text, at := p.text, p.at
	for at < len(text) && text[at] != '"' {
		before := at
		if text[at] >= 0x80 {
			at = runesEnd(text, at)
		} else if text[at] == '\\' {
			p.mixed = true
			at = escapesEnd(text, at)
			if at == before {
				at = hexEnd(text, at)
			}
		} else {
			at = lettersEnd(text, at)
		}
		if at == before {
			p.at = at
			return p.wrong()
		}
	}
	if p.at = at; at == len(text) {
		return p.fail("unexpected end of a string")
	}
	p.at++
	return true
}

// hexEnd returns where an escape of six bytes ends, its beginning if it is none.
func hexEnd(text []byte, at int) int {
	if at+6 <= len(text) && text[at+1] == 'u' {
		if _, ok := hex4(text[at+2:]); ok {
			return at + 6
		}
	}
	return at
}

// wrong says what a string cannot have.
func (p *parser) wrong() bool {
	switch c := p.text[p.at]; {
	case c == '\\' && p.at+1 == len(p.text):
		return p.fail("unexpected end of a string")
	case c == '\\':
		return p.fail("invalid escape in a string")
	case c < ' ':
		return p.fail("control character in a string")
	}
	// Go's decoder would replace the bytes silently, and act on another text than the one looked at here.
	return p.fail("invalid UTF-8")
}
