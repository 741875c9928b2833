package host_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

const callerWithTrailers = caller + ", stages: [request_headers, request_body, response_headers, response_body, request_trailers, response_trailers]"

// A filter that holds a body's last piece for an answer has not judged it, whatever its callback for trailers
// says: an SDK's default goes on.
func TestTrailersDoNotReleaseABodyThatIsHeldForAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		pieces     []string
		then, more string // what the answer brings about, and further fields
		status     int
		answer     string
	}{
		"denied":                            {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "d", "", 403, "released"},
		"continued":                         {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "0", "", 200, "chunks 4 body 0 X-Note: mine"},
		"replaced and continued":            {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "b0", "", 200, "chunks 8 released 0 X-Note: mine"},
		"closed":                            {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "s", "", 0, ""},
		"crashed":                           {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "x", "", 503, "failed"},
		"denied by the next answer":         {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "c", "X-Then-2: d\r\n", 403, "released"},
		"answered, and said nothing":        {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "h", "", 200, "chunks 4 body 0 X-Note: mine"},
		"denied, the end comes alone":       {[]string{"4\r\nbody\r\n", "0\r\nX-Note: mine\r\n\r\n"}, "d", "", 403, "released"},
		"continued, the end comes alone":    {[]string{"4\r\nbody\r\n", "0\r\nX-Note: mine\r\n\r\n"}, "0", "", 200, "chunks 4 body 0 X-Note: mine"},
		"continued, and holds the trailers": {[]string{"4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"}, "0", "X-Do-Trailers: cp\r\nX-Then-2: w0\r\n", 200, "chunks 4 body 0 X-Note: released"},
	} {
		t.Run(name, func(t *testing.T) {
			engine, s := hosttest.StartFakeDocker(t), startService(t, "unix")
			engine.Handle("POST /images/load", repeatBody)
			g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, callerWithTrailers))
			conn, r := g.Dial()
			defer conn.Close()
			write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nX-Path: /blocked\r\nX-Do-Body: cp\r\nX-Then-1: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n%s", c.then, c.more, c.pieces[0])
			for _, piece := range c.pieces[1:] {
				<-s.arrived
				write(t, conn, "%s", piece)
			}
			for range 1 + strings.Count(c.more, "Then") {
				if len(c.pieces) == 1 {
					<-s.arrived
				}
				if n := len(engine.Requests()); n != 0 {
					t.Fatalf("the engine got %d requests before there was an answer", n)
				}
				s.release <- struct{}{}
			}
			if status, answer := answered(t, r); status != c.status || !strings.Contains(answer, c.answer) {
				t.Errorf("got %d %q, want %d with %q", status, answer, c.status, c.answer)
			}
			if passed := len(engine.Requests()) > 0; passed != (c.status == 200) {
				t.Errorf("the engine got a request: %v", passed)
			}
		})
	}
}

// The same of a response, to which it has a head to hold.
func TestTrailersDoNotReleaseAResponseThatIsHeldForAnAnswer(t *testing.T) {
	for then, want := range map[string]string{"d": "released", "1": `body {"X-Note":["mine"]}`, "B1": `released {"X-Note":["mine"]}`, "s": "", "x": "failed"} {
		engine, s := hosttest.StartFakeDocker(t), startService(t, "unix")
		engine.Handle("GET /info", hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"))
		g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, callerWithTrailers))
		conn, r := g.Dial()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\nX-Path: /blocked\r\nX-Do-Response-Body: cp\r\nX-Then-1: %s\r\n\r\n", then)
		<-s.arrived
		s.release <- struct{}{}
		if status, answer := answered(t, r); !strings.Contains(answer, want) || (status == 200) != (want != "released" && want != "" && want != "failed") {
			t.Errorf("%s: got %d %q, want %q", then, status, answer, want)
		}
		conn.Close()
	}
}

// An answer that comes while the trailers are held may read and change them, and decides.
func TestAnAnswerComesWhileTrailersAreHeld(t *testing.T) {
	for name, c := range map[string]struct {
		target, do, then string
		status           int
		answer, told     string
	}{
		"read":                       {"POST /images/load", "Trailers", "n0", 200, "chunks 4 body 0 X-Note: mine", "mine"},
		"changed":                    {"POST /images/load", "Trailers", "wn0", 200, "chunks 4 body 0 X-Note: released", "released"},
		"denied":                     {"POST /images/load", "Trailers", "d", 403, "released", ""},
		"closed":                     {"POST /images/load", "Trailers", "s", 0, "", ""},
		"crashed":                    {"POST /images/load", "Trailers", "x", 503, "failed", ""},
		"the response's are not yet": {"POST /images/load", "Trailers", "NW0", 200, "chunks 4 body 0 X-Note: mine", "refused 2"},
		"the response's, read":       {"GET /info", "Response-Trailers", "N1", 200, `body {"X-Note":["mine"]}`, "mine"},
		"the response's, changed":    {"GET /info", "Response-Trailers", "WN1", 200, `body {"X-Note":["released"]}`, "released"},
		"the response's, denied":     {"GET /info", "Response-Trailers", "d", 403, "released", ""},
		"the response's, closed":     {"GET /info", "Response-Trailers", "s", 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			engine, s := hosttest.StartFakeDocker(t), startService(t, "unix")
			engine.Handle("POST /images/load", repeatBody)
			engine.Handle("GET /info", hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"))
			g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, callerWithTrailers))
			conn, r := g.Dial()
			defer conn.Close()
			rest := "\r\n"
			if strings.HasPrefix(c.target, "POST") {
				rest = "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"
			}
			write(t, conn, "%s HTTP/1.1\r\nHost: d\r\nX-Path: /blocked\r\nX-Do-%s: cp\r\nX-Then-1: %s\r\n%s", c.target, c.do, c.then, rest)
			<-s.arrived
			s.release <- struct{}{}
			if status, answer := answered(t, r); status != c.status || !strings.Contains(answer, c.answer) {
				t.Errorf("got %d %q, want %d with %q", status, answer, c.status, c.answer)
			}
			if c.told != "" {
				g.Log.Wait(t, `"msg":"request"`)
				if !strings.Contains(g.Log.String(), c.told+`","filter":"callout-1"`) {
					t.Errorf("the filter did not say %q", c.told)
				}
			}
		})
	}
}
