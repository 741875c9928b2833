package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/wire"
)

// owned are the fields that wire takes out of a request's header.
var owned = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect",
	"Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
}

// FuzzReadRequest holds wire to being never laxer than net/http, and of one mind with it: whatever wire accepts net/http accepts, with the
// same method, target, host, header, body and end of the message. Two things are net/http's server's and not ReadRequest's, and
// so cannot be compared: that a Host may be empty but not missing, and that HTTP/1.0 connections are always closed here. Of an
// absolute-form target what its origin form means is compared.
func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /v1.41/info HTTP/1.1\r\nHost: docker\r\nUser-Agent: x\r\n\r\n",
		"POST /a%20b?c=%zz&d HTTP/1.1\r\nHost:\r\nContent-Length: 3\r\nX: 1\r\nx: 2\r\n\r\nabcGET",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\nrest",
		"GET http://[::1]:80?x HTTP/1.1\r\nHost: y\r\nConnection: close, x\r\nX: y\r\n\r\n",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chun\u212aed\r\n\r\n0\r\n\r\n",
		"GET //a/../b;c HTTP/1.1\r\nHost: x\r\nPragma: no-cache\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	for _, c := range hosttest.SmugglingCases(f) {
		f.Add(c.Raw)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		c := wire.NewConn(&script{pieces: [][]byte{slices.Clone(input)}}, wire.Options{})
		var got wire.Request
		if err := c.ReadRequest(&got); err != nil {
			var e *wire.Error
			if !errors.As(err, &e) && err != io.EOF && err != io.ErrUnexpectedEOF {
				t.Fatalf("an error of no kind that is documented: %v", err)
			}
			return
		}
		theirs := bufio.NewReader(bytes.NewReader(input))
		want, err := http.ReadRequest(theirs)
		if err != nil {
			t.Fatalf("accepted what net/http refuses: %v\n%q", err, input)
		}
		if got.Method != want.Method || got.Minor != want.ProtoMinor {
			t.Fatalf("%s HTTP/1.%d; net/http: %s %s", got.Method, got.Minor, want.Method, want.Proto)
		}
		origin, err := url.ParseRequestURI(got.Target)
		if err != nil {
			t.Fatalf("target %q: %v", got.Target, err)
		}
		path := want.URL.Path
		if want.URL.Host != "" && path == "" {
			path = "/"
		}
		if origin.Path != path || origin.RawQuery != want.URL.RawQuery || got.Host != want.Host {
			t.Fatalf("target %q host %q; net/http: %q %q", got.Target, got.Host, want.RequestURI, want.Host)
		}
		if got.Minor == 1 && got.Close != want.Close {
			t.Fatalf("close %v; net/http: %v", got.Close, want.Close)
		}
		sameHeader(t, got.Header, want.Header)
		switch got.Body.Kind {
		case wire.Chunked:
			if want.ContentLength != -1 {
				t.Fatalf("chunked; net/http: length %d", want.ContentLength)
			}
		default:
			if want.ContentLength != got.Body.Length {
				t.Fatalf("length %d; net/http: %d", got.Body.Length, want.ContentLength)
			}
		}
		body, err := readAll(c)
		if err != nil {
			return
		}
		b, err := io.ReadAll(want.Body)
		if err != nil || string(b) != body {
			t.Fatalf("body %q; net/http: %q, %v", body, b, err)
		}
		rest, _ := io.ReadAll(theirs)
		if string(rest) != string(c.Buffered()) {
			t.Fatalf("after the message %q; net/http: %q", c.Buffered(), rest)
		}
	})
}

// sameHeader compares the fields, but for those that wire owns and those that Connection named.
func sameHeader(t *testing.T, got []abi.Pair, want http.Header) {
	t.Helper()
	h := http.Header{}
	for _, p := range got {
		h[textproto.CanonicalMIMEHeaderKey(p.Key)] = append(h[textproto.CanonicalMIMEHeaderKey(p.Key)], p.Value)
	}
	for k, v := range h {
		if slices.Contains(owned, k) {
			t.Fatalf("%s was left in the header", k)
		}
		if !slices.Equal(v, want[k]) {
			t.Fatalf("%s: %q; net/http: %q", k, v, want[k])
		}
	}
	if want.Get("Connection") != "" {
		return
	}
	for k, v := range want {
		// net/http adds a Cache-Control where there is a Pragma.
		if len(h[k]) == 0 && !slices.Contains(owned, k) && k != "Cache-Control" {
			t.Fatalf("%s: %q is missing", k, v)
		}
	}
}

// FuzzRelay holds the writing half to the reading half: a request that was read and is written again is read as the same one, and
// writing it once more gives the same bytes.
func FuzzRelay(f *testing.F) {
	f.Add([]byte("POST /a?b HTTP/1.1\r\nHost: x\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n"))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: \r\nContent-Length: 3\r\nUpgrade: tcp\r\nConnection: close\r\n\r\nabc"))
	relay := func(t *testing.T, input []byte) ([]byte, bool) {
		src := wire.NewConn(&script{pieces: [][]byte{slices.Clone(input)}}, wire.Options{})
		var r wire.Request
		if src.ReadRequest(&r) != nil {
			return nil, false
		}
		s := &script{}
		dst := wire.NewConn(s, wire.Options{})
		if err := dst.WriteRequest(&r); err != nil {
			t.Fatalf("read but not written: %v\n%q", err, input)
		}
		if _, err := wire.CopyBody(dst, src, false); err != nil {
			return nil, false
		}
		return s.wrote, true
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		once, ok := relay(t, input)
		if !ok {
			return
		}
		twice, ok := relay(t, once)
		if !ok || !bytes.Equal(once, twice) {
			t.Fatalf("first %q\nthen  %q", once, twice)
		}
	})
}

// FuzzReadResponse looks for responses that make the reader panic, spin or promise a body that it then misreads.
func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"), true)
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404\r\nContent-Length: 3\r\n\r\nabc"), false)
	f.Fuzz(func(t *testing.T, input []byte, get bool) {
		method := "HEAD"
		if get {
			method = "GET"
		}
		c := wire.NewConn(&script{pieces: [][]byte{slices.Clone(input)}}, wire.Options{})
		var got wire.Response
		if c.ReadResponse(&got, method) != nil || got.Informational() {
			return
		}
		body, err := readAll(c)
		if err != nil {
			return
		}
		want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(input)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("accepted what net/http refuses: %v\n%q", err, input)
		}
		defer want.Body.Close()
		b, err := io.ReadAll(want.Body)
		if got.Status == 101 {
			b = nil // net/http gives the raw connection there
		}
		if err != nil || got.Status != want.StatusCode || string(b) != body {
			t.Fatalf("%d %q; net/http: %d %q, %v", got.Status, body, want.StatusCode, b, err)
		}
	})
}
