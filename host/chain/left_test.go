package chain_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/record"
)

// kept is an outlet that keeps what it is given.
type kept struct{ text string }

func (k *kept) Write(p []byte) error { k.text += string(p); return nil }
func (k *kept) Flush() error         { return nil }

// opened is a stream that has become a connection, and what the client and the engine get of it.
func opened(t *testing.T, c *chain.Chain) (s *chain.Stream, client, engine *kept) {
	t.Helper()
	s, client, engine = requesting(t, c, "POST", "/containers/mine/attach?stream=1&stdin=1&stdout=1"), new(kept), new(kept)
	s.RequestHeaders(true)
	s.ResponseHeaders("101", nil, false, false)
	if !s.NewConnection() {
		t.Fatalf("there is no connection: %+v", s.Local())
	}
	s.BeginRecords(record.Frames, client)
	s.BeginDownstream(engine)
	return s, client, engine
}

// A filter that may change nothing holds the first piece of what comes, and says that it wants to skip the rest. It is called until it has let go of
// what it holds: no piece is cut out.
func TestAFilterThatSkipsCutsNothingOut(t *testing.T) {
	calls := 0
	a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
		switch c.Name {
		case "request_body", "downstream_data":
			if n == 0 {
				calls++
			}
			if c.Answer = 0; calls == 1 {
				if c.Answer = 1; n == 0 {
					return f.set("sluice\x00"+c.Name, "skip")
				}
			}
		}
		return nil
	})
	a.options.Stages, a.options.Grants = plugin.RequestHeaders|plugin.RequestBody|plugin.DownstreamData, onlyDriven(t)
	c := drivenChain(t, a)
	check := func(what, got string) {
		if got != "123456789" || calls != 2 {
			t.Errorf("%s: %q goes on, and the filter was called %d times, want all of it and 2", what, got, calls)
		}
		calls = 0
	}
	s, got := requesting(t, c, "PUT", mine), ""
	s.RequestHeaders(false)
	for i, piece := range []string{"123", "456", "789"} {
		out, ready := s.RequestBody([]byte(piece), i == 2)
		if got += string(out); ready != (i > 0) {
			t.Fatalf("%q goes on, %v: %+v", out, ready, s.Local())
		}
	}
	check("a body", got)
	s, _, engine := opened(t, c)
	for _, piece := range []string{"123", "456", "789"} {
		if err := s.DownstreamData([]byte(piece), false); err != nil {
			t.Fatal(err)
		}
	}
	check("a connection", engine.text)
}

// A filter without which streams go on crashes in one direction. What it has of the other one goes on, first.
func TestWhatAFilterHasOfTheOtherDirectionGoesOn(t *testing.T) {
	crashing := func(in string) *driven {
		pieces := 0
		a := filter(t, func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall {
			switch c.Name {
			case in:
				return f.crash()
			case "request_body":
				if pieces++; pieces == 2 {
					c.Answer = 1
				}
			case "response_headers":
				if n == 0 {
					return f.set("sluice\x00response_body", "records")
				}
			}
			return nil
		})
		a.onFailure = chain.Allow
		return a
	}

	s, got := requesting(t, drivenChain(t, crashing("response_headers")), "PUT", mine), ""
	s.RequestHeaders(false)
	pass := func(piece string, end bool) {
		out, _ := s.RequestBody([]byte(piece), end)
		got += string(out)
	}
	pass("AAA", false)
	if pass("BBB", false); got != "AAA" {
		t.Fatalf("%q has gone on, and the second piece is to be held", got)
	}
	if !s.ResponseHeaders("200", nil, true, false) {
		t.Fatalf("the response does not go on: %+v", s.Local())
	}
	<-s.RequestAwake()
	if pass("", false); got != "AAABBB" {
		t.Errorf("%q has gone on when the filter is gone", got)
	}
	if pass("CCC", true); got != "AAABBBCCC" {
		t.Errorf("the engine gets %q", got)
	}

	a := crashing("downstream_data")
	a.options.Stages = plugin.ResponseHeaders | plugin.ResponseBody | plugin.DownstreamData
	s, client, engine := opened(t, drivenChain(t, a))
	frame := record.AppendFrame(nil, record.Stdout, "0123456789")
	for _, err := range []error{s.ResponseRecords(frame[:12], false), s.DownstreamData([]byte("x"), false), s.ResponseRecords(frame[12:], false)} {
		if err != nil {
			t.Error(err)
		}
	}
	if client.text != string(frame) || engine.text != "x" {
		t.Errorf("the client gets %q of %q, and the engine %q", client.text, frame, engine.text)
	}
}
