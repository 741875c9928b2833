package chain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/record"
)

// role is a property that filters rely on.
const role = "auth\x00role"

// getRole has a filter read the property.
func (f *driven) getRole() *hosttest.HostCall {
	return f.Call("proxy_get_property", role, hosttest.Result{}, hosttest.Result{})
}

// A filter says something about a request, and crashes. The next instance of it is asked, and holds the request.
func TestWhatACrashedCallbackHasSaidIsNotTheNextInstances(t *testing.T) {
	for what, says := range map[string]func(f *driven) *hosttest.HostCall{
		"that the request goes on": func(f *driven) *hosttest.HostCall { return f.Call("proxy_continue_stream", 0) },
		"that the stream is cut":   func(f *driven) *hosttest.HostCall { return f.Call("proxy_close_stream", 0) },
		"no":                       func(f *driven) *hosttest.HostCall { return f.refuse(403) },
		"a property":               func(f *driven) *hosttest.HostCall { return f.set(role, "admin") },
	} {
		asked := 0
		var known abi.Status
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			if c.Name != "request_headers" {
				return nil
			}
			if n == 0 {
				asked++
			}
			switch {
			case asked == 1 && n == 0:
				return says(f)
			case asked == 1:
				return f.crash()
			case n == 0:
				return f.getRole()
			}
			known, c.Answer = c.Last.Status, 1
			return nil
		})
		a.onFailure, a.options.Instances = chain.Reload, 2
		c := drivenChain(t, a)
		c.PauseLimit = 10 * time.Millisecond
		s := requesting(t, c, "GET", "/containers/json")
		if s.RequestHeaders(true) || !strings.Contains(s.Outcome().Reason, "limits.pause") || asked != 2 {
			t.Errorf("%s: the end is %+v after %d instances, want that the second one holds it for too long", what, s.Outcome(), asked)
		}
		if known != abi.StatusNotFound {
			t.Errorf("%s: the property is %v for the second instance", what, known)
		}
	}
}

// A filter wants to skip the body of the response, and its instance is lost, by the request itself or by another one. The next instance
// has said nothing of the kind.
func TestAHintOfALostInstanceIsNotTheNextInstances(t *testing.T) {
	for _, test := range []struct {
		by        string
		onFailure chain.OnFailure
	}{{"itself", chain.Reload}, {"another one", chain.Deny}} {
		asked, seen := 0, ""
		var first *byte // of the memory of the instance that is asked first
		crashes := false
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch {
			case c.Name == "request_headers" && crashes:
				if &c.Memory[0] == first {
					crashes = false
					return f.crash()
				}
			case c.Name == "request_headers" && n == 0:
				if asked++; asked == 1 {
					first = &c.Memory[0]
					return f.set("sluice\x00response_body", "skip")
				}
			case c.Name == "request_headers" && asked == 1 && test.onFailure == chain.Reload:
				return f.crash()
			case c.Name == "response_body":
				seen += "body"
			}
			return nil
		})
		a.onFailure, a.options.Instances = test.onFailure, 2
		c := drivenChain(t, a)
		s := requesting(t, c, "PUT", mine)
		s.RequestHeaders(false)
		for crashes = test.onFailure == chain.Deny; crashes; {
			requesting(t, c, "GET", "/containers/json").RequestHeaders(true)
		}
		if _, ready := s.RequestBody([]byte("body"), true); !ready || asked != 2 {
			t.Fatalf("%s: %d instances were asked, and the end is %+v", test.by, asked, s.Outcome())
		}
		s.ResponseHeaders("200", nil, false, true)
		if _, ready := s.ResponseBody([]byte("secret"), true); !ready || seen != "body" {
			t.Errorf("%s: the second instance has seen %q of the response, %v", test.by, seen, ready)
		}
	}
}

