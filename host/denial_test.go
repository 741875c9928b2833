package host_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/identity"
)

// A denial of deny.wat, as a client is to read it.
var notToday = regexp.MustCompile(`^denied by filter "deny-1": not today \(request [^)]+\)$`)

// execStart asks for an exec as the command line does, unless the fields say otherwise.
func execStart(version, fields, body string) string {
	return fmt.Sprintf("POST %s/exec/e1/start HTTP/1.1\r\nHost: \r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", version, fields, len(body), body)
}

const askUpgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"

// frames reads the frames of a multiplexed stream to its end.
func frames(t *testing.T, r io.Reader) (out []string) {
	t.Helper()
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatalf("after %q: %v", out, err)
		}
		payload := read(t, r, int(binary.BigEndian.Uint32(head[4:])))
		out = append(out, fmt.Sprintf("%d:%s", head[0], payload))
	}
}

// attachable is an engine with a container that has a terminal, one that has none, and nothing else.
func attachable(t *testing.T) *hosttest.FakeDocker {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/terminal/json", hosttest.JSON(200, `{"Id":"1111111111","Config":{"Tty":true}}`))
	engine.Handle("GET /containers/plain/json", hosttest.JSON(200, `{"Id":"2222222222","Config":{"Tty":false}}`))
	engine.Handle("GET /exec/e1/json", hosttest.JSON(200, `{"ID":"e1","Running":false,"ExitCode":null}`))
	return engine
}

func TestADeniedUpgradeCarriesItsReasonInAFrame(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: {methods: [POST]}"))
	for name, c := range map[string]struct{ request, mediaType string }{
		"exec":             {execStart("/v1.41", askUpgrade, `{"Detach":false,"Tty":false}`), "raw-stream"},
		"exec, new":        {execStart("/v1.42", askUpgrade, `{"Detach":false,"Tty":false}`), "multiplexed-stream"},
		"exec, no version": {execStart("", askUpgrade, `{}`), "raw-stream"},
		"exec, no body":    {"POST /exec/e1/start HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\n\r\n", "raw-stream"},
		"attach":           {"POST /v1.41/containers/plain/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: \r\n" + askUpgrade + "Content-Length: 0\r\n\r\n", "raw-stream"},
		"attach, new":      {"POST /v1.51/containers/plain/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: \r\n" + askUpgrade + "Content-Length: 0\r\n\r\n", "multiplexed-stream"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := g.Dial()
			write(t, conn, "%s", c.request)
			want := "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker." + c.mediaType + "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
			if head := readHead(t, r); head != want {
				t.Errorf("head is %q, want the engine's own %q", head, want)
			}
			got := frames(t, r)
			if len(got) != 2 || !notToday.MatchString(strings.TrimSuffix(strings.TrimPrefix(got[0], "2:"), "\n")) || !strings.HasPrefix(got[1], "3:") {
				t.Errorf("frames are %q, want the reason on standard error and then an error of the engine's", got)
			}
			conn.Close()
		})
	}
	for _, r := range engine.Requests() {
		if r.Method != "GET" {
			t.Errorf("the engine got %s %s", r.Method, r.Target)
		}
	}
	g.Log.Wait(t, `"status":403,"verdict":"deny","sent":101,"filter":"deny-1","reason":"not today"`)
}

func TestADenialStaysAnOrdinaryAnswerWhereThatIsRead(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: {methods: [POST]}"))
	for name, request := range map[string]string{
		"no upgrade asked":       execStart("/v1.41", "", `{"Detach":false,"Tty":false}`),
		"detached":               execStart("/v1.41", askUpgrade, `{"Detach":true,"Tty":false}`),
		"a body that is no JSON": execStart("/v1.41", askUpgrade, `{"Detach"`),
		"HTTP/1.0":               strings.Replace(execStart("/v1.41", askUpgrade, `{}`), "HTTP/1.1", "HTTP/1.0", 1),
		"another operation":      "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\n" + askUpgrade + "Content-Length: 2\r\n\r\n{}",
		"no such container":      "POST /v1.41/containers/none/attach?stream=1 HTTP/1.1\r\nHost: d\r\n" + askUpgrade + "Content-Length: 0\r\n\r\n",
		"a session":              "POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		// Here the end of the stream would let `docker run -it` wait for the container's end.
		"a terminal on a unix socket": "POST /v1.41/containers/terminal/attach?stream=1 HTTP/1.1\r\nHost: d\r\n" + askUpgrade + "Content-Length: 0\r\n\r\n",
	} {
		conn, r := g.Dial()
		write(t, conn, "%s", request)
		if code, body := status(t, r); code != 403 || !strings.Contains(body, `{"message":"denied by filter \"deny-1\": not today (request `) {
			t.Errorf("%s: got %d %q, want 403 with the message", name, code, body)
		}
	}
}

