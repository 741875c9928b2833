package record_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/record"
)

// FuzzCuts holds the law of this package: where the network cuts a stream changes nothing. Any bytes, cut at any places,
// give the same records and the same end; and what is done nothing to is joined to what came.
func FuzzCuts(f *testing.F) {
	for _, text := range []string{
		"{\"a\":1}\r\n{\"b\":\"\\\"}{\"} [1,2]\n12 true", "\x1e{}\n\x1e{}\n", "{},{}", "\x01\x00\x00\x00\x00\x00\x00\x02hi\x02\x00\x00\x00\x00\x00\x00\x00",
		"\x01\x00\x00\x00\x00\x00\x08\x01" + strings.Repeat("y", 2049), "\x82\x02hi\x89\x00\x88\x02\x03\xe8", "\x82\x7e\x01\x00" + strings.Repeat("z", 256), "hello\r\n",
	} {
		for format := record.Raw; format <= record.WebSocket; format++ {
			f.Add(uint8(format), uint16(1), []byte{1, 7, 3}, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, limit uint16, at, text []byte) {
		format := record.Format(kind % 5)
		whole, joined, wholeErr := cut(format, int(limit), string(text))
		var pieces []string
		for rest := string(text); rest != ""; {
			n := len(rest)
			if len(at) > 0 {
				n, at = min(n, int(at[0])), at[1:]
			}
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, again, err := cut(format, int(limit), pieces...)
		if format == record.Raw {
			whole, got = []string{strings.Join(bodies(whole), "")}, []string{strings.Join(bodies(got), "")}
		}
		if !slices.Equal(got, whole) || again != joined {
			t.Fatalf("cut into %q: %q, want %q", pieces, got, whole)
		}
		if (err == nil) != (wholeErr == nil) || err != nil && err.Error() != wholeErr.Error() {
			t.Fatalf("cut into %q: %v, want %v", pieces, err, wholeErr)
		}
		switch {
		case err != nil:
		case format == record.Frames: // a long frame is sent on as several
			want, _ := demultiplex(text)
			if have, ok := demultiplex([]byte(joined)); !ok || have != want {
				t.Fatalf("joined to %q, want the content of %q", joined, text)
			}
		case joined != string(text):
			t.Fatalf("joined to %q, want %q", joined, text)
		}
	})
}

// bodies are the records without their kind.
func bodies(records []string) (out []string) {
	for _, r := range records {
		_, body, _ := strings.Cut(r, ":")
		out = append(out, body)
	}
	return out
}

// demultiplex is how a client reads a multiplexed stream, an account of what it would print where.
func demultiplex(stream []byte) (printed string, ok bool) {
	last := byte(255)
	for len(stream) > 0 {
		if len(stream) < 8 || stream[0] > 3 {
			return printed, false
		}
		n := int64(binary.BigEndian.Uint32(stream[4:]))
		if int64(len(stream)-8) < n {
			return printed, false
		}
		if n > 0 && stream[0] != last {
			last = stream[0]
			printed += "\n[" + string('0'+rune(last)) + "]"
		}
		printed += string(stream[8 : 8+n])
		stream = stream[8+n:]
	}
	return printed, true
}

// FuzzJSON compares the records with what Go's own decoder, which Docker's clients use, makes of the stream: never one
// where it sees two, never two where it sees one.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{"{}\n{}", "1 2", "12\"a\"[]", "{\"a\":[{\"b\":\"]\"}]}{}", "nul", "[1,]", "\"\\\"\"\"x\"", "{\"a\":1}\r\n\r\n", "true false", "1-1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _, err := cut(record.JSON, 1<<20, string(text))
		var want []string
		var wantErr error
		for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
			var value json.RawMessage
			if wantErr = decoder.Decode(&value); wantErr != nil {
				break
			}
			want = append(want, string(value))
		}
		for i, r := range got {
			if i >= len(want) {
				t.Fatalf("record %d is %q, and a client sees no more than %q", i, r, want)
			}
			if value := strings.Trim(strings.TrimPrefix(r, "json:"), " \t\r\n"); value != want[i] {
				t.Fatalf("record %d is %q, and a client sees %q", i, value, want[i])
			}
		}
		if err == nil && (len(got) != len(want) || wantErr != io.EOF) {
			t.Fatalf("%d records and no error; a client sees %q and %v", len(got), want, wantErr)
		}
	})
}
