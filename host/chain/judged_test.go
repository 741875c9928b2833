package chain_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// What a request asks for, and what it is not to ask for behind the back of who allows it.
const (
	mine   = "/containers/mine/archive?path=%2F"
	secret = "/containers/secret/archive?path=%2F"
)

// changer changes a field of a head in its second callback with the body, and tells how that was answered.
func changer(t *testing.T, stage string, of int, field string, answered *[]abi.Status) *driven {
	pieces := 0
	return filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		if c.Name != stage {
			return nil
		}
		if n == 1 {
			*answered = append(*answered, c.Last.Status)
			return nil
		}
		if pieces++; pieces != 2 {
			return nil
		}
		return f.Call("proxy_replace_header_map_value", of, field, secret)
	})
}

// judge reads a field of a head, and holds it with the body until there are ten bytes of that.
func judge(t *testing.T, stage string, of int, field string, judged *[]string) *driven {
	return filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		switch {
		case c.Name == stage+"_headers" && n == 0:
			return f.Call("proxy_get_header_map_value", of, field, hosttest.Result{}, hosttest.Result{})
		case c.Name == stage+"_headers":
			*judged = append(*judged, read(c))
		case c.Name == stage+"_body" && c.About < 10:
			c.Answer = 1
		case c.Name == stage+"_body":
			c.Answer = 0
		}
		return nil
	})
}

// A filter lets the beginning of a body go, and changes the head when the rest comes. One behind it has judged the head
// as it was, and holds it.
func TestWhatGoesOutIsTheHeadThatTheFiltersBehindHaveJudged(t *testing.T) {
	for _, test := range []struct {
		direction string
		of        int
		field     string
	}{{"request", 0, ":path"}, {"response", 2, "x-told"}} {
		var answered []abi.Status
		var judged []string
		filters := []*driven{
			changer(t, test.direction+"_body", test.of, test.field, &answered),
			judge(t, test.direction, test.of, test.field, &judged),
		}
		if test.direction == "response" {
			slices.Reverse(filters)
		}
		s := requesting(t, drivenChain(t, filters...), "PUT", mine)
		pass := s.RequestBody
		if s.RequestHeaders(false); test.direction == "response" {
			s.RequestBody(nil, true)
			s.ResponseHeaders("200", []abi.Pair{{Key: test.field, Value: mine}}, false, true)
			pass = s.ResponseBody
		}
		if out, ready := pass([]byte("12345"), false); ready {
			t.Fatalf("%s: nobody holds %q", test.direction, out)
		}
		if out, ready := pass([]byte("67890"), true); !ready || string(out) != "1234567890" {
			t.Fatalf("%s: %q goes on, %v: %+v", test.direction, out, ready, s.Local())
		}
		out := s.Call().Target()
		if test.direction == "response" {
			told := abi.NewHeaderMap(s.ResponseFields())
			out, _ = told.Get(test.field)
		}
		if out != mine || !slices.Equal(judged, []string{mine}) {
			t.Errorf("%s: %s goes out, and the filter behind has judged %q", test.direction, out, judged)
		}
		if !slices.Equal(answered, []abi.Status{abi.StatusBadArgument}) {
			t.Errorf("%s: changing the head is answered with %v, want BAD_ARGUMENT", test.direction, answered)
		}
	}
}

// A filter behind waits with the head that it has judged. Meanwhile a call is answered that one before it has made, which holds more of
// the body.
func TestAnAnswerChangesNoHeadThatAFilterBehindWaitsWith(t *testing.T) {
	judged, answered := make(chan struct{}), make(chan abi.Status, 1)
	stream := 0
	a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		switch {
		case c.Name == "request_body" && stream == 0:
			stream, c.Answer = int(c.Context), 1
			return f.Call("proxy_http_call", "svc", aCall, "", "", 20_000, hosttest.Result{})
		case c.Name == "request_body" && n == 1:
			return f.Call("proxy_continue_stream", 0) // with the first piece, and not with the second
		case c.Name != "http_call_response":
		case n == 0:
			return f.Call("proxy_set_effective_context", stream)
		case n == 1:
			return f.Call("proxy_replace_header_map_value", 0, ":path", secret)
		default:
			answered <- c.Last.Status
		}
		return nil
	})
	a.options.Upstreams = service(t, func(http.ResponseWriter, *http.Request) { <-judged })
	b := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		if c.Name == "request_headers" {
			c.Answer = 1
			close(judged)
		}
		return nil
	})
	s := requesting(t, drivenChain(t, a, b), "PUT", mine)
	s.RequestHeaders(false)
	s.RequestBody([]byte("12345"), false)
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.RequestBody([]byte("67890"), false)
	}()
	if status := <-answered; status != abi.StatusBadArgument {
		t.Errorf("changing the head is answered with %v, want BAD_ARGUMENT", status)
	}
	s.Cancel()
	<-over
	if s.Call().Target() != mine {
		t.Errorf("the request asks for %s now", s.Call().Target())
	}
}