// A filter that crashes has set a property. The one behind it finds what was there before.
func TestAPropertyOfACrashedCallbackIsNotSeenBehind(t *testing.T) {
	for crashesIn, want := range map[string]string{"request_headers": "NOT_FOUND", "request_body": "guest"} {
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch {
			case c.Name == crashesIn && n < 2: // twice: the first is the one to go back to
				return f.set(role, "admin")
			case c.Name == crashesIn:
				return f.crash()
			case c.Name == "request_headers" && n == 0:
				return f.set(role, "guest")
			}
			return nil
		})
		a.onFailure = chain.Allow
		found := ""
		b := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch {
			case c.Name != "request_headers":
			case n == 0:
				return f.getRole()
			case c.Last.Status != abi.StatusOK:
				found = c.Last.Status.String()
			default:
				found = read(c)
			}
			return nil
		})
		s := requesting(t, drivenChain(t, a, b), "PUT", mine)
		s.RequestHeaders(false)
		if _, ready := s.RequestBody([]byte("body"), true); !ready || found != want {
			t.Errorf("%s: the filter behind finds %q, %v, want %q", crashesIn, found, ready, want)
		}
	}
}

// What a filter has set in a callback that is over stays, when it is lost to another request and the stream goes on without it.
func TestAPropertyOfACallbackThatIsOverStays(t *testing.T) {
	crashes := false
	a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		switch {
		case c.Name != "request_headers":
		case crashes:
			return f.crash()
		case n == 0:
			return f.set(role, "guest")
		case n == 1: // so that no other instance is asked
			return f.Call("proxy_add_header_map_value", 0, "x-role", "guest")
		}
		return nil
	})
	a.onFailure = chain.Allow
	found := ""
	b := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		if c.Name == "request_headers" && !crashes {
			if n == 0 {
				return f.getRole()
			}
			found = read(c)
		}
		return nil
	})
	c := drivenChain(t, a, b)
	s := requesting(t, c, "PUT", mine)
	s.RequestHeaders(false)
	crashes = true
	requesting(t, c, "GET", "/containers/json").RequestHeaders(true)
	crashes = false
	if _, ready := s.RequestBody([]byte("body"), true); !ready || found != "guest" || !strings.Contains(s.Outcome().Reason, "bypassed") {
		t.Errorf("the filter behind finds %q, %v: %+v", found, ready, s.Outcome())
	}
}

func TestAStreamThatIsStoppedWithoutAReasonIsAnsweredAllTheSame(t *testing.T) {
	s := requesting(t, drivenChain(t), "GET", "/containers/json")
	if l := s.BeginLocal(); l == nil || l.Status != 500 {
		t.Errorf("it is answered with %+v", l)
	}
}

// A filter denies a request, in the request's own callback or when a call is answered, and ends another stream in the same callback. That it crashes in the end of
// the other one makes no difference to the denial, not even where requests go on without it.
func TestADenialStandsWhenAnotherStreamsEndCrashes(t *testing.T) {
	for _, denies := range []string{"request_headers", "http_call_response"} {
		first, second := uint32(0), uint32(0)
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch {
			case c.Name == "request_headers" && first == 0:
				first = c.Context
				return nil
			case c.Name == "request_headers" && n == 0:
				second = c.Context
			case c.Name == "done" && c.Context == first:
				c.Answer = 1 // not yet
			case c.Name == "log" && c.Context == first:
				return f.crash()
			}
			switch {
			case c.Name == "request_headers" && c.Name != denies:
				if c.Answer = 1; n == 0 {
					return f.Call("proxy_http_call", "svc", aCall, "", "", 20_000, hosttest.Result{})
				}
			case c.Name == denies && n == 0:
				c.Answer = 1
				return f.Call("proxy_set_effective_context", int(second))
			case c.Name == denies && n == 1:
				return f.refuse(403)
			case c.Name == denies && n == 2:
				return f.Call("proxy_set_effective_context", int(first))
			case c.Name == denies && n == 3:
				return f.Call("proxy_done")
			}
			return nil
		})
		a.onFailure, a.options.Upstreams = chain.Allow, service(t, nothing)
		c := drivenChain(t, a)
		s := opening(t, c, "GET", "/containers/json")
		s.RequestHeaders(true)
		s.Close()
		s = requesting(t, c, "GET", "/containers/json")
		if ready := s.RequestHeaders(true); ready || s.Local() == nil || s.Local().Status != 403 {
			t.Errorf("%s: a request goes on, %v, that the filter has denied: %+v", denies, ready, s.Outcome())
		}
	}
}

