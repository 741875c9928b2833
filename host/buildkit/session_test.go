package buildkit_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

const (
	checkAgent   = "/moby.sshforward.v1.SSH/CheckAgent"
	forwardAgent = "/moby.sshforward.v1.SSH/ForwardAgent"
	credentials  = "/moby.filesync.v1.Auth/Credentials"
	session      = "/moby.buildkit.v1.Control/Session"
	agentID      = "buildkit.ssh.id"
	methodHeader = "X-Docker-Expose-Session-Grpc-Method"
)

// granting is a policy with grants.
func granting(secrets, ssh []string) *buildkit.Policy {
	p := plain()
	p.Grants = buildkit.Grants{Secrets: secrets, SSH: ssh}
	return p
}

func TestSecretsAndAgentsAreHandedOutByGrant(t *testing.T) {
	tests := []struct {
		name         string
		secrets, ssh []string
		path         string
		message      []byte
		header       []string
		refused      string
	}{
		{name: "a secret without a grant", path: getSecret, message: str(1, "npm"), refused: `the secret "npm" is not granted to builds: add it to buildkit.secrets`},
		{name: "a secret by its grant", secrets: []string{"npm"}, path: getSecret, message: str(1, "npm")},
		{name: "another secret", secrets: []string{"npm"}, path: getSecret, message: str(1, "npm2"), refused: `the secret "npm2"`},
		{name: "a secret without a name", secrets: []string{"npm"}, path: getSecret, refused: `the secret ""`},
		{name: "a secret by a pattern", secrets: []string{"ci-*"}, path: getSecret, message: str(1, "ci-/x")},
		{name: "any secret", secrets: []string{"*"}, path: getSecret},
		{name: "a secret in two ways", secrets: []string{"npm"}, path: getSecret, message: msg(str(1, "npm"), str(1, "aws")), refused: "GetSecretRequest.ID: the field is given twice"},
		{name: "what an engine adds to the question", secrets: []string{"npm"}, path: getSecret, message: msg(str(1, "npm"), str(9, "new"))},
		{name: "an agent without a grant", path: checkAgent, message: str(1, "work"), refused: `the ssh agent "work" is not granted to builds: add it to buildkit.ssh`},
		{name: "an agent by its grant", ssh: []string{"work"}, path: checkAgent, message: str(1, "work")},
		{name: "the agent that no name stands for", ssh: []string{"default"}, path: checkAgent},
		{name: "the same without a grant", ssh: []string{"work"}, path: checkAgent, refused: `the ssh agent "default"`},
		{name: "a connection to an agent", ssh: []string{"work"}, path: forwardAgent, header: []string{agentID, "work"}},
		{name: "a connection to one that is not granted", ssh: []string{"default"}, path: forwardAgent, header: []string{agentID, "work"}, refused: `the ssh agent "work"`},
		{name: "a connection to the default agent", ssh: []string{"default"}, path: forwardAgent},
		{name: "a connection to two", ssh: []string{"*"}, path: forwardAgent, header: []string{agentID, "a", agentID, "b"}, refused: "more than one ssh agent"},
		{name: "credentials, which need no grant", path: credentials, message: str(1, "registry.example.org")},
		{name: "files, which need no grant", path: diffCopy, message: []byte("x")},
		{name: "a method that is not listed", path: "/moby.filesync.v1.FileSync/Format", refused: "is not among those that may be called on the client"},
		{name: "a method of the other side", path: solve, refused: "is not among those that may be called on the client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := reply([]byte("s3cret"))
			if tt.refused != "" {
				client = unreachable(t)
			}
			c := sessions(t, granting(tt.secrets, tt.ssh), client)
			a := c.call(tt.path, tt.message, tt.header...)
			if tt.refused == "" {
				if a.code != "0" || string(a.body) != string(frame([]byte("s3cret"))) {
					t.Errorf("the call ended with %+v", a)
				}
			} else if a.code == "0" || !strings.Contains(a.message, tt.refused) {
				t.Errorf("the call ended with %q %q, want %q", a.code, a.message, tt.refused)
			}
			if r := c.recorded(1)[0]; !r.ToClient || (r.Outcome.Verdict == chain.VerdictDeny) != (tt.refused != "") {
				t.Errorf("the record is %+v", r)
			}
		})
	}
}

func TestFilesPassInBothDirections(t *testing.T) {
	c := sessions(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		_, _ = io.Copy(flushing{w}, r.Body)
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	read, write := io.Pipe()
	response, err := c.begin(t.Context(), diffCopy, read, "Dir-Name", "context")
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	go func() {
		_, _ = write.Write(content)
		write.Close()
	}()
	if a := finish(response); a.code != "0" || !bytes.Equal(a.body, content) {
		t.Errorf("got %d bytes and status %s", len(a.body), a.code)
	}
	if r := c.recorded(1)[0]; r.In != int64(len(content)) || r.Out != int64(len(content)) || r.Operation != dockerapi.BuildkitFiles {
		t.Errorf("the record is %+v", r)
	}
}

// A client may end its part of a call while the engine's is still open, as happens to every transfer of files.
func TestACallThatIsAnsweredBeforeItsRequestEnds(t *testing.T) {
	c := sessions(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 4))
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write([]byte("FIN"))
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	read, write := io.Pipe()
	defer write.Close()
	go func() { _, _ = write.Write([]byte("FIN?")) }()
	response, err := c.begin(t.Context(), diffCopy, read)
	if err != nil {
		t.Fatal(err)
	}
	if a := finish(response); a.code != "0" || string(a.body) != "FIN" {
		t.Errorf("the call ended with %+v", a)
	}
}

type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.w.(http.Flusher).Flush()
	return n, err
}

