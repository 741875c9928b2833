package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

const chunkedHead = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

// begun returns a Conn whose request head was read.
func begun(t *testing.T, pieces ...[]byte) *wire.Conn {
	t.Helper()
	c := wire.NewConn(&script{pieces: pieces}, wire.Options{})
	var r wire.Request
	if err := c.ReadRequest(&r); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChunksArriveWhole(t *testing.T) {
	for name, test := range map[string]struct{ chunks, want string }{
		"one":                      {"3\r\nabc\r\n0\r\n\r\n", "abc"},
		"many in one read":         {"1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n0\r\n\r\n", "abcd"},
		"none":                     {"0\r\n\r\n", ""},
		"digits of either case":    {"a\r\n0123456789\r\nB\r\n01234567890\r\n0\r\n\r\n", "012345678901234567890"},
		"leading zeros":            {"003\r\nabc\r\n000\r\n\r\n", "abc"},
		"extensions":               {"3;a=\"b;c\"\r\nabc\r\n0;x\r\n\r\n", "abc"},
		"data that looks like one": {"9\r\n0\r\n\r\n0\r\n\r\r\n0\r\n\r\n", "0\r\n\r\n0\r\n\r"},
		"large":                    {"30d40\r\n" + strings.Repeat("0123456789", 20000) + "\r\n1\r\n!\r\n0\r\n\r\n", strings.Repeat("0123456789", 20000) + "!"},
	} {
		for how, pieces := range arrivals(chunkedHead + test.chunks) {
			t.Run(name+" "+how, func(t *testing.T) {
				got, err := readAll(begun(t, pieces...))
				if err != nil || got != test.want {
					t.Errorf("got %d bytes, %v; want %d", len(got), err, len(test.want))
				}
			})
		}
	}
}

func TestBrokenChunksAreRefused(t *testing.T) {
	for name, chunks := range map[string]string{
		"no digits":              "\r\n",
		"not hexadecimal":        "xyz\r\nabc\r\n0\r\n\r\n",
		"prefix":                 "0x3\r\nabc\r\n0\r\n\r\n",
		"sign":                   "+3\r\nabc\r\n0\r\n\r\n",
		"negative":               "-1\r\nabc\r\n0\r\n\r\n",
		"blank before":           " 3\r\nabc\r\n0\r\n\r\n",
		"blank before extension": "3 ;a\r\nabc\r\n0\r\n\r\n",
		"overflow":               "10000000000000003\r\nabc\r\n0\r\n\r\n",
		"bare LF":                "3\nabc\r\n0\r\n\r\n",
		"CR in the line":         "3\r;\r\nabc\r\n0\r\n\r\n",
		"longer than its size":   "3\r\nabcd\r\n0\r\n\r\n",
		"LF after data":          "3\r\nabc\n0\r\n\r\n",
		"NUL in an extension":    "3;\x00\r\nabc\r\n0\r\n\r\n",
		"endless extension":      "3;" + strings.Repeat("a", 300) + "\r\nabc\r\n0\r\n\r\n",
		"mostly extensions":      strings.Repeat("1;"+strings.Repeat("a", 200)+"\r\nx\r\n", 200) + "0\r\n\r\n",
		"trailer that frames":    "0\r\nContent-Length: 5\r\n\r\n",
		"trailer without colon":  "0\r\nabc\r\n\r\n",
		"trailer with bare LF":   "0\r\na: b\n\r\n\r\n",
		"folded trailer":         "0\r\na: b\r\n c\r\n\r\n",
		"endless trailer":        "0\r\n" + strings.Repeat("a: b\r\n", 3000),
	} {
		for how, pieces := range arrivals(chunkedHead + chunks) {
			_, err := readAll(begun(t, pieces...))
			var e *wire.Error
			if !errors.As(err, &e) || e.Status == 400 && !strings.HasPrefix(e.Message, "malformed request: ") {
				t.Errorf("%s %s: got %v; want an *Error that speaks of a request", name, how, err)
			}
		}
	}
}

// A body that ends before its time is never taken for a whole one.
func TestBodyCutOff(t *testing.T) {
	const length = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n012345678"
	for _, whole := range []string{length, chunkedHead + "3\r\nabc\r\n0\r\n\r", chunkedHead + "3\r\nabc\r\n0\r\na: b\r\n\r"} {
		head := strings.Index(whole, "\r\n\r\n") + 4
		for end := head; end < len(whole); end++ {
			if _, err := readAll(begun(t, []byte(whole[:end]))); err != io.ErrUnexpectedEOF {
				t.Errorf("%q: got %v; want io.ErrUnexpectedEOF", whole[head:end], err)
			}
		}
	}
}

func TestTrailersAreKept(t *testing.T) {
	c := begun(t, []byte(chunkedHead+"1\r\nx\r\n0\r\nGrpc-Status: 0\r\ngrpc-message:  ok \r\n\r\nrest"))
	if body, err := readAll(c); body != "x" || err != nil {
		t.Fatalf("body %q, %v", body, err)
	}
	want := []abi.Pair{{Key: "Grpc-Status", Value: "0"}, {Key: "grpc-message", Value: "ok"}}
	if d := cmp.Diff(want, c.Trailer()); d != "" {
		t.Errorf("trailers (-want +got):\n%s", d)
	}
	if got := string(c.Buffered()); got != "rest" {
		t.Errorf("buffered %q after the trailers", got)
	}
}

func TestSmallBodyComesWithItsEnd(t *testing.T) {
	for _, input := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		chunkedHead + "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
	} {
		c := begun(t, []byte(input))
		if whole, err := c.BodyBuffered(); !whole || err != nil {
			t.Errorf("buffered: %v, %v", whole, err)
		}
		if c.BodyDone() {
			t.Error("done before it was handed out")
		}
		p, done, err := c.NextBody()
		if string(p) != "abc" || !done || err != nil || !c.BodyDone() {
			t.Errorf("got %q, %v, %v", p, done, err)
		}
		c = begun(t, []byte(input))
		b := make([]byte, 10)
		if n, err := c.ReadBody(b); string(b[:n]) != "abc" || err != io.EOF {
			t.Errorf("got %q, %v; want the end with the last bytes", b[:n], err)
		}
		c = begun(t, []byte(input))
		if got, err := io.ReadAll(readerFunc(func(p []byte) (int, error) { return c.ReadBody(p[:1]) })); string(got) != "abc" || err != nil {
			t.Errorf("byte by byte: %q, %v", got, err)
		}
	}
	c := begun(t, []byte(chunkedHead+"3\r\nabc\r\n"), []byte("0\r\n\r\n"))
	if whole, err := c.BodyBuffered(); whole || err != nil {
		t.Errorf("a body without its end is buffered: %v, %v", whole, err)
	}
	if ready, err := c.BodyReady(); !ready || err != nil {
		t.Errorf("its first bytes are not ready: %v, %v", ready, err)
	}
	if body, err := readAll(c); body != "abc" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestDiscardStopsAtItsLimit(t *testing.T) {
	body := strings.Repeat("x", 5000)
	length := []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + body)
	chunked := []byte(chunkedHead + "1388\r\n" + body + "\r\n0\r\n\r\n")
	for _, input := range [][]byte{length, chunked} {
		if all, err := begun(t, input).Discard(5000); !all || err != nil {
			t.Errorf("within the limit: %v, %v", all, err)
		}
		if all, err := begun(t, input).Discard(100); all || err != nil {
			t.Errorf("beyond the limit: %v, %v", all, err)
		}
	}
}

