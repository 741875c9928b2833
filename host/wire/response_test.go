package wire_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

func TestResponsesOfTheEngineAreUnderstood(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		input  string
		want   wire.Response
		body   string
	}{
		"ping, whose length is told and not sent": {
			"HEAD", "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\r\n",
			wire.Response{Status: 200, Reason: "OK", Minor: 1, Header: []abi.Pair{{Key: "Api-Version", Value: "1.41"}}, Body: wire.Framing{Kind: wire.LengthOnly}},
			"",
		},
		"HEAD of something large": {
			"HEAD", "HTTP/1.1 404 Not Found\r\nContent-Length: 77\r\n\r\n",
			wire.Response{Status: 404, Reason: "Not Found", Minor: 1, Body: wire.Framing{Kind: wire.LengthOnly, Length: 77}},
			"",
		},
		"HEAD with chunks announced": {
			"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			wire.Response{Status: 200, Reason: "OK", Minor: 1},
			"",
		},
		"created": {
			"POST", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
			wire.Response{Status: 201, Reason: "Created", Minor: 1, Body: wire.Framing{Kind: wire.Length, Length: 2}},
			"{}",
		},
		"started": {"POST", "HTTP/1.1 204 No Content\r\n\r\n", wire.Response{Status: 204, Reason: "No Content", Minor: 1}, ""},
		"not modified": {
			"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
			wire.Response{Status: 304, Reason: "Not Modified", Minor: 1, Body: wire.Framing{Kind: wire.LengthOnly, Length: 5}},
			"",
		},
		"list": {
			"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
			wire.Response{Status: 200, Reason: "OK", Minor: 1, Body: wire.Framing{Kind: wire.Chunked}},
			"[]",
		},
		"attach of something missing, closed by EOF": {
			"POST", "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container",
			wire.Response{Status: 404, Reason: "Not Found", Minor: 1, Close: true, Header: []abi.Pair{{Key: "Content-Type", Value: "application/vnd.docker.raw-stream"}}, Body: wire.Framing{Kind: wire.UntilClose}},
			"No such container",
		},
		"upgraded": {
			"POST", "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
			wire.Response{Status: 101, Reason: "UPGRADED", Minor: 1, Upgrade: "tcp", Header: []abi.Pair{{Key: "Content-Type", Value: "application/vnd.docker.raw-stream"}}},
			"",
		},
		"old server": {
			"GET", "HTTP/1.0 200\r\nContent-Length: 1\r\n\r\nx",
			wire.Response{Status: 200, Close: true, Body: wire.Framing{Kind: wire.Length, Length: 1}},
			"x",
		},
		"server that closes": {
			"GET", "HTTP/1.1 200 Very well\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
			wire.Response{Status: 200, Reason: "Very well", Minor: 1, Close: true, Body: wire.Framing{Kind: wire.Length}},
			"",
		},
	} {
		for how, pieces := range arrivals(test.input) {
			t.Run(name+" "+how, func(t *testing.T) {
				c := wire.NewConn(&script{pieces: pieces}, wire.Options{})
				if err := c.WriteRequest(&wire.Request{Method: test.method, Target: "/"}); err != nil {
					t.Fatal(err)
				}
				var got wire.Response
				if err := c.ReadResponse(&got, test.method); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("response (-want +got):\n%s", d)
				}
				if body, err := readAll(c); err != nil || body != test.body {
					t.Errorf("body %q, %v; want %q", body, err, test.body)
				}
			})
		}
	}
}

func TestInformationalResponsesComeFirst(t *testing.T) {
	c := of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx")
	var r wire.Response
	for _, want := range []int{100, 103, 201} {
		if err := c.ReadResponse(&r, "POST"); err != nil || r.Status != want || r.Informational() != (want < 200) {
			t.Fatalf("got %d, %v; want %d", r.Status, err, want)
		}
	}
	if body, err := readAll(c); body != "x" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
}

