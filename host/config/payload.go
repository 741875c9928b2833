package config

import "encoding/json"

// Payload is what a filter is handed as a configuration: a text as it was written,
// and anything else as JSON, its keys in the order of the file, its numbers digit
// by digit.
type Payload []byte

// MarshalJSON shows a payload: as itself where it is JSON, and as a text otherwise.
func (p Payload) MarshalJSON() ([]byte, error) {
	if json.Valid(p) {
		return p, nil
	}
	return json.Marshal(string(p))
}

// payload reads a configuration; nil for none.
func (l *loader) payload(v *value) Payload {
	switch v.kind {
	case kindNull:
		return nil
	case kindString:
		return Payload(v.text)
	}
	return Payload(l.appendJSON(nil, v))
}
