package host_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// hammerFilters are the chain. Those that are made to crash, or that hold one stream at
// a time, are for operations of their own, so that whoever uses another one has no
// excuse.
var hammerFilters = []string{
	"queue-worker config: 1, instances: 2",
	"relay instances: 2, callouts: [docker]",
	"callout instances: 4, callouts: [svc, docker], match: {operations: [ImageLoad, ContainerAttach]}",
	"callout instances: 2, callouts: [svc, docker], isolation: stream, match: {operations: [ImageLoad, ContainerAttach]}",
	// Its ticks call; it serves no stream.
	"callout config: [c, D, g], instances: 1, callouts: [svc, docker], match: {operations: [SystemDataUsage]}",
	"callout instances: 2, callouts: [svc], match: {operations: [SystemInfo]}",
	"callout instances: 2, callouts: [svc], isolation: stream, match: {operations: [SystemVersion]}",
	"trailers instances: 2, stages: [request_body, request_trailers, response_body, response_trailers], match: {operations: [ImageLoad]}",
	"trailers instances: 2, isolation: stream, stages: [request_body, request_trailers, response_body, response_trailers], match: {operations: [PutContainerArchive]}",
	"connection instances: 2, match: {operations: [ContainerAttach]}",
	"connection instances: 2, isolation: stream, match: {operations: [ExecStart]}",
}

// The filters of hammerFilters that streams may crash, by how: the instance that several
// streams share, the one that is a stream's own.
const (
	crashesShared     = "callout-6"
	crashesOwn        = "callout-7"
	crashesTrailers   = "trailers-9"
	crashesConnection = "connection-11"
)

// An outcome is what a client of the hammer may see.
type outcome struct {
	status int    // 0: the connection ended without an answer
	text   string // the body, or what came on the connection; of what is wanted a part
	cut    bool   // the body broke off
	fails  bool   // the gateway counts the stream as failed, and not as allowed or denied
}

func (o outcome) String() string {
	return fmt.Sprintf("%d %q (cut: %t)", o.status, o.text, o.cut)
}

// A kind is a stream that clients of the hammer open, and all that may come of it.
type kind struct {
	request string // of which %s stands for further fields
	body    string // sent with the head
	input   string // what the client says on a hijacked connection, and ends with
	want    []outcome
	// stays says that no client of this kind goes away before the end: each is counted.
	stays bool
	// crashes names the filter that loses an instance by it.
	crashes string
}

// The ways in which the hammer's clients ask. Each has X-Job, which fills a queue.
const (
	hammerLoad    = "POST /images/load HTTP/1.1\r\nHost: d\r\nX-Job: job\r\nContent-Length: 4\r\n%s\r\n\r\n"
	hammerChunks  = "POST /images/load HTTP/1.1\r\nHost: d\r\nX-Job: job\r\nTransfer-Encoding: chunked\r\n%s\r\n\r\n"
	hammerArchive = "PUT /containers/c/archive?path=/ HTTP/1.1\r\nHost: d\r\nX-Job: job\r\nTransfer-Encoding: chunked\r\n%s\r\n\r\n"
	hammerInfo    = "GET /info HTTP/1.1\r\nHost: d\r\nX-Job: job\r\n%s\r\n\r\n"
	hammerVersion = "GET /version HTTP/1.1\r\nHost: d\r\nX-Job: job\r\n%s\r\n\r\n"
	hammerAttach  = "POST /containers/c/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nX-Job: job\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n%s\r\n\r\n"
	hammerExec    = "POST /exec/e/start HTTP/1.1\r\nHost: d\r\nX-Job: job\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 12\r\n%s\r\n\r\n{\"Tty\":true}"
)

func oneChunk(body, trailers string) string {
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n%s\r\n", len(body), body, trailers)
}

// calling is a request that passes both filters of callouts, and its one outcome.
func calling(scripts string, status int, text string) kind {
	return kind{request: fmt.Sprintf(hammerLoad, scripts), body: "body", want: []outcome{{status: status, text: text}}}
}

// trailing is one with trailers, which the engine sends back.
func trailing(request, scripts, body, trailers string, want outcome) kind {
	return kind{request: fmt.Sprintf(request, scripts), body: oneChunk(body, trailers), want: []outcome{want}}
}

// connected is one that leaves HTTP.
func connected(request, fields, input string, want outcome) kind {
	return kind{request: fmt.Sprintf(request, fields), input: input, want: []outcome{want}}
}

// ownCrash is a stream that crashes an instance of its own: nobody else's 503.
func ownCrash(k kind, filter string) kind {
	k.stays, k.crashes = true, filter
	for i := range k.want {
		k.want[i].fails = true
	}
	return k
}

