package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/record"
)

// cut feeds a stream in pieces and returns its records, what they are joined to again, and the error that ended it.
func cut(format record.Format, limit int, pieces ...string) (records []string, joined string, err error) {
	s := record.NewSplitter(format, limit)
	for i := 0; i <= len(pieces); i++ {
		if i < len(pieces) {
			s.Feed([]byte(pieces[i]), false)
		} else {
			s.Feed(nil, true)
		}
		for {
			r, ok, err := s.Next()
			if err != nil {
				return records, joined, err
			}
			if !ok {
				break
			}
			name := r.Kind.String()
			if r.Kind == record.KindFrame {
				name = r.Stream.String()
			}
			if !r.Opaque {
				records = append(records, name+":"+string(r.Data))
			}
			joined += string(s.Join(&r, r.Data, false))
		}
	}
	return records, joined, nil
}

// bytewise is the text in pieces of one byte.
func bytewise(text string) []string { return strings.Split(text, "") }

func TestRecordsAreWhatAClientDecodes(t *testing.T) {
	const raw = "\x01\x00\x00\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		format record.Format
		text   string
		want   []string
	}{
		"lines":                      {record.JSON, "{\"a\":1}\n{\"b\":2}\n", []string{"json:{\"a\":1}\n", "json:{\"b\":2}\n"}},
		"lines of dockerd's builds":  {record.JSON, "{\"stream\":\"Step\\n\"}\r\n{\"aux\":{}}\r\n", []string{"json:{\"stream\":\"Step\\n\"}\r\n", "json:{\"aux\":{}}\r\n"}},
		"two on a line":              {record.JSON, `{"a":1}{"b":2} [3]` + "\n", []string{`json:{"a":1}`, `json:{"b":2} `, "json:[3]\n"}},
		"one on two lines":           {record.JSON, "{\"a\":\n1}\n", []string{"json:{\"a\":\n1}\n"}},
		"no end of the line":         {record.JSON, "{}\n{}", []string{"json:{}\n", "json:{}"}},
		"white space around":         {record.JSON, " \r\n\t{} \t\r\n \n", []string{"json: \r\n\t{} \t\r\n"}},
		"brackets in text":           {record.JSON, `{"}\"{":"]\\"}` + "\n", []string{`json:{"}\"{":"]\\"}` + "\n"}},
		"values that are no objects": {record.JSON, "1 \"a\"true\nnull\n-2.5e3", []string{"json:1 ", "json:\"a\"", "json:true\n", "json:null\n", "json:-2.5e3"}},
		"nothing":                    {record.JSON, "", nil},
		"a sequence":                 {record.JSONSeq, "\x1e{\"a\":1}\n\x1e{\"b\":2}\n", []string{"json:\x1e{\"a\":1}\n", "json:\x1e{\"b\":2}\n"}},
		"frames": {
			record.Frames, raw + "\x03out" + "\x02\x00\x00\x00\x00\x00\x00\x04err\n" + raw + "\x00" + "\x03\x00\x00\x00\x00\x00\x00\x01!" + "\x00\x00\x00\x00\x00\x00\x00\x02in",
			[]string{"stdout:out", "stderr:err\n", "systemerr:!", "stdin:in"},
		},
		"messages": {
			record.WebSocket, "\x82\x03abc\x89\x01p\x81\x01t\x82\x7e\x00\x7e" + strings.Repeat("x", 126) + "\x88\x02\x03\xe8",
			[]string{"raw:abc", "raw:t", "raw:" + strings.Repeat("x", 126)},
		},
	} {
		for how, pieces := range map[string][]string{"at once": {c.text}, "byte by byte": bytewise(c.text)} {
			got, joined, err := cut(c.format, 4096, pieces...)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: got %q, %v; want %q", name, how, got, err, c.want)
			}
			if joined != c.text {
				t.Errorf("%s, %s: joined to %q, want %q", name, how, joined, c.text)
			}
		}
	}
}

