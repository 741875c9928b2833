package wire_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

func TestRequestsOfDockersClientsAreUnderstood(t *testing.T) {
	for name, test := range map[string]struct {
		input string
		want  wire.Request
		body  string
	}{
		"ping of a 20.10 command line": {
			"HEAD /_ping HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/20.10.24 (linux)\r\n\r\n",
			wire.Request{Method: "HEAD", Target: "/_ping", Host: "docker", Minor: 1, Header: []abi.Pair{{Key: "User-Agent", Value: "Docker-Client/20.10.24 (linux)"}}},
			"",
		},
		"attach with an empty host": {
			"POST /v1.41/containers/c/attach?stdout=1&stream=1 HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\nConnection: Upgrade\r\nContent-Type: text/plain\r\nUpgrade: tcp\r\n\r\n",
			wire.Request{
				Method: "POST", Target: "/v1.41/containers/c/attach?stdout=1&stream=1", Minor: 1, Upgrade: "tcp",
				Body: wire.Framing{Kind: wire.Length}, Header: []abi.Pair{{Key: "Content-Type", Value: "text/plain"}},
			},
			"",
		},
		"upgrade without connection": {
			"POST /exec/e/start HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}",
			wire.Request{Method: "POST", Target: "/exec/e/start", Host: "x", Minor: 1, Upgrade: "tcp", Body: wire.Framing{Kind: wire.Length, Length: 2}},
			"{}",
		},
		"session with repeated fields, in order and as spelled": {
			"POST /session HTTP/1.1\r\nHost: x\r\nx-docker-expose: a\r\nX-Docker-Expose: b\r\nx-docker-expose:\tc \t\r\n\r\n",
			wire.Request{Method: "POST", Target: "/session", Host: "x", Minor: 1, Header: []abi.Pair{
				{Key: "x-docker-expose", Value: "a"}, {Key: "X-Docker-Expose", Value: "b"}, {Key: "x-docker-expose", Value: "c"},
			}},
			"",
		},
		"chunked build": {
			"POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ChunKed\r\n\r\n3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\n\r\n",
			wire.Request{Method: "POST", Target: "/build", Host: "x", Minor: 1, Body: wire.Framing{Kind: wire.Chunked}},
			"abc0123456789",
		},
		"nc with HTTP/1.0 and no host": {
			"GET /containers/json HTTP/1.0\r\n\r\n",
			wire.Request{Method: "GET", Target: "/containers/json", Close: true},
			"",
		},
		"absolute form, whose host counts": {
			"GET http://[::1]:80?a=b HTTP/1.1\r\nHost: other\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n\r\n",
			wire.Request{Method: "GET", Target: "/?a=b", Host: "[::1]:80", Minor: 1, Close: true},
			"",
		},
		"expectation": {
			"PUT /x HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nz",
			wire.Request{Method: "PUT", Target: "/x", Host: "x", Minor: 1, Expect100: true, Body: wire.Framing{Kind: wire.Length, Length: 1}},
			"z",
		},
		"options for the server": {
			"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Request{Method: "OPTIONS", Target: "*", Host: "x", Minor: 1},
			"",
		},
	} {
		for how, pieces := range arrivals(test.input) {
			t.Run(name+" "+how, func(t *testing.T) {
				c := wire.NewConn(&script{pieces: pieces}, wire.Options{HeadTimeout: time.Minute})
				var got wire.Request
				if err := c.ReadRequest(&got); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("request (-want +got):\n%s", d)
				}
				body, err := readAll(c)
				if err != nil || body != test.body {
					t.Errorf("body %q, %v; want %q", body, err, test.body)
				}
				if err := c.ReadRequest(&got); err != io.EOF {
					t.Errorf("after the last request: %v; want io.EOF", err)
				}
			})
		}
	}
}