// A refused request is not waited for: only what has arrived of its body is dropped, and the rest keeps its place.
func TestDiscardBufferedDoesNotWait(t *testing.T) {
	const next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
	const length = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n"
	for name, test := range map[string]struct {
		buffered, rest string
		all            bool
	}{
		"no body":         {"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + next, "", true},
		"length":          {length + "abcdef" + next, "", true},
		"length, a part":  {length + "abc", "def" + next, false},
		"length, nothing": {length, "abcdef" + next, false},
		"chunked":         {chunkedHead + "3\r\nabc\r\n3\r\ndef\r\n0\r\na: b\r\n\r\n" + next, "", true},
		"chunked, a part": {chunkedHead + "3\r\nabc\r\n3\r\nde", "f\r\n0\r\n\r\n" + next, false},
		"but for its end": {chunkedHead + "3\r\nabc\r\n0\r\n", "\r\n" + next, false},
		"broken":          {chunkedHead + "x\r\n", "", false},
	} {
		for _, looked := range []bool{false, true} {
			server, client := pair(t, "unix")
			io.WriteString(client, test.buffered)
			c := wire.NewConn(server, wire.Options{})
			var r wire.Request
			if err := c.ReadRequest(&r); err != nil {
				t.Fatal(err)
			}
			if looked {
				_, _ = c.BodyReady() // which decodes ahead
			}
			if all := c.DiscardBuffered(); all != test.all {
				t.Errorf("%s, looked at %v: %v; want %v", name, looked, all, test.all)
				continue
			}
			if name == "broken" {
				continue
			}
			if io.WriteString(client, test.rest); !test.all {
				if c.BodyDone() {
					t.Errorf("%s, looked at %v: done without its end", name, looked)
				}
				if all, err := c.Discard(100); !all || err != nil {
					t.Errorf("%s, looked at %v: the rest: %v, %v", name, looked, all, err)
				}
			}
			if err := c.ReadRequest(&r); err != nil || r.Target != "/next" {
				t.Errorf("%s, looked at %v: next request %q, %v", name, looked, r.Target, err)
			}
		}
	}
}

// Whatever the source's framing, and however it comes in, the same bytes arrive in the destination's.
func TestCopyBodyBetweenFramings(t *testing.T) {
	for _, size := range []int{0, 1, 100, 5000, 100_000, 700_000} {
		body := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		n := strconv.Itoa(size)
		var chunks bytes.Buffer
		for rest := body; len(rest) > 0; {
			k := min(len(rest), 32<<10)
			chunks.WriteString(strconv.FormatInt(int64(k), 16) + "\r\n" + string(rest[:k]) + "\r\n")
			rest = rest[k:]
		}
		for source, input := range map[string]string{
			"length":      "HTTP/1.1 200 OK\r\nContent-Length: " + n + "\r\n\r\n" + string(body),
			"chunked":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n",
			"until close": "HTTP/1.1 200 OK\r\n\r\n" + string(body),
		} {
			for _, framing := range []wire.Framing{{Kind: wire.Length, Length: int64(size)}, {Kind: wire.Chunked}, {Kind: wire.UntilClose}} {
				for _, flushEach := range []bool{true, false} {
					src := of(input)
					var r wire.Response
					if err := src.ReadResponse(&r, "GET"); err != nil {
						t.Fatal(err)
					}
					s := &script{pieces: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}}
					dst := wire.NewConn(s, wire.Options{})
					var req wire.Request
					if err := errors.Join(dst.ReadRequest(&req), dst.WriteResponse(&wire.Response{Status: 200, Body: framing})); err != nil {
						t.Fatal(err)
					}
					copied, err := wire.CopyBody(dst, src, flushEach)
					if err != nil || copied != int64(size) {
						t.Fatalf("%s to %v: copied %d of %d, %v", source, framing.Kind, copied, size, err)
					}
					back := of(string(s.wrote))
					if err := back.ReadResponse(&r, "GET"); err != nil || r.Body != framing {
						t.Fatalf("%s to %v: read back %+v, %v", source, framing, r, err)
					}
					if got, err := readAll(back); err != nil || got != string(body) {
						t.Errorf("%s to %v: %d bytes, %v; want %d", source, framing, len(got), err, size)
					}
					if dst.Reusable() != (framing.Kind != wire.UntilClose) || len(back.Buffered()) > 0 {
						t.Errorf("%s to %v: reusable %v, %q after the body", source, framing, dst.Reusable(), back.Buffered())
					}
				}
			}
		}
	}
}