func TestWhatCannotBeCutEndsTheStream(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		format  record.Format
		text    string
		records int // before the end
		want    string
	}{
		"no JSON":                          {record.JSON, "{}\noops\n", 1, "no JSON"},
		"no JSON in brackets":              {record.JSON, "{]\n", 0, "no JSON"},
		"a key without a value":            {record.JSON, "{\"a\"}\n", 0, "no JSON"},
		"a line end in a text":             {record.JSON, "{\"a\":\"\n\"}\n", 0, "no JSON"},
		"a comma between values":           {record.JSON, "{},{}\n", 1, "no JSON"},
		"two words in one":                 {record.JSON, "truefalse\n", 0, "no JSON"},
		"a byte order mark":                {record.JSON, "\xef\xbb\xbf{}\n", 0, "no JSON"},
		"a separator where there is none":  {record.JSON, "\x1e{}\n", 0, "no JSON"},
		"an unfinished value":              {record.JSON, "{}\n{\"a\":", 1, "ended inside of a record"},
		"a long value":                     {record.JSON, "{}\n\"" + long + "\"\n", 1, "longer than limits.record (1024 bytes)"},
		"long white space":                 {record.JSON, strings.Repeat(" ", 2000) + "{}\n", 0, "longer than limits.record"},
		"a long word":                      {record.JSON, long, 0, "longer than limits.record"},
		"no separator":                     {record.JSONSeq, "\x1e{}\n{}\n", 1, "record separator"},
		"two separators":                   {record.JSONSeq, "\x1e\x1e{}\n", 0, "record separator"},
		"no frame":                         {record.Frames, "hello\r\nworld", 0, "no frame"},
		"a frame of an unknown stream":     {record.Frames, "\x04\x00\x00\x00\x00\x00\x00\x01x", 0, "no frame"},
		"half a frame":                     {record.Frames, "\x01\x00\x00\x00\x00\x00\x00\x02x", 0, "ended inside of a record"},
		"half a frame's head":              {record.Frames, "\x01\x00\x00", 0, "ended inside of a record"},
		"half a large frame":               {record.Frames, "\x01\x00\x00\x00\x00\x00\x10\x00" + long, 1, "ended inside of a record"},
		"a masked message":                 {record.WebSocket, "\x82\x81\x00\x00\x00\x00x", 0, "masked"},
		"a compressed message":             {record.WebSocket, "\xc2\x01x", 0, "extension"},
		"an unknown opcode":                {record.WebSocket, "\x83\x01x", 0, "opcode 3"},
		"a long message":                   {record.WebSocket, "\x82\x7e\x07\xd0" + long, 0, "longer than limits.record"},
		"a message of an incredible size":  {record.WebSocket, "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 0, "longer than limits.record"},
		"half a message":                   {record.WebSocket, "\x82\x02x", 0, "ended inside of a record"},
		"a control frame that is too long": {record.WebSocket, "\x89\x7e\x00\x80", 0, "control frame"},
	} {
		for how, pieces := range map[string][]string{"at once": {c.text}, "byte by byte": bytewise(c.text)} {
			got, _, err := cut(c.format, 1024, pieces...)
			if len(got) != c.records || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: got %d records, %v; want %d and %q", name, how, len(got), err, c.records, c.want)
			}
		}
	}
}

func TestALargeFrameComesInParts(t *testing.T) {
	text := "\x02\x00\x00\x00\x00\x00\x0b\xb8" + strings.Repeat("0123456789", 300) + "\x01\x00\x00\x00\x00\x00\x00\x01x"
	for how, pieces := range map[string][]string{"at once": {text}, "byte by byte": bytewise(text)} {
		got, joined, err := cut(record.Frames, 1024, pieces...)
		if err != nil || len(got) != 4 {
			t.Fatalf("%s: got %d records, %v; want three parts and a frame", how, len(got), err)
		}
		if again, _, err := cut(record.Frames, 1024, joined); err != nil || !slices.Equal(again, got) {
			t.Errorf("%s: what it is joined to is cut differently: %v", how, err)
		}
	}
}

func TestAChangedRecordIsPutBackInItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		format             record.Format
		text, become, want string
	}{
		"a value":                         {record.JSON, "{\"a\":1}\n", "{}\n", "{}\n"},
		"a value without its line's end":  {record.JSON, "{\"a\":1}\n", "{}", "{}\n"},
		"of a line that ends in CRLF":     {record.JSON, "{\"a\":1}\r\n", "{}", "{}\r\n"},
		"of a line that has no end":       {record.JSON, "{\"a\":1}", "{}", "{}"},
		"a word":                          {record.JSON, "{\"a\":1}", "1", "1\n"},
		"nothing":                         {record.JSON, "{\"a\":1}\n", "", ""},
		"a value of a sequence":           {record.JSONSeq, "\x1e{\"a\":1}\n", "{}", "\x1e{}\n"},
		"a whole record of a sequence":    {record.JSONSeq, "\x1e{\"a\":1}\n", "\x1e{}\n", "\x1e{}\n"},
		"a frame":                         {record.Frames, "\x02\x00\x00\x00\x00\x00\x00\x01x", "four", "\x02\x00\x00\x00\x00\x00\x00\x04four"},
		"no frame":                        {record.Frames, "\x02\x00\x00\x00\x00\x00\x00\x01x", "", ""},
		"a message":                       {record.WebSocket, "\x81\x01x", strings.Repeat("y", 200), "\x81\x7e\x00\xc8" + strings.Repeat("y", 200)},
		"a large message":                 {record.WebSocket, "\x81\x01x", strings.Repeat("y", 70000), "\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70" + strings.Repeat("y", 70000)},
		"no message":                      {record.WebSocket, "\x82\x01x", "", ""},
		"no text in a part of a message":  {record.WebSocket, "\x02\x01x", "", "\x02\x00"},
		"no text in the end of a message": {record.WebSocket, "\x80\x01x", "", "\x80\x00"},
		"bytes":                           {record.Raw, "x", "yy", "yy"},
	} {
		s := record.NewSplitter(c.format, 1024)
		s.Feed([]byte(c.text), true)
		r, ok, err := s.Next()
		if !ok || err != nil || !s.Ended() {
			t.Errorf("%s: %v, %v, ended %v", name, ok, err, s.Ended())
			continue
		}
		if got := string(s.Join(&r, []byte(c.become), true)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTheRestOfAStreamCanBePassedOnUncut(t *testing.T) {
	s := record.NewSplitter(record.JSON, 1024)
	s.Feed([]byte("{}\n{\"a\""), false)
	if _, ok, err := s.Next(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := string(s.Rest()); got != "{\"a\"" {
		t.Errorf("the rest is %q", got)
	}
}

func BenchmarkSplit(b *testing.B) {
	event := []byte(`{"status":"start","id":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","from":"busybox","Type":"container","Action":"start","Actor":{"ID":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","Attributes":{"image":"busybox","name":"web"}},"scope":"local","time":1795267176,"timeNano":1795267176694661963}` + "\n")
	frame := record.AppendFrame(nil, record.Stdout, strings.Repeat("x", 100))
	for _, c := range []struct {
		name   string
		format record.Format
		chunk  []byte
	}{{"event", record.JSON, event}, {"frame", record.Frames, frame}, {"10events", record.JSON, bytes.Repeat(event, 10)}} {
		b.Run(fmt.Sprintf("%s/%dB", c.name, len(c.chunk)), func(b *testing.B) {
			s := record.NewSplitter(c.format, 1<<20)
			b.SetBytes(int64(len(c.chunk)))
			b.ReportAllocs()
			for b.Loop() {
				for s.Feed(c.chunk, false); ; {
					r, ok, err := s.Next()
					if err != nil {
						b.Fatal(err)
					}
					if !ok {
						break
					}
					s.Join(&r, r.Data, false)
				}
			}
		})
	}
}

// A filter is lost in the middle of a long frame, and the stream goes on without it: what the client reads is still frames, and none
// of them is one that the container has written into its output.
func TestWhatIsLeftOfALongFrameIsAFrame(t *testing.T) {
	const limit = record.MinLimit
	payload := strings.Repeat("x", limit) + "\x02\x00\x00\x00\x00\x00\x00\x04fake" + strings.Repeat("y", limit)
	stream := string(record.AppendFrame(nil, record.Stdout, payload)) + string(record.AppendFrame(nil, record.Stderr, "end"))
	for _, came := range []int{8 + limit, 8 + limit + 20, len(stream)} {
		s := record.NewSplitter(record.Frames, limit)
		s.Feed([]byte(stream[:came]), false)
		r, ok, err := s.Next()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		sent := string(s.Join(&r, r.Data, false)) + string(s.Rest()) + stream[came:]
		got, ok := demultiplex([]byte(sent))
		if want, _ := demultiplex([]byte(stream)); !ok || got != want {
			t.Errorf("after %d bytes: a client prints %q, want %q", came, got, want)
		}
	}
}