func TestMalformedResponsesAreRefused(t *testing.T) {
	for name, input := range map[string]string{
		"not HTTP":           "SSH-2.0-OpenSSH\r\n\r\n",
		"status":             "HTTP/1.1 2000 OK\r\n\r\n",
		"signed status":      "HTTP/1.1 +20 OK\r\n\r\n",
		"status below 100":   "HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/2":             "HTTP/2.0 200 OK\r\n\r\n",
		"reason":             "HTTP/1.1 200 O\x00K\r\n\r\n",
		"length and chunked": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"chunked on 1.0":     "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"bare LF":            "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
	} {
		var r wire.Response
		var e *wire.Error
		if err := of(input).ReadResponse(&r, "GET"); !errors.As(err, &e) || e.Status != 502 || !strings.HasPrefix(e.Message, "from upstream: ") || strings.Contains(e.Message, "request") {
			t.Errorf("%s: got %v; want status 502 and words about a response", name, err)
		}
	}
	for name, body := range map[string]string{
		"chunk size": "x\r\n", "chunk": "1\r\nxx\r\n", "trailer": "0\r\na b\r\n\r\n", "endless trailer": "0\r\na: " + strings.Repeat("b", 9000),
	} {
		c := of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
		var r wire.Response
		if err := c.ReadResponse(&r, "GET"); err != nil {
			t.Fatal(err)
		}
		_, err := readAll(c)
		var e *wire.Error
		if !errors.As(err, &e) || e.Status != 502 || !strings.HasPrefix(e.Message, "from upstream: ") || strings.Contains(e.Message, "request") {
			t.Errorf("%s in the body: got %v; want status 502 and words about a response", name, err)
		}
	}
	var r wire.Response
	if err := of("").ReadResponse(&r, "GET"); err != io.EOF {
		t.Errorf("a connection that ends without an answer: %v; want io.EOF", err)
	}
}

// What the request asked for decides the form of its response.
func TestWrittenResponses(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	field := []abi.Pair{{Key: "x-A", Value: "1"}}
	for name, test := range map[string]struct {
		request  string
		response wire.Response
		body     string
		want     string
		reusable bool
	}{
		"length": {
			get,
			wire.Response{Status: 200, Header: field, Body: wire.Framing{Kind: wire.Length, Length: 2}},
			"{}",
			"HTTP/1.1 200 OK\r\nx-A: 1\r\nContent-Length: 2\r\n\r\n{}", true,
		},
		"chunked": {
			get,
			wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Chunked}},
			"{}",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", true,
		},
		"until close": {
			get,
			wire.Response{Status: 404, Reason: "Gone fishing", Body: wire.Framing{Kind: wire.UntilClose}},
			"no",
			"HTTP/1.1 404 Gone fishing\r\nConnection: close\r\n\r\nno", false,
		},
		"nothing is length zero": {
			get,
			wire.Response{Status: 200},
			"",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true,
		},
		"framing fields of a filter are not written": {
			get,
			wire.Response{Status: 200, Header: []abi.Pair{{Key: "content-length", Value: "7"}, {Key: "transfer-encoding", Value: "chunked"}, {Key: "connection", Value: "close"}}, Body: wire.Framing{Kind: wire.Length, Length: 1}},
			"x", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true,
		},
		"HEAD keeps the length and drops the body": {
			"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Response{Status: 200, Body: wire.Framing{Kind: wire.LengthOnly, Length: 9}},
			"",
			"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true,
		},
		"HEAD denied with a body": {
			"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Response{Status: 403, Body: wire.Framing{Kind: wire.Length, Length: 2}},
			"{}",
			"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n", true,
		},
		"204": {
			get,
			wire.Response{Status: 204, Body: wire.Framing{Kind: wire.Length}},
			"",
			"HTTP/1.1 204 No Content\r\n\r\n", true,
		},
		"304 with a length": {
			get,
			wire.Response{Status: 304, Body: wire.Framing{Kind: wire.LengthOnly, Length: 3}},
			"",
			"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", true,
		},
		"HTTP/1.0 gets no chunks and is left": {
			"GET / HTTP/1.0\r\n\r\n",
			wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Chunked}},
			"[]",
			"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n[]", false,
		},
		"client that closes": {
			"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			wire.Response{Status: 200},
			"",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false,
		},
		"101 as dockerd writes it": {
			get,
			wire.Response{Status: 101, Reason: "UPGRADED", Upgrade: "tcp", Header: []abi.Pair{{Key: "Content-Type", Value: "application/vnd.docker.raw-stream"}}},
			"",
			"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", false,
		},
		"h2c": {
			get,
			wire.Response{Status: 101, Reason: "Switching Protocols", Upgrade: "h2c"},
			"",
			"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false,
		},
		"200 that hijacks": {
			get,
			wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Raw}, Header: []abi.Pair{{Key: "Content-Type", Value: "application/vnd.docker.raw-stream"}}},
			"raw",
			"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nraw", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{pieces: [][]byte{[]byte(test.request)}}
			c := wire.NewConn(s, wire.Options{})
			var r wire.Request
			if err := c.ReadRequest(&r); err != nil {
				t.Fatal(err)
			}
			if err := c.WriteResponse(&test.response); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WriteBody([]byte(test.body)); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(c.FinishBody(nil), c.FinishBody(nil), c.Flush()); err != nil {
				t.Fatal(err)
			}
			if got := string(s.wrote); got != test.want || s.writes != 1 {
				t.Errorf("%d writes: %q\nwant one: %q", s.writes, got, test.want)
			}
			if c.Reusable() != test.reusable {
				t.Errorf("reusable: %v; want %v", c.Reusable(), test.reusable)
			}
		})
	}
}