// hammerKinds are all kinds of streams. A 503, or a stream that is cut as failed, is
// good only where a filter was made to crash: in the kinds of ownCrash, and among those
// of SystemInfo, which share two instances with streams that crash them.
var hammerKinds = []kind{
	// Calls, in every stage, one after the other and at once.
	calling("x-do: cp\r\nx-then-1: h0", 200, "body"),
	calling("x-do: cccp\r\nx-then-3: h0", 200, "body"),
	calling("x-do: cp\r\nx-then-1: c\r\nx-then-2: h0", 200, "body"),
	calling("x-do: cp\r\nx-then-1: d", 403, "fine"),
	calling("x-do-body: cp\r\nx-then-1: b0", 200, "fine"),
	calling("x-do-response: cp\r\nx-then-1: H1", 200, "body"),
	calling("x-do-response-body: cp\r\nx-then-1: B1", 200, "fine"),
	calling("x-do: c\r\nx-do-log: c", 200, "body"),
	calling("x-do-done: cp", 200, "body"),
	calling("x-do: Dp\r\nx-then-1: d", 403, "the engine's"),
	calling("x-do: cDp\r\nx-then-2: 0\r\nx-do-log: D", 200, "body"),
	calling("x-relay: 1", 200, ""),
	calling("x-relay: 9", 508, "too many calls inside of each other"),
	calling("x-do: cp\r\nx-then-1: s", 0, ""),
	{ // nobody waits for the answer that denies: it may come before the engine's, amid it, and behind it
		request: fmt.Sprintf(hammerLoad, "x-do: c\r\nx-then-1: d"), body: "body",
		want: []outcome{{status: 403, text: "fine"}, {status: 200, cut: true}, {status: 200, text: "body"}},
	},

	// gRPC.
	calling("x-do: gp\r\nx-then-1: 0", 200, "body"),
	calling("x-do: gcp\r\nx-then-2: 0\r\nx-do-log: g", 200, "body"),
	calling("x-do: Gmp\r\nx-then-1: m\r\nx-then-2: M\r\nx-then-4: 0", 200, "body"),
	calling("x-do: GMp\r\nx-then-2: d", 403, "no more"),
	calling("x-do: Gmk", 200, "body"),
	calling("x-do: gkcp\r\nx-then-1: 0", 200, "body"),
	calling("x-do: Gm", 200, "body"), // ends with the stream

	// Trailers.
	trailing(hammerChunks, "x-a: 1", "body", "X-Do: e\r\n", outcome{status: 200, text: `body {"X-Do":["e"],"X-Note":["edited"]}`}),
	trailing(hammerChunks, "x-do: cp\r\nx-then-1: h0", "held", "X-Do: e\r\nX-Gone: soon\r\n", outcome{status: 200, text: `held {"X-Do":["e"],"X-Note":["edited"]}`}),
	trailing(hammerChunks, "x-a: 1", "held", "X-Do: r\r\n", outcome{status: 200, text: `replaced {"X-Do":["r"]}`}),
	trailing(hammerChunks, "x-a: 1", "held", "X-Do: d\r\n", outcome{status: 403, text: "not with this trailer"}),
	trailing(hammerChunks, "x-a: 1", "body", "X-Do: c\r\n", outcome{}),
	trailing(hammerChunks, "x-back: d", "body", "X-Note: mine\r\n", outcome{status: 200, cut: true}), // the head is out
	trailing(hammerArchive, "x-a: 1", "held", "X-Do: p\r\n", outcome{status: 200, text: `held {"X-Do":["p"]}`}),
	ownCrash(trailing(hammerArchive, "x-a: 1", "held", "X-Do: t\r\n", outcome{status: 503, text: `filter \"` + crashesTrailers + `\" failed`}), crashesTrailers),

	// Connections that leave HTTP.
	connected(hammerAttach, "x-a: 1", "world", outcome{status: 101, text: "world\ndone: 5 bytes\n"}),
	connected(hammerAttach, "x-do: cp\r\nx-then-1: h0", "world", outcome{status: 101, text: "world\ndone: 5 bytes\n"}),
	connected(hammerAttach, "x-do: gp\r\nx-then-1: d", "world", outcome{status: 403}),
	connected(hammerAttach, "x-do-response: cp\r\nx-then-1: 1", "rather not", outcome{status: 101, text: "replaced\ndone: 8 bytes\n"}),
	connected(hammerAttach, "x-a: 1", "deny", outcome{status: 101, text: "no such input"}),
	connected(hammerAttach, "x-a: 1", "cut", outcome{status: 101, text: "closed the stream"}),
	connected(hammerAttach, "x-connection: d", "world", outcome{status: 403, text: "no such input"}),
	connected(hammerAttach, "x-connection: c", "world", outcome{}),
	connected(hammerExec, "x-connection: p", "world", outcome{status: 101, text: "world\ndone: 5 bytes\n"}),
	connected(hammerExec, "x-a: 1", "pause", outcome{status: 101, text: "pause\ndone: 5 bytes\n"}),
	connected(hammerExec, "x-a: 1", "Pause", outcome{status: 101, text: "Pause\ndone: 5 bytes\n"}),
	ownCrash(connected(hammerExec, "x-connection: t", "world", outcome{status: 101, text: `filter "` + crashesConnection + `" failed`}), crashesConnection),
	ownCrash(connected(hammerExec, "x-a: 1", "trap", outcome{status: 101, text: `filter "` + crashesConnection + `" failed`}), crashesConnection),

	// Crashes: of an instance of their own, beside streams of the same filter that notice nothing …
	{request: fmt.Sprintf(hammerVersion, "x-do: cp\r\nx-then-1: h0"), want: []outcome{{status: 200, text: "{}"}}},
	ownCrash(kind{request: fmt.Sprintf(hammerVersion, "x-do: cp\r\nx-then-1: x"), want: []outcome{{status: 503, text: `filter \"` + crashesOwn + `\" failed`}}}, crashesOwn),
	// … and of one that others share, who then fail closed.
	{
		request: fmt.Sprintf(hammerInfo, "x-do: cp\r\nx-then-1: h0"), stays: true,
		want: []outcome{{status: 200, text: "{}"}, {status: 503, text: `filter \"` + crashesShared + `\" failed`, fails: true}},
	},
	{
		request: fmt.Sprintf(hammerInfo, "x-do: cp\r\nx-then-1: x"), stays: true,
		want: []outcome{{status: 503, text: `filter \"` + crashesShared + `\" failed`, fails: true}},
	},
}