// Each of these was a way to make two parsers disagree, or is one the moment that one of them is lenient.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n"
	const post = "POST / HTTP/1.1\r\nHost: x\r\n"
	for name, test := range map[string]struct {
		input  string
		status int
	}{
		"length and chunked":              {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"zero length and chunked":         {post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400},
		"two different lengths":           {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
		"two equal lengths":               {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
		"listed length":                   {post + "Content-Length: 3, 3\r\n\r\nabc", 400},
		"signed length":                   {post + "Content-Length: +3\r\n\r\nabc", 400},
		"negative length":                 {post + "Content-Length: -3\r\n\r\nabc", 400},
		"hexadecimal length":              {post + "Content-Length: 0x3\r\n\r\nabc", 400},
		"empty length":                    {post + "Content-Length:\r\n\r\n", 400},
		"length that overflows":           {post + "Content-Length: 18446744073709551617\r\n\r\na", 400},
		"length with a space inside":      {post + "Content-Length: 1 2\r\n\r\na", 400},
		"gzip, chunked":                   {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
		"chunked, identity":               {post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
		"identity":                        {post + "Transfer-Encoding: identity\r\n\r\n", 501},
		"xchunked":                        {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		"chunked with a Kelvin sign":      {post + "Transfer-Encoding: chun\u212Aed\r\n\r\n0\r\n\r\n", 501},
		"chunked with vertical tab":       {post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400},
		"two chunked":                     {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"chunked in a folded line":        {post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
		"chunked on HTTP/1.0":             {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"space before colon":              {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
		"folded line":                     {get + "A: b\r\n c\r\n\r\n", 400},
		"folded first line":               {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
		"bare LF after a field":           {get + "A: b\nC: d\r\n\r\n", 400},
		"bare LF throughout":              {"GET / HTTP/1.1\nHost: x\n\n", 400},
		"bare LF ends the head":           {get + "\n", 400},
		"bare CR in a value":              {get + "A: b\rC: d\r\n\r\n", 400},
		"CR CR LF":                        {get + "A: b\r\r\n\r\n", 400},
		"NUL in a value":                  {get + "A: b\x00c\r\n\r\n", 400},
		"DEL in a value":                  {get + "A: \x7f\r\n\r\n", 400},
		"empty name":                      {get + ": b\r\n\r\n", 400},
		"no colon":                        {get + "A\r\n\r\n", 400},
		"name with umlaut":                {get + "\xc3\xa4: b\r\n\r\n", 400},
		"name with a comma":               {get + "a,b: b\r\n\r\n", 400},
		"no host":                         {"GET / HTTP/1.1\r\n\r\n", 400},
		"two hosts":                       {get + "Host: x\r\n\r\n", 400},
		"two hosts, one empty":            {get + "Host:\r\n\r\n", 400},
		"host with a path":                {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		"host with a user":                {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
		"blank line first":                {"\r\n" + get + "\r\n", 400},
		"blank first":                     {" " + get + "\r\n", 400},
		"TLS hello":                       {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
		"HTTP/0.9":                        {"GET /\r\n\r\n", 400},
		"two spaces":                      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"space at the end":                {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
		"tab instead of space":            {"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"space in the target":             {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"control character in target":     {"GET /a\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"fragment":                        {"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"broken escape":                   {"GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"escape cut off":                  {"GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"escape running into the query":   {"GET /a%2?b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"relative target":                 {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"star with GET":                   {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"absolute form of another kind":   {"GET unix://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"absolute form with a user":       {"GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"absolute form with a bad port":   {"GET http://x:8a/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"absolute form without a host":    {"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"absolute form, escaped host":     {"GET http://%41/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"absolute form, unclosed bracket": {"GET http://[::1/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"method with a bracket":           {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"lower-case version":              {"GET / http/1.1\r\nHost: x\r\n\r\n", 400},
		"version with more digits":        {"GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400},
		"CONNECT":                         {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		"CONNECT with a path":             {"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		"HTTP/2 preface":                  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		"HTTP/1.2":                        {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
		"unknown expectation":             {post + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417},
		"two expectations":                {post + "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", 417},
		"trailer that frames":             {post + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", 400},
		"two upgrades":                    {get + "Upgrade: tcp\r\nUpgrade: h2c\r\n\r\n", 400},
		"too many fields":                 {get + strings.Repeat("A: b\r\n", 512) + "\r\n", 431}, // and Host
		"too large":                       {get + "A: " + strings.Repeat("b", 1<<20) + "\r\n\r\n", 431},
		"too large, without an end":       {"GET /" + strings.Repeat("b", 2<<20), 431},
	} {
		t.Run(name, func(t *testing.T) {
			var r wire.Request
			err := of(test.input).ReadRequest(&r)
			var e *wire.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %+v; want an *Error", err, r)
			}
			if e.Status != test.status {
				t.Errorf("got %v; want status %d", err, test.status)
			}
			if e.Status == 400 && !strings.HasPrefix(e.Message, "malformed request: ") {
				t.Errorf("got %q; want it to say what is malformed", e.Message)
			}
			if len(e.Message) > 256 {
				t.Errorf("message of %d bytes: it must not grow with the request", len(e.Message))
			}
		})
	}
}

func TestAsManyFieldsAsAllowedAreRead(t *testing.T) {
	var r wire.Request
	if err := of("GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 511) + "\r\n").ReadRequest(&r); err != nil || len(r.Header) != 511 {
		t.Errorf("%d fields, %v; want 511 and Host", len(r.Header), err)
	}
}

func TestLargestHeadIsStillRead(t *testing.T) {
	const first = "GET / HTTP/1.1\r\nHost: x\r\nA: "
	value := strings.Repeat("b", wire.DefaultMaxHead-len(first)-len("\r\n\r\n"))
	input := first + value + "\r\n\r\n"
	for how, pieces := range map[string][][]byte{"at once": {[]byte(input)}, "in two": {[]byte(input[:9999]), []byte(input[9999:])}} {
		var r wire.Request
		if err := wire.NewConn(&script{pieces: pieces}, wire.Options{}).ReadRequest(&r); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if r.Header[0].Value != value {
			t.Errorf("%s: value of %d bytes; want %d", how, len(r.Header[0].Value), len(value))
		}
	}
}

// A pipelined request is read after the first one's body, and bytes after a declared body are a request, not a body.
func TestPipelinedRequestsAreReadOneByOne(t *testing.T) {
	c := of("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: x\r\n\r\njunk")
	var r wire.Request
	if err := c.ReadRequest(&r); err != nil {
		t.Fatal(err)
	}
	if err := c.ReadRequest(&r); err != wire.ErrOutOfOrder {
		t.Errorf("reading a request over an unread body: %v; want ErrOutOfOrder", err)
	}
	if body, err := readAll(c); body != "ab" || err != nil {
		t.Fatalf("body %q, %v", body, err)
	}
	if err := c.ReadRequest(&r); err != nil || r.Target != "/2" {
		t.Fatalf("second request %q, %v", r.Target, err)
	}
	if got := string(c.Buffered()); got != "junk" {
		t.Errorf("buffered %q; want what follows the second request", got)
	}
}

func TestRequestCutOffInItsHead(t *testing.T) {
	var r wire.Request
	if err := of("GET / HTTP/1.1\r\nHost:").ReadRequest(&r); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v; want io.ErrUnexpectedEOF", err)
	}
}

// A client that sends its head byte by byte for ever is answered 408; one that is idle is left alone.
func TestSlowHeadTimesOut(t *testing.T) {
	for _, kind := range []string{"unix", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, client := pair(t, kind)
			c := wire.NewConn(server, wire.Options{HeadTimeout: 20 * time.Millisecond})
			if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHo")); err != nil {
				t.Fatal(err)
			}
			var r wire.Request
			var e *wire.Error
			if err := c.ReadRequest(&r); !errors.As(err, &e) || e.Status != 408 {
				t.Fatalf("got %v; want status 408", err)
			}
			if err := c.WriteResponse(&wire.Response{Status: 408}); err != nil {
				t.Fatal(err)
			}
			closed := make(chan error)
			go func() { closed <- c.CloseLinger(time.Minute) }()
			if b, err := io.ReadAll(client); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
				t.Errorf("client read %q, %v", b, err)
			}
			client.Close()
			if err := <-closed; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIdleConnectionHasNoDeadline(t *testing.T) {
	server, client := pair(t, "unix")
	c := wire.NewConn(server, wire.Options{HeadTimeout: time.Millisecond})
	got := make(chan error)
	go func() {
		var r wire.Request
		got <- c.ReadRequest(&r)
	}()
	select {
	case err := <-got:
		t.Fatalf("an idle connection ended: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	client.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// The reader of an idle connection is woken by AbortRead, and the connection can still be written to.
func TestAbortReadLeavesTheWritingHalf(t *testing.T) {
	server, client := pair(t, "tcp")
	c := wire.NewConn(server, wire.Options{})
	got := make(chan error)
	go func() {
		var r wire.Request
		got <- c.ReadRequest(&r)
	}()
	c.AbortRead()
	if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v; want a deadline", err)
	}
	if err := c.WriteResponse(&wire.Response{Status: 503}); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(client)
	if want := "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; string(b) != want {
		t.Errorf("got %q; want %q", b, want)
	}
}

// Reading is over once it was aborted, whoever sets a deadline of his own meanwhile: the watcher, or the limit on a slow head.
func TestAbortReadIsForGood(t *testing.T) {
	for name, before := range map[string]func(c *wire.Conn, client net.Conn){
		"after a watch": func(c *wire.Conn, _ net.Conn) {
			reached := make(chan struct{})
			c.Watch(0, wire.PeerOpen, func() { close(reached) })
			<-reached
			c.AbortRead()
			c.Unwatch()
		},
		"before a slow head": func(c *wire.Conn, client net.Conn) {
			c.AbortRead()
			io.WriteString(client, "GET / HT")
		},
		"in a slow head": func(c *wire.Conn, client net.Conn) {
			io.WriteString(client, "GET / HT")
			go c.AbortRead()
		},
	} {
		server, client := pair(t, "unix")
		c := wire.NewConn(server, wire.Options{HeadTimeout: time.Hour})
		before(c, client)
		var r wire.Request
		if err := c.ReadRequest(&r); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v; want a deadline", name, err)
		}
	}
}

// The watcher's own way of being stopped is no abort.
func TestUnwatchedConnectionIsReusable(t *testing.T) {
	server, _ := pair(t, "unix")
	c := wire.NewConn(server, wire.Options{})
	reached := make(chan struct{})
	c.Watch(0, wire.PeerOpen, func() { close(reached) })
	<-reached
	c.Unwatch()
	if !c.Reusable() {
		t.Error("Unwatch leaves the connection unusable")
	}
}

func TestRequestsThatCannotBeWritten(t *testing.T) {
	for name, r := range map[string]wire.Request{
		"method":   {Method: "GET /\r\n", Target: "/"},
		"target":   {Method: "GET", Target: "/ HTTP/1.1\r\nX: y"},
		"relative": {Method: "GET", Target: "x"},
		"host":     {Method: "GET", Target: "/", Host: "a\r\nb: c"},
		"name":     {Method: "GET", Target: "/", Header: []abi.Pair{{Key: "a\r\nb", Value: "c"}}},
		"value":    {Method: "GET", Target: "/", Header: []abi.Pair{{Key: "a", Value: "c\nX: y"}}},
		"pseudo":   {Method: "GET", Target: "/", Header: []abi.Pair{{Key: ":path", Value: "/"}}},
		"upgrade":  {Method: "GET", Target: "/", Upgrade: "a\r\n"},
	} {
		s := &script{}
		c := wire.NewConn(s, wire.Options{})
		var e *wire.Error
		if err := c.WriteRequest(&r); !errors.As(err, &e) || e.Status != 400 || !strings.HasPrefix(e.Message, "malformed request: ") {
			t.Errorf("%s: got %v; want a malformed request", name, err)
		}
		if err := c.Flush(); err != nil || len(s.wrote) > 0 {
			t.Errorf("%s: wrote %q", name, s.wrote)
		}
	}
}

// The second request on a connection is refused before a byte of it was sent. Nobody may wait for its answer, whatever is known of the
// first one.
func TestRequestThatCannotBeWrittenWasNotSent(t *testing.T) {
	for name, bad := range map[string]wire.Request{
		"line":   {Method: "GET /", Target: "/"},
		"header": {Method: "GET", Target: "/", Header: []abi.Pair{{Key: "a", Value: "\n"}}},
	} {
		s := &script{pieces: [][]byte{[]byte("HTTP/1.1 204 No Content\r\n\r\n"), []byte("HTTP/1.1 204 No Content\r\n\r\n")}}
		c := wire.NewConn(s, wire.Options{})
		exchange := func() error {
			var r wire.Response
			return errors.Join(c.WriteRequest(&wire.Request{Method: "GET", Target: "/"}), c.Flush(), c.ReadResponse(&r, "GET"))
		}
		if err := exchange(); err != nil || c.Unsent() || c.Unanswered() {
			t.Fatalf("%s: first request: %v, unsent %v, unanswered %v", name, err, c.Unsent(), c.Unanswered())
		}
		if err := c.WriteRequest(&bad); err == nil || !c.Unsent() || !c.Unanswered() {
			t.Errorf("%s: %v, unsent %v, unanswered %v; want both", name, err, c.Unsent(), c.Unanswered())
		}
		if err := exchange(); err != nil || !c.Reusable() {
			t.Errorf("%s: the connection is of no use any more: %v", name, err)
		}
	}
}

func TestWrittenRequest(t *testing.T) {
	s := &script{}
	c := wire.NewConn(s, wire.Options{})
	err := c.WriteRequest(&wire.Request{
		Method: "POST", Target: "/v1.41/exec/e/start", Host: "", Upgrade: "tcp", Expect100: true,
		Header: []abi.Pair{
			{Key: "x-b", Value: "2"},
			{Key: "X-A", Value: "1"},
			{Key: "content-length", Value: "99"},
			{Key: "Transfer-Encoding", Value: "chunked"},
			{Key: "host", Value: "evil"},
			{Key: "Connection", Value: "close"},
			{Key: "keep-alive", Value: "1"},
			{Key: "te", Value: "trailers"},
			{Key: "expect", Value: "x"},
			{Key: "proxy-authorization", Value: "x"},
		},
		Body: wire.Framing{Kind: wire.Length, Length: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteBody([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.FinishBody(nil), c.Flush()); err != nil {
		t.Fatal(err)
	}
	want := "POST /v1.41/exec/e/start HTTP/1.1\r\nHost: \r\nx-b: 2\r\nX-A: 1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{}"
	if string(s.wrote) != want || s.writes != 1 {
		t.Errorf("%d writes: %q\nwant one: %q", s.writes, s.wrote, want)
	}
}

var _ net.Conn = (*script)(nil)
