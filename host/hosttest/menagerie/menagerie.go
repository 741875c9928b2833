// Package menagerie lists the hostile guests of testdata/guests/hostile with all that they can do, and what comes of each when it attacks a
// gateway as a tenant's filter. The tests of package host run them one by one and hold them to it; host/bench measures what another tenant
// keeps of the gateway while one of them attacks.
package menagerie

import (
	"fmt"
	"strings"
	"time"
)

// An Attack is what one hostile filter does to requests of its tenant's.
type Attack struct {
	Guest  string // in testdata/guests/hostile
	Config string // what it is told to do
	Keys   string // further keys of its filter
	Limits string // of its tenant, where they are not everybody's
	// Pause is limits.pause, where it must not be long.
	Pause   time.Duration
	Service Service // what it calls
	By      Way

	// Outcome is what comes of it when its filter is granted everything, so that a limit ends it and no grant.
	Outcome
	// Poor is what comes of it when its filter has what a tenant's filter has if nothing is written: no grant at all. Nil: the same.
	Poor *Outcome
	// Unstarted says that its filter does not come up, for the reason of Says, and is put into quarantine.
	Unstarted bool
	Kept      int // goroutines of connections to the upstream
	// Cuts says that no connection outlives a request.
	Cuts bool
}

// An Outcome is how a request ends, and what the operator reads of it.
type Outcome struct {
	Status int // 0: it is cut, or any
	// Says are parts of one line of the log, beside the filter's name: what it came to.
	Says []string
}

// A Way is what the client does.
type Way int

// The ways.
const (
	Get      Way = iota // GET
	Post                // POST with four bytes of a body
	Trailers            // POST with a body in chunks and a trailer, which is answered with one
	Hijack              // attach, five bytes, and then no more
	Nothing             // none is needed: the filter attacks by itself
	Names               // POST with a JSON body that names thousands of objects
)

// Request is what he sends. The connection of a Hijack has its end behind it.
func (w Way) Request() string {
	const load = "POST /v1.41/images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n"
	switch w {
	case Post:
		return load + "Content-Length: 4\r\n\r\nbody"
	case Trailers:
		return load + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n"
	case Hijack:
		return "POST /v1.41/containers/c/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\ntyped"
	case Names:
		body := `{"HostConfig":{"Links":["a:b"` + strings.Repeat(`,"a:b"`, 8000) + `]}}`
		return fmt.Sprintf("POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	default:
		return "GET /v1.41/info HTTP/1.1\r\nHost: d\r\n\r\n"
	}
}

// A Service is what the upstream svc has to be.
type Service int

// The services.
const (
	NoService Service = iota
	HTTP
	GRPC
)

// Name is how the attack is called. No two have the same.
func (a *Attack) Name() string {
	name := a.Guest + " " + a.Config
	if !strings.HasPrefix(a.Keys, "stages") && !strings.HasPrefix(a.Keys, "vm_config") {
		name += " " + a.Keys
	}
	if a.Guest == "everywhere" && a.By == Hijack {
		name += " of a connection"
	}
	return strings.Join(strings.Fields(name+" "+a.Limits), " ")
}

// Filter is a line of a configuration's filters. It crashes as often as it likes: the
// attack is not to end by its quarantine.
func (a *Attack) Filter(name, tenant, module, grants string) string {
	keys := ""
	if a.Keys != "" {
		keys = ", " + a.Keys
	}
	return fmt.Sprintf("  - {name: %s, module: %s, tenant: %s, instances: 1, crash_budget: 0, config: '%s'%s%s}\n", name, module, tenant, a.Config, keys, grants)
}

// Everything are the keys by which a filter is granted all there is.
func (a *Attack) Everything() string {
	if a.Service != NoService {
		return ", capabilities: all, callouts: [svc]"
	}
	return ", capabilities: all"
}