// hammerEngine repeats bodies with their trailers, and what is said on connections.
func hammerEngine(t *testing.T) *hosttest.FakeDocker {
	engine := echoing(t)
	repeat := func(x *hosttest.Exchange) bool {
		if x.Header.Get("Content-Length") != "" {
			return echo(x)
		}
		body, err := io.ReadAll(httputil.NewChunkedReader(x.Reader))
		if err != nil {
			return false
		}
		trailers, err := textproto.NewReader(x.Reader).ReadMIMEHeader()
		if err != nil {
			return false
		}
		if do := x.Header.Get("X-Back"); do != "" {
			trailers = textproto.MIMEHeader{"X-Do": {do}}
		}
		var behind strings.Builder
		_ = http.Header(trailers).Write(&behind)
		return x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%s", oneChunk(string(body), behind.String())) && false
	}
	engine.Handle("POST /images/load", repeat)
	engine.Handle("PUT /containers/c/archive", repeat)
	engine.Handle("POST /exec/e/start", hosttest.Hijack(hosttest.Upgraded, ""))
	engine.Handle("GET /default", hosttest.JSON(200, `"the engine's"`))
	engine.Handle("GET /info", hosttest.JSON(200, `{}`))
	engine.Handle("GET /version", hosttest.JSON(200, `{}`))
	return engine
}

// hammerService answers calls and gRPC calls on one address, and counts those that are
// under way.
func hammerService(t *testing.T) (address string, underWay *atomic.Int32) {
	underWay = new(atomic.Int32)
	calls := hosttest.GRPC(func(service any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		if method != "/test.Service/Echo" {
			return grpcstatus.Error(codes.Unimplemented, method)
		}
		return pong(service, stream)
	})
	t.Cleanup(calls.Stop)
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		underWay.Add(1)
		defer underWay.Add(-1)
		if r.ProtoMajor == 2 {
			calls.ServeHTTP(w, r)
			return
		}
		select {
		case <-time.After(time.Duration(rand.IntN(10)) * time.Millisecond):
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "fine")
	})}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("unix", shortDir(t)+"/s")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return "unix://" + l.Addr().String(), underWay
}

// ask opens a stream of the kind and returns what came of it. A client that leaves does
// so at some time in the first milliseconds.
func (k *kind) ask(socket string, leaves bool) (outcome, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return outcome{}, err
	}
	defer c.Close()
	conn := c.(*net.UnixConn)
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, k.request+k.body); err != nil {
		return outcome{}, err
	}
	if leaves {
		time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
		_, _ = io.WriteString(conn, k.input)
		return outcome{}, nil
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return outcome{}, nil
	} else if err != nil {
		return outcome{}, err
	}
	defer resp.Body.Close()
	got := outcome{status: resp.StatusCode}
	from := io.Reader(resp.Body)
	if resp.StatusCode == 101 {
		from = r
		_, _ = io.WriteString(conn, k.input) // the other side may have closed
		_ = conn.CloseWrite()
	}
	text, err := io.ReadAll(from)
	if got.text = string(text); len(resp.Trailer) > 0 {
		trailers, _ := json.Marshal(resp.Trailer)
		got.text += " " + string(trailers)
	}
	got.cut = errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !got.cut {
		return got, err
	}
	return got, nil
}