// What comes after a body was decided upon reaches nobody.
func TestCopyBodyDropsTrailers(t *testing.T) {
	const body, want = "1\r\nx\r\n0\r\na: b\r\n\r\n", "\r\n\r\n1\r\nx\r\n0\r\n\r\n"
	for how, pieces := range arrivals(chunkedHead + body) {
		s := &script{}
		dst := wire.NewConn(s, wire.Options{})
		if err := dst.WriteRequest(&wire.Request{Method: "POST", Target: "/", Body: wire.Framing{Kind: wire.Chunked}}); err != nil {
			t.Fatal(err)
		}
		if _, err := wire.CopyBody(dst, begun(t, pieces...), true); err != nil || !strings.HasSuffix(string(s.wrote), want) {
			t.Errorf("request %s: wrote %q, %v; want the end %q", how, s.wrote, err, want)
		}
	}
	for how, pieces := range arrivals("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body) {
		src := wire.NewConn(&script{pieces: pieces}, wire.Options{})
		s := &script{pieces: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}}
		dst := wire.NewConn(s, wire.Options{})
		var req wire.Request
		var r wire.Response
		if err := errors.Join(src.ReadResponse(&r, "GET"), dst.ReadRequest(&req), dst.WriteResponse(&r)); err != nil {
			t.Fatal(err)
		}
		if _, err := wire.CopyBody(dst, src, true); err != nil || !strings.HasSuffix(string(s.wrote), want) || !dst.Reusable() {
			t.Errorf("response %s: wrote %q, %v; want the end %q", how, s.wrote, err, want)
		}
	}
}