// A filter holds a part of a body, and crashes when a call is answered. Nothing of what it did then counts, and least of all that it let
// go of the body.
func TestWhatACrashedAnswerHasDoneCountsForNothing(t *testing.T) {
	for _, policy := range []chain.OnFailure{chain.Allow, chain.Deny} {
		stream := 0
		var did []abi.Status
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch {
			case c.Name == "request_body" && n == 0:
				stream, c.Answer = int(c.Context), 1
				return f.Call("proxy_http_call", "svc", aCall, "", "", 20_000, hosttest.Result{})
			case c.Name != "http_call_response":
				return nil
			case n > 0:
				did = append(did, c.Last.Status)
			}
			switch n {
			case 0:
				return f.Call("proxy_set_effective_context", stream)
			case 1:
				return f.Call("proxy_set_buffer_bytes", 0, 0, 5, "other")
			case 2:
				return f.Call("proxy_replace_header_map_value", 0, ":path", secret)
			case 3:
				return f.set(role, "admin")
			case 4:
				return f.Call("proxy_continue_stream", 0)
			}
			return f.crash()
		})
		a.onFailure, a.options.Upstreams = policy, service(t, nothing)
		found := abi.StatusOK
		b := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			if c.Name == "request_headers" {
				if n == 0 {
					return f.getRole()
				}
				found = c.Last.Status
			}
			return nil
		})
		s := requesting(t, drivenChain(t, a, b), "PUT", mine)
		s.RequestHeaders(false)
		if out, ready := s.RequestBody([]byte("12345"), false); ready {
			t.Fatalf("%q is not held", out)
		}
		<-s.RequestAwake() // it has continued, or is lost
		out, ready := s.RequestBody(nil, false)
		if policy == chain.Deny {
			if l := s.Local(); ready || l == nil || l.Status != 503 {
				t.Errorf("a part of a request goes on that nobody has judged: %q, %v", out, ready)
			}
			continue
		}
		rest, ready := s.RequestBody([]byte("67890"), true)
		if got := string(out) + string(rest); !ready || got != "1234567890" || s.Call().Target() != mine || found != abi.StatusNotFound {
			t.Errorf("%q goes to %s, %v, and the property is %v", got, s.Call().Target(), ready, found)
		}
		if want := make([]abi.Status, 5); !slices.Equal(did, want) {
			t.Errorf("the filter's calls are answered with %v", did)
		}
	}
}

// A tick closes a stream of a filter that is not called with what comes next.
func TestAStreamThatATickHasClosedGoesNoFurther(t *testing.T) {
	for name, goOn := range map[string]func(s *chain.Stream) bool{
		"the request": func(s *chain.Stream) bool {
			_, ready := s.RequestBody([]byte("body"), true)
			return ready
		},
		"the response": func(s *chain.Stream) bool { return s.ResponseHeaders("200", nil, false, false) },
		"the stream": func(s *chain.Stream) bool {
			s.BeginRecords(record.Frames, new(kept))
			return s.ResponseRecords([]byte("line"), false) == nil
		},
	} {
		stream, ended := uint32(0), false
		closed := make(chan struct{})
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch {
			case c.Name == "configure" && n == 0:
				return f.Call("proxy_set_tick_period_milliseconds", 1)
			case c.Name == "request_headers":
				stream = c.Context
			case c.Name != "tick" || stream == 0 || ended:
			case n == 0:
				return f.Call("proxy_set_effective_context", int(stream))
			case n == 1:
				return f.Call("proxy_close_stream", 0)
			default:
				ended = true
				close(closed)
			}
			return nil
		})
		a.options.Stages = plugin.RequestHeaders
		s := requesting(t, drivenChain(t, a), "PUT", mine)
		s.RequestHeaders(false)
		<-closed
		if goOn(s) || s.Local() == nil || !s.Local().Abort {
			t.Errorf("%s goes on: %+v", name, s.Outcome())
		}
	}
}
