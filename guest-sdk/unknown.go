package sluice

import "bytes"

// UnknownField returns the number of a field in a gRPC call's message that the gateway does not know, "" for none. It shows such
// fields where its configuration says so (buildkit.unknown_fields), by keys such as "#17"; a filter that does not know what they ask for
// either should deny. It must be called from RequestBody.
func (r *Request) UnknownField() string { return unknownField(r.Body()) }

// unknownField looks for "#17":[ in a document of the gateway's own writing. A quote inside of a text has a backslash before it there, and
// no other key that begins so has a list for its value.
func unknownField(document []byte) string {
	for {
		at := bytes.Index(document, []byte(`"#`))
		if at < 0 {
			return ""
		}
		document = document[at+2:]
		n := 0
		for n < len(document) && document[n] >= '0' && document[n] <= '9' {
			n++
		}
		if n > 0 && bytes.HasPrefix(document[n:], []byte(`":[`)) {
			return string(document[:n])
		}
	}
}
