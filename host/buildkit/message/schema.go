package message

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run -C ../../../.ci/buildclient ./schema

//go:embed schema.txt
var schemaText string

// A Method is one gRPC method.
type Method struct {
	// Path is its name on the wire: /moby.buildkit.v1.Control/Solve.
	Path string
	// Stream says that the caller may send more than one message.
	Stream bool
	// Request is the type of the caller's one message, or of the messages of its stream; nil where the schema does not describe it.
	Request *Type
}

// A Type is a message of the schema.
type Type struct {
	Name   string // pb.ExecOp
	fields []field
	byName map[string]int
}

type field struct {
	number int32
	name   string
	kind   kind
	shape  shape
	msg    *Type       // of kindMessage
	enum   *enumType   // of kindEnum
	value  *field      // of a map: its values
	bytes  specialKind // what a bytes field holds
}

type kind uint8

const (
	kindString kind = iota
	kindBytes
	kindBool
	kindInt32
	kindInt64
	kindUint32
	kindUint64
	kindEnum
	kindMessage
)

type shape uint8

const (
	single shape = iota
	oneof        // like single, but present even when it is zero, and at most one of them in a message
	repeated
	mapped
)

type specialKind uint8

const (
	plainBytes specialKind = iota
	vertexBytes
)

type enumType struct {
	name    string
	names   map[int32]string
	numbers map[string]int32
}

// schema is all that schema.txt says.
type schema struct {
	methods map[string]Method
	types   map[string]*Type
}

var load = sync.OnceValue(func() *schema {
	s, err := parseSchema(schemaText)
	if err != nil {
		panic("host/buildkit/message: schema.txt: " + err.Error()) // a test reads it
	}
	return s
})

// FindMethod returns the method with a path. Nothing is known of one that is not found.
func FindMethod(path string) (Method, bool) {
	m, ok := load().methods[path]
	return m, ok
}

// Methods returns every method of the schema, by its path.
func Methods() map[string]Method {
	methods := make(map[string]Method)
	for path, m := range load().methods {
		methods[path] = m
	}
	return methods
}

// Find returns the type with a name such as moby.buildkit.v1.SolveRequest, nil when there is none.
func Find(name string) *Type { return load().types[name] }

// Types returns the names of all types, in no order.
func Types() []string {
	var names []string
	for name := range load().types {
		names = append(names, name)
	}
	return names
}

var kinds = map[string]kind{
	"string": kindString, "bytes": kindBytes, "bool": kindBool,
	"int32": kindInt32, "int64": kindInt64, "uint32": kindUint32, "uint64": kindUint64,
}

// parseSchema reads the lines in two passes, because messages refer to those behind them.
func parseSchema(text string) (*schema, error) {
	s := &schema{methods: map[string]Method{}, types: map[string]*Type{}}
	enums := map[string]*enumType{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines {
		words := strings.Fields(line)
		switch words[0] {
		case "message":
			s.types[words[1]] = &Type{Name: words[1], byName: map[string]int{}}
		case "enum":
			enums[words[1]] = &enumType{name: words[1], names: map[int32]string{}, numbers: map[string]int32{}}
		}
	}
	var t *Type
	var e *enumType
	for i, line := range lines {
		words := strings.Fields(line)
		var err error
		switch {
		case words[0] == "#":
		case words[0] == "rpc":
			err = s.rpc(words[1:])
		case words[0] == "message":
			t, e = s.types[words[1]], nil
		case words[0] == "enum":
			t, e = nil, enums[words[1]]
		case e != nil:
			err = e.add(words)
		case t != nil:
			err = t.add(words, s.types, enums)
		default:
			err = fmt.Errorf("neither in a message nor in an enum")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return s, nil
}

func (s *schema) rpc(words []string) error {
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("want: rpc PATH [stream] [opaque|TYPE]")
	}
	m := Method{Path: words[0], Stream: words[1] == "stream"}
	if name := words[len(words)-1]; name != "stream" && name != "opaque" {
		if m.Request = s.types[name]; m.Request == nil {
			return fmt.Errorf("no message %s", name)
		}
	}
	s.methods[m.Path] = m
	return nil
}

func (e *enumType) add(words []string) error {
	n, err := strconv.ParseInt(words[0], 10, 32)
	if err != nil || len(words) != 2 {
		return fmt.Errorf("want: NUMBER NAME")
	}
	e.names[int32(n)], e.numbers[words[1]] = words[1], int32(n)
	return nil
}

// add reads a line of a message: NUMBER NAME [oneof|repeated|map KEY] KIND.
func (t *Type) add(words []string, types map[string]*Type, enums map[string]*enumType) error {
	n, err := strconv.ParseInt(words[0], 10, 32)
	if err != nil || len(words) < 3 {
		return fmt.Errorf("want: NUMBER NAME [oneof|repeated|map KEY] KIND")
	}
	f := field{number: int32(n), name: words[1]}
	rest := words[2:]
	switch rest[0] {
	case "oneof":
		f.shape, rest = oneof, rest[1:]
	case "repeated":
		f.shape, rest = repeated, rest[1:]
	case "map":
		f.shape = mapped
		if len(rest) != 3 || rest[1] != "string" {
			return fmt.Errorf("only maps with strings for keys are known")
		}
		rest = rest[2:]
		f.value = &field{number: 2, name: f.name}
		if err := f.value.setKind(rest[0], types, enums); err != nil {
			return err
		}
		f.kind = kindMessage // on the wire an entry is a message
	}
	if len(rest) != 1 {
		return fmt.Errorf("want one kind")
	}
	if f.shape != mapped {
		if err := f.setKind(rest[0], types, enums); err != nil {
			return err
		}
	}
	if t.Name == "pb.Definition" && f.name == "def" {
		f.bytes = vertexBytes
	}
	t.byName[f.name] = len(t.fields)
	t.fields = append(t.fields, f)
	return nil
}

func (f *field) setKind(word string, types map[string]*Type, enums map[string]*enumType) error {
	if name, ok := strings.CutPrefix(word, "enum:"); ok {
		f.kind, f.enum = kindEnum, enums[name]
		if f.enum == nil {
			return fmt.Errorf("no enum %s", name)
		}
		return nil
	}
	k, scalar := kinds[word]
	if scalar {
		f.kind = k
		return nil
	}
	f.kind, f.msg = kindMessage, types[word]
	if f.msg == nil {
		return fmt.Errorf("no message %s", word)
	}
	return nil
}

// find returns the field with a number, nil when there is none.
func (t *Type) find(number int32) (int, *field) {
	for i := range t.fields {
		if t.fields[i].number == number {
			return i, &t.fields[i]
		}
	}
	return -1, nil
}

// packable tells whether a repeated field's values may stand behind each other in one record.
func (f *field) packable() bool {
	return f.kind != kindString && f.kind != kindBytes && f.kind != kindMessage
}

// bytesOnWire tells whether a record of the field has a length; the others are varints.
func (f *field) bytesOnWire() bool { return !f.packable() }
