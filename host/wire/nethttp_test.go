package wire_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// net/http is what dockerd and its clients are made of; both sides have to understand wire, and wire them.

func TestClientAgainstNetHTTP(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Seen", r.Method+" "+r.URL.String()+" "+strconv.Itoa(len(body))+" "+strings.Join(r.Header["X-Many"], ","))
		switch r.URL.Path {
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/large":
			w.Write(large)
		case "/length":
			w.Header().Set("Content-Length", strconv.Itoa(len(large)))
			w.Write(large)
		default:
			w.Write(body)
		}
	}))
	defer server.Close()
	nc, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := wire.NewConn(nc, wire.Options{})
	defer c.Close()
	for _, test := range []struct {
		method, target string
		framing        wire.Framing
		body           []byte
		seen, want     string
	}{
		{"GET", "/a?b=c", wire.Framing{}, nil, "GET /a?b=c 0 1,2", ""},
		{"HEAD", "/length", wire.Framing{}, nil, "HEAD /length 0 1,2", ""},
		{"POST", "/echo", wire.Framing{Kind: wire.Length, Length: 5}, []byte("hello"), "POST /echo 5 1,2", "hello"},
		{"POST", "/echo", wire.Framing{Kind: wire.Length}, nil, "POST /echo 0 1,2", ""},
		{"POST", "/echo", wire.Framing{Kind: wire.Chunked}, large, "POST /echo 1048576 1,2", string(large)},
		{"GET", "/large", wire.Framing{}, nil, "GET /large 0 1,2", string(large)},
		{"GET", "/length", wire.Framing{}, nil, "GET /length 0 1,2", string(large)},
		{"DELETE", "/empty", wire.Framing{}, nil, "DELETE /empty 0 1,2", ""},
	} {
		r := wire.Request{Method: test.method, Target: test.target, Host: "docker", Body: test.framing, Header: []abi.Pair{{Key: "x-many", Value: "1"}, {Key: "X-Many", Value: "2"}}}
		if err := c.WriteRequest(&r); err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteBody(test.body); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.FinishBody(nil), c.Flush()); err != nil {
			t.Fatal(err)
		}
		var resp wire.Response
		if err := c.ReadResponse(&resp, test.method); err != nil {
			t.Fatal(err)
		}
		seen := ""
		for _, p := range resp.Header {
			if p.Key == "X-Seen" {
				seen = p.Value
			}
		}
		if seen != test.seen {
			t.Errorf("%s %s: net/http saw %q; want %q", test.method, test.target, seen, test.seen)
		}
		if got, err := readAll(c); got != test.want || err != nil {
			t.Errorf("%s %s: body of %d bytes, %v; want %d", test.method, test.target, len(got), err, len(test.want))
		}
		if !c.Reusable() {
			t.Fatalf("%s %s: connection cannot be used again", test.method, test.target)
		}
	}
}

func TestServerAgainstNetHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go echo(nc)
		}
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name, body := range map[string]io.Reader{
		"none":    nil,
		"length":  bytes.NewReader(large),
		"chunked": struct{ io.Reader }{bytes.NewReader(large)},
		"small":   strings.NewReader("{}"),
	} {
		for _, expect := range []bool{false, true} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+l.Addr().String()+"/x", body)
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := body.(io.Seeker); ok {
				s.Seek(0, io.SeekStart)
			} else if body != nil {
				req.Body = io.NopCloser(bytes.NewReader(large))
			}
			if expect {
				req.Header.Set("Expect", "100-continue")
			}
			sent := sha256.New()
			if req.Body != nil {
				req.Body = io.NopCloser(io.TeeReader(req.Body, sent))
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := sha256.New()
			if _, err := io.Copy(got, resp.Body); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			resp.Body.Close()
			if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
				t.Errorf("%s, expect %v: another body came back", name, expect)
			}
		}
	}
}

// echo answers every request with its body, in chunks.
func echo(nc net.Conn) {
	c := wire.NewConn(nc, wire.Options{})
	defer c.Close()
	for {
		var r wire.Request
		if c.ReadRequest(&r) != nil {
			return
		}
		if r.Expect100 && c.Continue100() != nil {
			return
		}
		var all []byte
		for done := false; !done; {
			var p []byte
			var err error
			if p, done, err = c.NextBody(); err != nil {
				return
			}
			all = append(all, p...)
		}
		if c.WriteResponse(&wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Chunked}}) != nil {
			return
		}
		for len(all) > 0 {
			n := min(len(all), 100_000)
			if _, err := c.WriteBody(all[:n]); err != nil {
				return
			}
			all = all[n:]
		}
		if errors.Join(c.FinishBody(nil), c.Flush()) != nil || !c.Reusable() {
			return
		}
	}
}

// A request is read by one goroutine while another writes on the same connection.
func TestReaderAndWriterAtOnce(t *testing.T) {
	server, client := pair(t, "unix")
	s, c := wire.NewConn(server, wire.Options{}), wire.NewConn(client, wire.Options{})
	const size = 8 << 20
	body := bytes.Repeat([]byte("x"), 64<<10)
	chunked := wire.Framing{Kind: wire.Chunked}
	errs := make(chan error, 3)
	go func() { // the server sends its whole answer before it has read the request
		var r wire.Request
		if err := s.ReadRequest(&r); err != nil {
			errs <- err
			return
		}
		go func() {
			n := 0
			for done := false; !done; {
				var p []byte
				var err error
				if p, done, err = s.NextBody(); err != nil {
					errs <- err
					return
				}
				n += len(p)
			}
			if n != size {
				errs <- errors.New("request body has another size")
				return
			}
			errs <- nil
		}()
		errs <- write(s, s.WriteResponse(&wire.Response{Status: 200, Body: chunked}), body, size)
	}()
	if err := c.WriteRequest(&wire.Request{Method: "POST", Target: "/build", Body: chunked}); err != nil {
		t.Fatal(err)
	}
	go func() { errs <- write(c, nil, body, size) }()
	var resp wire.Response
	if err := c.ReadResponse(&resp, "POST"); err != nil {
		t.Fatal(err)
	}
	got, err := readAll(c)
	if err != nil || len(got) != size {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if !c.Reusable() || !s.Reusable() {
		t.Error("a complete exchange leaves its connection unusable")
	}
}

func write(c *wire.Conn, err error, part []byte, size int) error {
	for n := 0; n < size && err == nil; n += len(part) {
		_, err = c.WriteBody(part)
	}
	return errors.Join(err, c.FinishBody(nil), c.Flush())
}