func TestABodyThatDoesNotComeIsNotWaitedForLong(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny"))
	conn, r := g.Dial()
	write(t, conn, "%s", strings.TrimSuffix(execStart("/v1.41", askUpgrade, `{"Tty":false}`), `{"Tty":false}`))
	if code, _ := status(t, r); code != 403 {
		t.Errorf("got %d, want 403", code)
	}
}

func TestADeniedExecInATerminalHasNoExitCode(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: {operations: [ExecStart]}"))
	conn, r := g.Dial()
	write(t, conn, "%s", execStart("/v1.41", askUpgrade, `{"Detach":false,"Tty":true}`))
	if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 101 UPGRADED\r\n") || !strings.Contains(head, "raw-stream") {
		t.Errorf("head is %q, want a raw stream", head)
	}
	text, err := io.ReadAll(r)
	if err != nil || !notToday.MatchString(strings.TrimSuffix(string(text), "\r\n")) {
		t.Errorf("the terminal shows %q, %v; want the reason as plain text", text, err)
	}
	if resp, body := g.Do("POST", "/v1.41/exec/e1/resize?h=24&w=80", "", ""); resp.StatusCode != 409 {
		t.Errorf("the terminal's size: %d %q, want a refusal", resp.StatusCode, body)
	}
	if code, body := get(t, g, "/v1.41/exec/e1/json", ""); code != 409 || !strings.Contains(body, "this exec has no exit code: it was denied") {
		t.Errorf("the exit code is %d %q, want a refusal", code, body)
	}
	if code, body := get(t, g, "/v1.41/exec/e1/json", ""); code != 200 {
		t.Errorf("asked again: %d %q, want the engine's own answer", code, body)
	}
	if code, body := get(t, g, "/v1.41/exec/e2/json", ""); code != 404 {
		t.Errorf("another exec: %d %q, want the engine's own answer", code, body)
	}
}

// A filter that says of others' containers that they do not exist is not contradicted by the form of the answer.
func TestWhatIsSaidNotToExistLooksLikeIt(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "property"))
	answer := func(container string) string {
		conn, r := g.Dial()
		write(t, conn, "POST /v1.41/containers/%s/attach?stream=1 HTTP/1.1\r\nHost: d\r\n%sx-property: absent\r\nContent-Length: 0\r\n\r\n", container, askUpgrade)
		return readHead(t, r)
	}
	for _, container := range []string{"plain", "terminal", "none"} {
		if head := answer(container); !strings.HasPrefix(head, "HTTP/1.1 404 ") {
			t.Errorf("%s: got %q, want 404", container, head)
		}
	}
}

// Nobody's refused start is the answer to what somebody else asks.
func TestADeniedExecIsOfNoConcernToOtherTenants(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf(`tokens: {header: X-Token}
tenants: [{name: ci, match: {tokens: ['%s']}}, {name: dev, match: {tokens: ['%s']}}]
`, identity.DigestOf("2"), identity.DigestOf("1"))+filters(t, "deny match: {operations: [ExecStart], tenants: [ci]}"))
	conn, r := g.Dial()
	write(t, conn, "%s", execStart("/v1.41", askUpgrade+"X-Token: 2\r\n", `{"Detach":false,"Tty":true}`))
	if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 101 UPGRADED\r\n") {
		t.Fatalf("head is %q", head)
	}
	if code, body := get(t, g, "/v1.41/exec/e1/json", "X-Token"); code != 200 {
		t.Errorf("another tenant asks: %d %q, want the engine's own answer", code, body)
	}
	other, r := g.Dial()
	write(t, other, "GET /v1.41/exec/e1/json HTTP/1.1\r\nHost: d\r\nX-Token: 2\r\n\r\n")
	if code, body := status(t, r); code != 409 {
		t.Errorf("the same tenant asks: %d %q, want a refusal", code, body)
	}
}

