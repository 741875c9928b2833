package host

import (
	"fmt"
	"net"
	"net/url"
	"sync"

	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// buildSessions are the open sessions of builds, and those whose build was refused a
// moment ago. Docker's command line begins both at once, and takes the build's failure for
// the end of its session; when that is not connected yet, older ones (20.10) do not come
// to think of it again, and wait for ever. So a session ends with the refusal of its build,
// and one that comes behind it is refused, too.
type buildSessions struct {
	refused refusals

	mu   sync.Mutex
	open map[buildSession]net.Conn
}

// buildSession is a session: of the client that made its id up.
type buildSession struct {
	id  string
	who refusedClient
}

// begin keeps a session that was opened, until the returned function is called.
func (b *buildSessions) begin(s buildSession, conn net.Conn) (end func()) {
	b.mu.Lock()
	if b.open == nil {
		b.open = make(map[buildSession]net.Conn)
	}
	b.open[s] = conn
	b.mu.Unlock()
	if b.refused.find(s.id, s.who, false) != "" { // while the engine was asked
		_ = conn.Close()
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.open[s] == conn { // and not another one that calls itself the same
			delete(b.open, s)
		}
	}
}

// refuse ends the session of a build that was refused in this request.
func (b *buildSessions) refuse(s buildSession, request string) {
	b.refused.add(s.id, s.who, request)
	b.mu.Lock()
	conn := b.open[s]
	b.mu.Unlock()
	if conn != nil { // out of the lock: over TLS there is something to say first
		_ = conn.Close()
	}
}

// beginSession is for a connection that has become a session. What it returns is called
// at its end.
func (x *exchange) beginSession() (end func()) {
	id := x.sessionID()
	if id == "" {
		return func() {}
	}
	return x.gateway.sessions.begin(buildSession{id, x.who()}, x.conn.NetConn())
}

// refuseLateSession refuses the session of a build that was refused a moment ago. Its client
// is given the connection, which ends at once: of a session's failure it would tell, and
// not of the build's.
func (x *exchange) refuseLateSession() {
	if id := x.sessionID(); id != "" {
		if request := x.gateway.sessions.refused.find(id, x.who(), false); request != "" {
			x.lateSession = true
			x.stream.Refuse(409, fmt.Sprintf("the build of this session was refused (request %s)", request))
		}
	}
}

// sessionID is the id of the session that the request opens, if it does.
func (x *exchange) sessionID() string {
	if x.info.Call.Operation != dockerapi.Session {
		return ""
	}
	return sessionFacts(x.request.Header)[buildkit.SessionFact]
}

// endSession ends the session of a build that failed before it began.
func (x *exchange) endSession() {
	if x.info.Call.Operation != dockerapi.ImageBuild || x.status < 400 {
		return
	}
	if query, err := url.ParseQuery(x.info.Call.Query); err == nil && query.Get("session") != "" {
		x.gateway.sessions.refuse(buildSession{query.Get("session"), x.who()}, x.info.RequestID)
	}
}
