package host_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// Clients that cannot ping say that their version is too new, whatever the
// reason was.
func TestAPingIsAnsweredWhateverTheFiltersAre(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny", "trap-on-header"))
	for _, ping := range []struct{ method, target string }{
		{"GET", "/_ping"}, {"HEAD", "/_ping"}, {"GET", "/v1.41/_ping"}, {"HEAD", "/v1.0/_ping"},
	} {
		if resp, _ := g.Do(ping.method, ping.target, "", ""); resp.StatusCode != 200 {
			t.Errorf("%s %s: got %d, want 200", ping.method, ping.target, resp.StatusCode)
		}
	}
	// It is the operation that passes, and not whatever looks like it.
	for _, other := range []struct{ method, target string }{
		{"GET", "/info"}, {"POST", "/_ping"}, {"OPTIONS", "/_ping"}, {"GET", "/_pings"}, {"GET", "/containers/_ping/json"},
	} {
		if resp, _ := g.Do(other.method, other.target, "", ""); resp.StatusCode != 403 {
			t.Errorf("%s %s: got %d, want the filter's 403", other.method, other.target, resp.StatusCode)
		}
	}
}

func TestAFilterThatNamesThePingSeesIt(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: {operations: [SystemPing, SystemInfo]}"))
	for target, want := range map[string]int{"/_ping": 403, "/v1.41/_ping": 403, "/info": 403, "/version": 404} {
		if code, _ := get(t, g, target, ""); code != want {
			t.Errorf("GET %s: got %d, want %d", target, code, want)
		}
	}
	if resp, _ := g.Do("HEAD", "/_ping", "", ""); resp.StatusCode != 200 {
		t.Errorf("HEAD /_ping: got %d, want 200: it is an operation of its own", resp.StatusCode)
	}
}
