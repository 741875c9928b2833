package host_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// The command line of Docker 20.10 begins a build's session and the build at once, and waits for
// the session for ever when the build is refused before that is connected.
func TestASessionEndsWithTheRefusalOfItsBuild(t *testing.T) {
	for _, mode := range []string{"mediated", "opaque", "deny"} {
		t.Run(mode, func(t *testing.T) {
			ended := make(chan string, 4)
			engine := hosttest.StartFakeDocker(t)
			engine.Handle("POST /build", hosttest.JSON(403, `{"message":"no"}`))
			engine.Handle("POST /session", func(x *hosttest.Exchange) bool {
				if !x.Write("%s", upgraded) {
					return false
				}
				_, _ = io.Copy(io.Discard, x.Reader)
				ended <- x.Header.Get("X-Docker-Expose-Session-Uuid")
				return false
			})
			g := hosttest.StartGateway(t, engine.Address(), "buildkit: {mode: "+mode+"}\n")
			const session = "POST /session HTTP/1.1\r\nX-Docker-Expose-Session-Uuid: "
			conn, r, response := upgrade(t, g, session+"mine\r\n", "")
			other, beside, second := upgrade(t, g, session+"other\r\n", "")
			if response.StatusCode != 101 || second.StatusCode != 101 {
				t.Fatalf("POST /session was answered with %d and %d", response.StatusCode, second.StatusCode)
			}
			defer other.Close()
			if resp, body := g.Do("POST", "/v1.41/build?version=2&session=mine", "", ""); resp.StatusCode != 403 {
				t.Fatalf("POST /build was answered with %d %s", resp.StatusCode, body)
			}
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the session goes on")
			}
			if mode != "deny" { // there the engine is not asked
				if got := <-ended; got != "mine" {
					t.Errorf("the session %q ended", got)
				}
			}
			if resp, body := g.Do("POST", "/session", "", ""); resp.StatusCode == 409 {
				t.Errorf("a session without an id was answered with %d %s", resp.StatusCode, body)
			}

			// One that comes later than the refusal ends, too. Its client is not told of it: it would show that
			// instead of the reason for the build's failure.
			asked := len(engine.Requests())
			late, r, response := upgrade(t, g, session+"mine\r\n", "")
			_ = late.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, r); response.StatusCode != 101 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a late session was answered with %d, and ended with %v", response.StatusCode, err)
			}
			if got := len(engine.Requests()); got != asked {
				t.Errorf("the engine was asked for a late session: %d requests", got-asked)
			}
			g.Log.Wait(t, "the build of this session was refused")

			// Another build's goes on.
			_ = other.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := io.Copy(io.Discard, beside); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the session of another build ended: %v", err)
			}
		})
	}
}
