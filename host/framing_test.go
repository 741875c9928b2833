package host_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// Filters that were made for Envoy look at content-length. What they see of it is
// right, and what they make of it frames nothing.
func TestFiltersSeeTheLengthOfABodyAsLongAsItIsRight(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	for chain, want := range map[string]struct {
		code   int
		length string
	}{
		"noop":        {200, "4"},
		"append-body": {404, ""}, // it is not right any more
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, chain, "property"))
		code, _, body := asks(t, g, "POST", "/images/load", "body", map[string]string{"x-property": "request.headers.content-length"})
		if code != want.code || code == 200 && body != want.length {
			t.Errorf("behind %s: got %d %q, want %d %q", chain, code, body, want.code, want.length)
		}
	}
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "append-body"))
	if code, _, body := asks(t, g, "POST", "/images/load", "body", nil); code != 200 || body != "body [seen] [seen]" {
		t.Errorf("got %d %q", code, body)
	}
	if got := engine.Requests()[0].Header["Content-Length"]; len(got) != 1 || got[0] != "11" {
		t.Errorf("the engine got the lengths %q, want the one of what was sent", got)
	}
}