func TestADeniedAttachToATerminalOverTCPEndsInAnError(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), "listeners:\n  - address: tcp://127.0.0.1:0\n"+filters(t, "deny"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.Addresses()[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	write(t, conn, "POST /v1.41/containers/terminal/attach?stream=1 HTTP/1.1\r\nHost: docker\r\n%sContent-Length: 0\r\n\r\n", askUpgrade)
	r := bufio.NewReader(conn)
	readHead(t, r)
	text, err := io.ReadAll(r)
	if !notToday.MatchString(strings.TrimSuffix(string(text), "\r\n")) || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q, %v; want the reason and then a reset", text, err)
	}
}

func TestADeniedWebSocketOpensAndSaysWhy(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny"))
	conn, r := g.Dial()
	const ask = "GET /v1.41/containers/plain/attach/ws?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	write(t, conn, "%sSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", ask) // the example of RFC 6455
	want := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	if head := readHead(t, r); head != want {
		t.Fatalf("head is %q, want %q", head, want)
	}
	head := read(t, r, 2)
	if head[0] != 0x81 || head[1] > 125 {
		t.Fatalf("the first frame begins with %q, want a short text", head)
	}
	if text := strings.TrimSpace(read(t, r, int(head[1]))); !notToday.MatchString(text) {
		t.Errorf("the text is %q, want the reason", text)
	}
	if head = read(t, r, 2); head[0] != 0x88 {
		t.Fatalf("the second frame begins with %q, want a close", head)
	}
	if reason := read(t, r, int(head[1])); !strings.HasPrefix(reason, "\x03\xf0denied by filter") {
		t.Errorf("the close says %q, want 1008 and the reason", reason)
	}
	conn, r = g.Dial()
	write(t, conn, "%sSec-WebSocket-Key: short\r\n\r\n", ask)
	if code, _ := status(t, r); code != 403 {
		t.Errorf("what is no handshake got %d, want 403", code)
	}
}

func TestABodyThatIsRefusedByTheGatewayIsAnOrdinaryAnswer(t *testing.T) {
	engine := attachable(t)
	g := hosttest.StartGateway(t, engine.Address(), "")
	conn, r := g.Dial()
	write(t, conn, "%s", execStart("/v1.41", askUpgrade, `{"Tty":true,"tty":false}`))
	if code, body := status(t, r); code != 400 || !strings.Contains(body, `{"message":"`) {
		t.Errorf("got %d %q, want 400 with a message", code, body)
	}
}

func TestAnEngineThatIsAwayIsReadableToo(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), "")
	engine.Stop()
	conn, r := g.Dial()
	write(t, conn, "%s", execStart("/v1.41", askUpgrade, `{"Detach":false,"Tty":false}`))
	readHead(t, r)
	if got := frames(t, r); len(got) != 2 || !strings.Contains(got[0], "connect to the engine") {
		t.Errorf("frames are %q, want what is wrong", got)
	}
}

// The engine has turned the connection into a stream; a request on it would go to the standard input of a process.
func TestAHijackThatIsDeniedByItsAnswerLeavesNoConnectionBehind(t *testing.T) {
	engine := attachable(t)
	engine.Handle("POST /containers/plain/attach", hosttest.Hijack(hosttest.Upgraded, ""))
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny-response match: {operations: [ContainerAttach]}"))
	conn, r := g.Dial()
	write(t, conn, "POST /containers/plain/attach?stream=1 HTTP/1.1\r\nHost: d\r\n%s\r\n", askUpgrade)
	readHead(t, r)
	if got := frames(t, r); len(got) != 2 {
		t.Errorf("frames are %q, want a denial", got)
	}
	conn.Close()
	g.Log.Wait(t, `"op":"ContainerAttach"`)
	if code, body := get(t, g, "/info", ""); code != 200 || body != "{}" {
		t.Errorf("the next request got %d %q", code, body)
	}
	for _, r := range engine.Requests() {
		if r.Method == "POST" {
			for _, other := range engine.Requests() {
				if other.Method != "POST" && other.Connection == r.Connection {
					t.Errorf("%s %s was sent on the hijacked connection", other.Method, other.Target)
				}
			}
		}
	}
}