// A tiny answer, its head and its end are one write.
func TestSmallAnswerIsOneWrite(t *testing.T) {
	src := of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")
	var r wire.Response
	s := &script{pieces: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}}
	dst := wire.NewConn(s, wire.Options{})
	var req wire.Request
	if err := errors.Join(src.ReadResponse(&r, "GET"), dst.ReadRequest(&req), dst.WriteResponse(&r)); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.CopyBody(dst, src, true); err != nil || s.writes != 1 {
		t.Errorf("%d writes, %v: %q", s.writes, err, s.wrote)
	}
}

// wait answers its head at once and its body when the container ends: neither the head nor a piece of a stream may wait for
// what comes after.
func TestStreamIsFlushedAsItArrives(t *testing.T) {
	for _, kind := range []string{"unix", "tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			gateway, client := pair(t, kind)
			back, engine := pair(t, "unix")
			dst, src := wire.NewConn(gateway, wire.Options{}), wire.NewConn(back, wire.Options{})
			io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			io.WriteString(engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			copied := make(chan error)
			go func() {
				var req wire.Request
				var r wire.Response
				if err := errors.Join(dst.ReadRequest(&req), src.ReadResponse(&r, "GET"), dst.WriteResponse(&r)); err != nil {
					copied <- err
					return
				}
				_, err := wire.CopyBody(dst, src, true)
				copied <- err
			}()
			expect := func(want string) {
				t.Helper()
				got := make([]byte, len(want))
				if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
					t.Fatalf("got %q, %v; want %q", got, err, want)
				}
			}
			expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			io.WriteString(engine, "3\r\none\r\n")
			expect("3\r\none\r\n")
			io.WriteString(engine, "3\r\ntw")
			expect("2\r\ntw\r\n")
			io.WriteString(engine, "o\r\n")
			expect("1\r\no\r\n")
			io.WriteString(engine, "0\r\n\r\n")
			expect("0\r\n\r\n")
			if err := <-copied; err != nil {
				t.Error(err)
			}
		})
	}
}

// The two sides of a copy fail differently, and the caller has to know which.
func TestCopyBodyTellsItsSidesApart(t *testing.T) {
	gateway, client := pair(t, "unix")
	dst := wire.NewConn(gateway, wire.Options{})
	if err := dst.WriteRequest(&wire.Request{Method: "POST", Target: "/", Body: wire.Framing{Kind: wire.Chunked}}); err != nil {
		t.Fatal(err)
	}
	client.Close()
	_, err := wire.CopyBody(dst, begun(t, []byte(chunkedHead+"1\r\nx\r\n0\r\n\r\n")), true)
	var w *wire.WriteError
	if !errors.As(err, &w) {
		t.Errorf("destination closed: %v; want a *WriteError", err)
	}
	if _, err := dst.WriteBody([]byte("x")); !errors.As(err, &w) {
		t.Errorf("a later write: %v; want the same error", err)
	}
	dst = wire.NewConn(&script{}, wire.Options{})
	if err := dst.WriteRequest(&wire.Request{Method: "POST", Target: "/", Body: wire.Framing{Kind: wire.Chunked}}); err != nil {
		t.Fatal(err)
	}
	if _, err = wire.CopyBody(dst, begun(t, []byte(chunkedHead+"5\r\nx")), true); errors.As(err, &w) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("source cut off: %v; want io.ErrUnexpectedEOF", err)
	}
	if dst.Reusable() {
		t.Error("an unfinished message leaves its connection reusable")
	}
}

func TestTrailersThatBelongBeforeABodyAreNotWritten(t *testing.T) {
	for _, name := range []string{
		"Content-Length", "Transfer-Encoding", "Host", "connection", "Trailer", "Authorization", "X-Registry-Auth", "Content-Type", "Cookie",
		"set-cookie", "Te", "Upgrade", "X-Forwarded-For", "a b", ":path", "",
	} {
		if err := wire.CheckTrailer([]abi.Pair{{Key: "a", Value: "b"}, {Key: name, Value: "1"}}); err == nil {
			t.Errorf("%q can be a trailer", name)
		}
	}
	if err := wire.CheckTrailer([]abi.Pair{{Key: "a", Value: "b\r\nc: d"}}); err == nil {
		t.Error("a value can have lines")
	}
	for n, want := range map[int]bool{64: true, 65: false} {
		if err := wire.CheckTrailer(repeated(n, "v")); (err == nil) != want {
			t.Errorf("%d fields: %v", n, err)
		}
	}
	if err := wire.CheckTrailer(repeated(64, strings.Repeat("v", 128))); err == nil {
		t.Error("trailers can be larger than 8 KiB")
	}
}

func repeated(n int, value string) (fields []abi.Pair) {
	for range n {
		fields = append(fields, abi.Pair{Key: "x", Value: value})
	}
	return fields
}
