package capability

import (
	"fmt"
	"slices"
	"strings"
)

// A Capability is one thing that a filter may do.
type Capability uint8

// The capabilities. What is read and written is granted apart.
const (
	ReadRequestHeaders Capability = iota // trailers too
	WriteRequestHeaders
	ReadResponseHeaders
	WriteResponseHeaders
	ReadRequestBody
	WriteRequestBody
	ReadResponseBody
	WriteResponseBody
	ReadConnection // what passes on a connection that has left HTTP
	WriteConnection
	ReadProperties
	WriteProperties
	ReadSharedData
	WriteSharedData
	ReadQueues       // to register a queue and to take from it
	WriteQueues      // to resolve a queue and to put something into it
	Namespaces       // vm_ids, beside the filter's own: whose queues it may resolve
	Metrics          // by name
	Callouts         // by upstream
	ForeignFunctions // by name
	Timers           // ticks
	LocalResponse    // to answer a request, or to close its stream
	Log

	Count = int(Log) + 1
)

// form is what the names of a capability are.
type form uint8

const (
	onOff    form = iota // it has none
	whole                // all or nothing, in each direction
	fields               // header fields: case does not matter, and secrets are named one by one
	pointers             // JSON pointers
	texts                // texts in which * stands for any
	exact                // texts
)

// All, as the name, grants everything of a capability; of header fields everything
// but the Secrets.
const All = "*"

// Secrets are header fields that hold what would make somebody else of whoever has
// it. A pattern does not mean them: they are granted by their names alone.
var Secrets = []string{"authorization", "cookie", "proxy-authorization", "x-registry-auth", "x-registry-config"}

// Halves of a capability that has two.
const (
	read  = "read"
	write = "write"
)

var table = [Count]struct {
	key, half string
	form      form
}{
	ReadRequestHeaders:   {"request_headers", read, fields},
	WriteRequestHeaders:  {"request_headers", write, fields},
	ReadResponseHeaders:  {"response_headers", read, fields},
	WriteResponseHeaders: {"response_headers", write, fields},
	ReadRequestBody:      {"request_body", read, pointers},
	WriteRequestBody:     {"request_body", write, pointers},
	ReadResponseBody:     {"response_body", read, pointers},
	WriteResponseBody:    {"response_body", write, pointers},
	ReadConnection:       {"connection", read, whole},
	WriteConnection:      {"connection", write, whole},
	ReadProperties:       {"properties", read, texts},
	WriteProperties:      {"properties", write, texts},
	ReadSharedData:       {"shared_data", read, texts},
	WriteSharedData:      {"shared_data", write, texts},
	ReadQueues:           {"queues", read, texts},
	WriteQueues:          {"queues", write, texts},
	Namespaces:           {"namespaces", "", texts},
	Metrics:              {"metrics", "", texts},
	Callouts:             {"callouts", "", exact},
	ForeignFunctions:     {"foreign_functions", "", texts},
	Timers:               {"timers", "", onOff},
	LocalResponse:        {"local_response", "", onOff},
	Log:                  {"log", "", onOff},
}

// Key is where a configuration writes the capability, such as request_headers.
func (c Capability) Key() string { return table[c].key }

// Half is read or write, or "" for a capability that has no halves.
func (c Capability) Half() string { return table[c].half }

// String is the capability's name in metrics and messages: request_headers.read.
func (c Capability) String() string {
	if half := table[c].half; half != "" {
		return table[c].key + "." + half
	}
	return table[c].key
}

// IsSwitch tells whether the capability is granted or not, without names.
func (c Capability) IsSwitch() bool { return table[c].form == onOff }

// IsWhole tells whether a half is granted as a whole, without names.
func (c Capability) IsWhole() bool { return table[c].form == whole }

// IsExact tells whether names are no patterns, and All is none.
func (c Capability) IsExact() bool { return table[c].form == exact }

// Check tells what is wrong with a name, nil for nothing.
func (c Capability) Check(name string) error {
	switch table[c].form {
	case pointers:
		_, err := parsePointer(name)
		return err
	case fields:
		if strings.ContainsAny(name, " \t\r\n,") {
			return fmt.Errorf("%q is not the name of a header field", name)
		}
	case exact:
		if strings.Contains(name, All) {
			return fmt.Errorf("%q: name them one by one, without *", name)
		}
	}
	if len(name) > MaxName {
		return fmt.Errorf("a name has at most %d bytes", MaxName)
	}
	return nil
}

// MaxName is how many bytes a name may have.
const MaxName = 256

// Line is what grants the capability for some names, as it stands below
// capabilities in a configuration. Without names it grants all.
func (c Capability) Line(names ...string) string {
	var value string
	switch {
	case table[c].form == onOff:
		return table[c].key + ": true"
	case len(names) == 0 && table[c].form == exact:
		value = "[NAME]"
	case len(names) == 0, slices.Contains(names, All), table[c].form == whole:
		value = "all"
	default:
		value = listOf(names)
	}
	if half := table[c].half; half != "" {
		value = "{" + half + ": " + value + "}"
	}
	return table[c].key + ": " + value
}

// listOf writes names as a flow sequence of YAML.
func listOf(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes a name as YAML reads it in a flow sequence.
func quote(name string) string {
	plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' || r == '/')
	}) && (name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z' || name[0] == '/')
	if plain {
		return name
	}
	return fmt.Sprintf("%q", name)
}

// Halved are the two halves of a key, or the one capability that it is.
func Halved(key string) (found []Capability) {
	for c := range table {
		if table[c].key == key {
			found = append(found, Capability(c))
		}
	}
	return found
}

// Keys are the keys of all capabilities, in their order.
func Keys() []string {
	var keys []string
	for c := range table {
		if len(keys) == 0 || keys[len(keys)-1] != table[c].key {
			keys = append(keys, table[c].key)
		}
	}
	return keys
}
