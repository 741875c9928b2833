package record

import (
	"bytes"
	"encoding/json"
)

// separator begins a record of RFC 7464.
const separator = 0x1e

// jsonScanner finds the end of a JSON value. It looks at each byte once, however the bytes come.
type jsonScanner struct {
	at     int // bytes of the record that were looked at
	phase  phase
	start  int // of the value
	end    int // of the value, once it is known
	depth  int
	text   bool // in a string
	escape bool // behind a backslash
}

type phase uint8

const (
	beforeValue phase = iota
	inContainer       // an array or an object
	inString
	inWord // a number, true, false, null
	afterValue
)

// nextValue cuts one value, with the white space before it and that behind it up to the end of its line. Where the value
// ends is decided by the least of JSON's rules, and that it is a value by all of them.
//
// A value that is not followed by the end of a line is complete when the next begins, or the stream ends: engines end
// every value so.
func (s *Splitter) nextValue() (Record, bool, error) {
	j := &s.json
	for ; j.at < len(s.in); j.at++ {
		if j.at >= s.limit {
			return Record{}, false, s.tooLong()
		}
		c := s.in[j.at]
		switch j.phase {
		case beforeValue:
			j.begin(c, s.format == JSONSeq)
		case inContainer:
			j.container(s.in[:min(len(s.in), s.limit)])
		case inString:
			switch {
			case j.escape:
				j.escape = false
			case c == '\\':
				j.escape = true
			case c == '"':
				j.phase, j.end = afterValue, j.at+1
			}
		case inWord:
			switch c {
			case ' ', '\t', '\r', '\n', '{', '[', '"', separator:
				j.phase, j.end = afterValue, j.at
				j.at-- // to be looked at once more
			}
		case afterValue:
			switch c {
			case ' ', '\t', '\r':
			case '\n':
				return s.value(j.at + 1)
			default:
				return s.value(j.at)
			}
		}
	}
	if !s.end {
		return Record{}, false, nil
	}
	switch j.phase {
	case inWord:
		j.end = len(s.in)
		return s.value(len(s.in))
	case afterValue:
		return s.value(len(s.in))
	case beforeValue: // white space behind the last value
		r := s.take(len(s.in), 0)
		r.Opaque = true
		s.json = jsonScanner{}
		return r, true, nil
	}
	return Record{}, false, nil
}

// begin looks at a byte before a value.
func (j *jsonScanner) begin(c byte, separated bool) {
	switch {
	case c == ' ', c == '\t', c == '\r', c == '\n', c == separator && separated:
		return
	case c == '{', c == '[':
		j.phase, j.depth = inContainer, 1
	case c == '"':
		j.phase = inString
	default:
		j.phase = inWord
	}
	j.start = j.at
}

// container looks at the bytes of an array or an object, from j.at to its end or
// that of what has come, and leaves j.at at the last one of them.
func (j *jsonScanner) container(in []byte) {
	at, depth := j.at, j.depth
	for ; at < len(in); at++ {
		if j.text {
			if j.escape {
				j.escape = false
				continue
			}
			for at < len(in) && in[at] != '"' && in[at] != '\\' {
				at++ // most bytes of most records
			}
			if at == len(in) {
				break
			}
			j.escape = in[at] == '\\'
			j.text = j.escape
			continue
		}
		switch in[at] {
		case '"':
			j.text = true
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				j.phase, j.at, j.end = afterValue, at, at+1
				return
			}
		}
	}
	j.at, j.depth = at-1, depth
}

func (s *Splitter) tooLong() error {
	return failf("a record is longer than limits.record (%d bytes)", s.limit)
}

// value cuts a record of n bytes, once it is sure that one value is in it.
func (s *Splitter) value(n int) (Record, bool, error) {
	j := s.json
	s.json = jsonScanner{}
	if s.format == JSONSeq && bytes.Count(s.in[:j.start], []byte{separator}) != 1 {
		return Record{}, false, failf("a value of application/json-seq is not preceded by one record separator")
	}
	if !json.Valid(s.in[j.start:j.end]) {
		return Record{}, false, failf("what came is no JSON")
	}
	r := s.take(n, 0)
	r.Kind = KindJSON
	return r, true, nil
}

// joinValue gives what a filter has made of a value the separator and the end of the line that it had: without them it would
// run into the next one.
func (s *Splitter) joinValue(r *Record, data []byte) []byte {
	s.out = s.out[:0]
	if s.format == JSONSeq && bytes.IndexByte(data, separator) < 0 {
		s.out = append(s.out, separator)
	}
	s.out = append(s.out, data...)
	switch last := data[len(data)-1]; {
	case last == '\n':
	case bytes.HasSuffix(r.whole, []byte("\r\n")):
		s.out = append(s.out, '\r', '\n')
	case bytes.HasSuffix(r.whole, []byte("\n")), last != '}' && last != ']' && last != '"':
		s.out = append(s.out, '\n')
	}
	return s.out
}