// tunnelConn is a connection in the messages of a call, as BuildKit's own client and daemon have it.
type tunnelConn struct {
	net.Conn // deadlines and addresses, which nobody asks for
	from     io.Reader
	to       io.Writer
	mu       sync.Mutex
	left     []byte
	close    func()
}

func (c *tunnelConn) Read(p []byte) (int, error) {
	for len(c.left) == 0 {
		head := make([]byte, 5)
		if _, err := io.ReadFull(c.from, head); err != nil {
			return 0, errors.New(err.Error()) // HTTP/2 would take a reset for one of its own
		}
		message := make([]byte, binary.BigEndian.Uint32(head[1:]))
		if _, err := io.ReadFull(c.from, message); err != nil {
			return 0, err
		}
		if len(message) > 0 {
			_, n := binary.Uvarint(message[1:])
			c.left = message[1+n:]
		}
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *tunnelConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.to.Write(frame(str(1, p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *tunnelConn) Close() error { c.close(); return nil }

// A session inside of a call is mediated like one of its own: here the engine asks for two secrets.
func TestASessionInsideOfACall(t *testing.T) {
	answers := make(chan answer, 3)
	exposed := make(chan []string, 1)
	c := control(t, granting([]string{"npm"}, nil), func(w http.ResponseWriter, r *http.Request) {
		exposed <- r.Header.Values(methodHeader)
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		inner, _ := net.Pipe()
		defer inner.Close()
		closed := make(chan struct{})
		var once sync.Once
		conn := &tunnelConn{Conn: inner, from: r.Body, to: flushing{w}, close: func() { once.Do(func() { close(closed) }) }}
		caller := &connection{t: t, caller: dial(t, conn)}
		defer caller.caller.Close()
		for _, id := range []string{"npm", "aws"} {
			answers <- caller.call(getSecret, str(1, id))
		}
		answers <- caller.call("/grpc.health.v1.Health/Check", nil)
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	read, write := io.Pipe()
	header := []string{"X-Docker-Expose-Session-Uuid", "uuid"}
	for _, path := range []string{getSecret, checkAgent, forwardAgent, diffCopy, "/evil.Service/Do", "/MOBY.filesync.v1.auth/credentials"} {
		header = append(header, methodHeader, path)
	}
	response, err := c.begin(t.Context(), session, read, header...)
	if err != nil {
		t.Fatal(err)
	}
	inner, _ := net.Pipe()
	defer inner.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveOn(&tunnelConn{Conn: inner, from: response.Body, to: write, close: func() { write.Close() }}, reply([]byte("s3cret")))
	}()
	if got, want := <-exposed, []string{getSecret, diffCopy, "/MOBY.filesync.v1.auth/credentials"}; !slices.Equal(got, want) {
		t.Errorf("the engine was told of %q, want %q", got, want)
	}
	if a := <-answers; a.code != "0" || string(a.body) != string(frame([]byte("s3cret"))) {
		t.Errorf("the granted secret: %+v", a)
	}
	a := <-answers
	a.denied(t, "7", `the secret "aws" is not granted`)
	if a := <-answers; a.code != "0" {
		t.Errorf("health: %+v", a)
	}
	<-served
	response.Body.Close()
	var operations []dockerapi.Operation
	for _, r := range c.recorded(3) {
		operations = append(operations, r.Operation)
	}
	if want := []dockerapi.Operation{dockerapi.BuildkitSecret, dockerapi.BuildkitSecret, dockerapi.BuildkitSession}; !slices.Equal(operations, want) {
		t.Errorf("got records of %v, want %v", operations, want)
	}
}

// The call that carries a session is reset by its client: for HTTP/2 inside of it that is an end like any other.
func TestASessionWhoseCallIsCancelled(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	c := control(t, granting([]string{"*"}, nil), func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		inner, _ := net.Pipe()
		defer inner.Close()
		conn := &tunnelConn{Conn: inner, from: r.Body, to: flushing{w}, close: func() {}}
		caller := &connection{t: t, caller: dial(t, conn)}
		defer caller.caller.Close()
		close(begun)
		if a := caller.call(getSecret, str(1, "npm")); a.err == nil && a.code == "0" {
			t.Errorf("the secret of a client that is gone: %+v", a)
		}
	})
	read, write := io.Pipe()
	defer write.Close()
	ctx, cancel := context.WithCancel(t.Context())
	response, err := c.begin(ctx, session, read)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	<-begun
	cancel()
	write.CloseWithError(context.Canceled) // net/http looks at the context only between two reads of the body
	<-ended
	if r := c.recorded(1)[0]; !r.ToClient && r.Operation != dockerapi.BuildkitSession {
		t.Errorf("the record is %+v", r)
	}
}

func TestASessionInsideOfACallThatIsNoConnection(t *testing.T) {
	c := control(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		_, _ = w.Write(frame([]byte("no field of bytes")))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	read, write := io.Pipe()
	defer write.Close()
	response, err := c.begin(t.Context(), session, read)
	if err != nil {
		t.Fatal(err)
	}
	// The gateway's own preface comes, and then the end.
	a := finish(response)
	if a.err != nil || a.code != "0" {
		t.Errorf("the session ended with %+v", a)
	}
}

func TestARefusedConnectionTellsEachCallWhy(t *testing.T) {
	callers, gateway := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buildkit.Refuse(ctx, gateway, "denied by filter \"x\": 100 % (request r)", plainLog(t))
	}()
	c := &connection{t: t, caller: dial(t, callers)}
	for range 2 {
		a := c.call(solve, nil)
		a.denied(t, "7", `denied by filter "x": 100 %25 (request r)`)
	}
	callers.Close()
	<-ended
}
