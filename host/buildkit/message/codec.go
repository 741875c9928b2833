package message

import (
	"errors"
	"fmt"
	"strings"
)

// maxDepth bounds how deep messages stand inside each other, the vertices of a definition included. Real builds stay below 12.
const maxDepth = 40

// ErrTooLarge is the error, or is wrapped in it, of a message whose JSON would exceed Codec.Limit.
var ErrTooLarge = errors.New("too large to be shown to filters")

// A Codec turns one message into JSON and back. It remembers the vertices of the definitions in what it has read, so a message and
// what filters make of it go through the same Codec. It is for one goroutine at a time.
type Codec struct {
	// Type is the message's.
	Type *Type
	// ShowUnknown shows fields and enum values that the schema does not know instead of refusing them: a field under the key "#NUMBER", as
	// a list of its records in base64, tag included; an enum value as a number.
	ShowUnknown bool
	// Limit is how many bytes of JSON are made at most. 0 means 16 MiB.
	Limit int

	vertices map[string][]byte // by digest
}

// JSON reads a message's bytes. They are not changed, and parts of them are referred to as long as the Codec is in use.
func (c *Codec) JSON(wire []byte) ([]byte, error) {
	d := decoder{c: c, limit: c.limit()}
	if f := d.message(c.Type, wire, 1); f != nil {
		return nil, f.error(c.Type)
	}
	return d.out, nil
}

// Wire writes the message that a JSON document describes.
func (c *Codec) Wire(document []byte) ([]byte, error) {
	e, err := newEncoder(c, document)
	if err != nil {
		return nil, err
	}
	out, f := e.document()
	if f != nil {
		return nil, f.error(c.Type)
	}
	return out, nil
}

// Canonical brings a document that a filter has written into the form that JSON would give it.
func (c *Codec) Canonical(document []byte) ([]byte, error) {
	wire, err := c.Wire(document)
	if err != nil {
		return nil, err
	}
	return c.JSON(wire)
}

// Forget lets go of what the Codec has read. It is of no more use for the message then.
func (c *Codec) Forget() { c.vertices = nil }

func (c *Codec) limit() int {
	if c.Limit <= 0 {
		return 16 << 20
	}
	return c.Limit
}

// fault is why a message is refused. Messages put their fields to the path while it is on its way up.
type fault struct {
	why   string
	cause error
	path  []string // innermost first
}

func faultf(format string, args ...any) *fault { return &fault{why: fmt.Sprintf(format, args...)} }

func (f *fault) in(step string) *fault {
	f.path = append(f.path, step)
	return f
}

func (f *fault) error(t *Type) error {
	var where strings.Builder
	where.WriteString(t.short())
	for i := len(f.path) - 1; i >= 0; i-- {
		if f.path[i][0] != '[' {
			where.WriteByte('.')
		}
		where.WriteString(f.path[i])
	}
	if f.cause != nil {
		return fmt.Errorf("%s: %w", where.String(), f.cause)
	}
	return fmt.Errorf("%s: %s", where.String(), f.why)
}

// short is the type's name without its package.
func (t *Type) short() string { return t.Name[strings.LastIndexByte(t.Name, '.')+1:] }

// quoted is a name or key out of a message, for an error.
func quoted(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return fmt.Sprintf("%q", s)
}