func TestContinueIsSentAtOnceAndBeforeTheResponse(t *testing.T) {
	s := &script{pieces: [][]byte{[]byte("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")}}
	c := wire.NewConn(s, wire.Options{})
	var r wire.Request
	if err := c.ReadRequest(&r); err != nil {
		t.Fatal(err)
	}
	if err := c.Continue100(); err != nil {
		t.Fatal(err)
	}
	if got, want := string(s.wrote), "HTTP/1.1 100 Continue\r\n\r\n"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if err := errors.Join(c.WriteResponse(&wire.Response{Status: 403}), c.Flush()); err != nil {
		t.Fatal(err)
	}
	if c.Reusable() {
		t.Error("a connection whose request body was not read is reusable")
	}
	if err := c.Continue100(); err != wire.ErrOutOfOrder {
		t.Errorf("100 after the response: %v", err)
	}
}

func TestBodyMustHaveItsPromisedLength(t *testing.T) {
	begin := func() (*wire.Conn, *script) {
		s := &script{pieces: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}}
		c := wire.NewConn(s, wire.Options{})
		var r wire.Request
		if err := errors.Join(c.ReadRequest(&r), c.WriteResponse(&wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Length, Length: 3}})); err != nil {
			t.Fatal(err)
		}
		return c, s
	}
	c, _ := begin()
	if _, err := c.WriteBody([]byte("abcd")); err != wire.ErrBodyLength {
		t.Errorf("too long: %v", err)
	}
	c, _ = begin()
	c.WriteBody([]byte("ab"))
	if err := c.FinishBody(nil); err != wire.ErrBodyLength || c.Reusable() {
		t.Errorf("too short: %v, reusable %v", err, c.Reusable())
	}
	c, s := begin()
	c.WriteBody([]byte("abc"))
	if err := errors.Join(c.FinishBody(nil), c.Flush()); err != nil || !strings.HasSuffix(string(s.wrote), "\r\n\r\nabc") {
		t.Errorf("%q, %v", s.wrote, err)
	}
	if _, err := c.WriteBody([]byte("d")); err != wire.ErrBodyLength {
		t.Errorf("after the end: %v", err)
	}
}

func TestResponsesThatCannotBeWritten(t *testing.T) {
	for name, r := range map[string]wire.Response{
		"status": {Status: 20},
		"reason": {Status: 200, Reason: "OK\r\nX: y"},
		"value":  {Status: 200, Header: []abi.Pair{{Key: "Location", Value: "/\r\nSet-Cookie: a=b"}}},
		"name":   {Status: 200, Header: []abi.Pair{{Key: "a b", Value: ""}}},
	} {
		s := &script{pieces: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}}
		c := wire.NewConn(s, wire.Options{})
		var req wire.Request
		if err := c.ReadRequest(&req); err != nil {
			t.Fatal(err)
		}
		var e *wire.Error
		if err := errors.Join(c.WriteResponse(&wire.Response{Status: 103}), c.Flush()); err != nil || c.Unsent() {
			t.Fatalf("%s: a head before it: %v, unsent %v", name, err, c.Unsent())
		}
		s.wrote = nil
		if err := c.WriteResponse(&r); !errors.As(err, &e) || e.Status != 502 || !strings.HasPrefix(e.Message, "malformed response: ") || !c.Unsent() {
			t.Errorf("%s: got %v, unsent %v; want a malformed response and nothing sent", name, err, c.Unsent())
		}
		// The handler's answer to that still goes out.
		if err := errors.Join(c.WriteResponse(&wire.Response{Status: 500}), c.Flush()); err != nil || !strings.HasPrefix(string(s.wrote), "HTTP/1.1 500 ") {
			t.Errorf("%s: %q, %v", name, s.wrote, err)
		}
	}
}
