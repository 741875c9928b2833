package dockerapi

//go:generate go run -C ../../.ci/schema .

// A schema says which keys an engine knows at one place of a JSON body, so that they can be brought into the API's
// spelling. A nil schema is a place without known keys: a number, a name, a list of names, or the value of a key that the
// table does not have.
//
// It is no validation. What has the wrong type goes on to the engine, which refuses it.
type schema struct {
	kind   schemaKind
	fields []field // of an object, at most maxFields
	elem   *schema // of the values of a dict, of ports or of a list
}

type schemaKind uint8

const (
	// object: the keys are the engine's; encoding/json matches them without regard to case.
	object schemaKind = iota
	// dict: the keys are data, every one for itself: labels, options, ports.
	dict
	// ports: a dict whose keys are ports, 80/tcp. Engines from 29 on take 80, 80/ and 080/TCP for the same key.
	ports
	// list: an array.
	list
)

// field is a key of an object in the API's spelling.
type field struct {
	name  string
	value *schema
}

// maxFields is how many keys an object may have in the table.
const maxFields = 128

var (
	// anyKeys is the schema of labels, options and the like.
	anyKeys = schema{kind: dict}
	// topLevel marks the keys that engines up to 26.1 read beside HostConfig as if they stood inside of it.
	topLevel = schema{}
)

// find returns the index of the field that is spelled like a key; -1 for none. next is where a client that sends fields in
// the API's order has got to.
func (s *schema) find(key []byte, next int) int {
	for i := next; i < len(s.fields); i++ {
		if s.fields[i].name == string(key) {
			return i
		}
	}
	for i := 0; i < next; i++ {
		if s.fields[i].name == string(key) {
			return i
		}
	}
	return -1
}

// findFolded returns the index of the field that has a folded form; -1 for none.
func (s *schema) findFolded(folded []byte) int {
	for i := range s.fields {
		if foldsTo(s.fields[i].name, folded) {
			return i
		}
	}
	return -1
}
