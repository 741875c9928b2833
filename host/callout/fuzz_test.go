package callout

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// Whatever a guest gives for a request: either it is refused, or what is sent is one
// request with this method, path, authority and body, as net/http's own server
// reads it, and nothing behind it.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/", "svc", "x-a", "1", "", "", "")
	f.Add("POST", "//a/%2e?x=%20&y", "svc:80", "Content-Length", "5", "body", "x-sum", "1")
	f.Add("PUT", "/a b", "a/b", "transfer-encoding", "chunked", "0\r\n\r\n", "", "")
	f.Add("G\r\nT", "/\r\nx: y", "", ":path", "/b", "", "trailer", "x")
	f.Add("CONNECT", "*", "[::1]:80", "connection", "close, x-a", "", "", "")
	u, err := New(Options{Name: "svc", Address: "unix:///nowhere"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, authority, key, value, body, lastKey, last string) {
		fields := []abi.Pair{{Key: ":method", Value: method}, {Key: ":path", Value: path}, {Key: ":authority", Value: authority}}
		if key != "" {
			fields = append(fields, abi.Pair{Key: key, Value: value})
		}
		var trailers []abi.Pair
		if lastKey != "" {
			trailers = []abi.Pair{{Key: lastKey, Value: last}}
		}
		r, err := NewRequest(fields, []byte(body), trailers, 0)
		if err != nil {
			return
		}
		request, err := u.httpRequest(t.Context(), r)
		if err != nil {
			t.Fatalf("%q was accepted and cannot be made: %v", fields, err)
		}
		var sent bytes.Buffer
		if err := request.Write(&sent); err != nil {
			return // net/http has something against it
		}
		in := bufio.NewReader(&sent)
		got, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("%q is no request: %v", sent.String(), err)
		}
		text, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatalf("%q: %v", sent.String(), err)
		}
		host := authority
		if host == "" {
			host = "svc"
		}
		if got.Method != method || got.RequestURI != path || !strings.EqualFold(got.Host, host) || string(text) != body || got.Close {
			t.Errorf("sent %s %s to %s with %q, close %v; want %s %s to %s with %q", got.Method, got.RequestURI, got.Host, text, got.Close, method, path, host, body)
		}
		if rest, _ := io.ReadAll(in); len(rest) > 0 {
			t.Errorf("%q comes behind the request", rest)
		}
	})
}

// A service's messages are read within the limit, or are an error.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x03abc\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\xff\xff\xff\xff"))
	f.Add([]byte("\x01\x00\x00\x00\x01a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		read := 0
		for {
			message, err := readMessage(r, 64)
			if err != nil {
				if err == io.EOF && r.Len() > 0 {
					t.Errorf("an end before the end, with %d bytes left", r.Len())
				}
				return
			}
			if len(message) > 64 {
				t.Fatalf("a message of %d bytes", len(message))
			}
			if want := data[read+messageHead : read+messageHead+len(message)]; !bytes.Equal(message, want) {
				t.Fatalf("got %q, want %q", message, want)
			}
			read += messageHead + len(message)
		}
	})
}
