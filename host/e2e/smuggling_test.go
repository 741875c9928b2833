package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// TestNothingIsSmuggledToARealEngine plays testdata/smuggling through a gateway that lets nothing be created. Nothing is, and who comes next on the
// same connections to the engine gets the answers to his own questions.
func TestNothingIsSmuggledToARealEngine(t *testing.T) {
	_, ways := startWithDoors(t, engine(t), `
  - name: read-only
    module: {filter:request-guard}
    config: {default: deny, allow: [{methods: [GET, HEAD]}]}
`)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			d := newDocker(t, clis(t)[0], engine(t))
			// As long as "smuggled", so that all lengths stay true.
			name := fmt.Sprintf("sm%06x", rand.Uint32()&0xffffff)
			t.Cleanup(func() { removeAll(t, d.cli, name) })
			c := client(way.address)
			defer c.CloseIdleConnections()
			for _, trick := range hosttest.SmugglingCases(t) {
				conn, err := connect(way.address)
				if err != nil {
					t.Fatal(err)
				}
				if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				// Where the gateway has had enough it does not read on.
				_, _ = conn.Write(bytes.ReplaceAll(trick.Raw, []byte("smuggled"), []byte(name)))
				_ = conn.CloseWrite()
				answers, _ := io.ReadAll(conn)
				_ = conn.Close()
				if !bytes.HasPrefix(answers, []byte("HTTP/1.")) {
					t.Errorf("%s: got %.200q", trick.Name, answers)
				}
				for i := range 3 {
					probe := fmt.Sprintf("%s-probe-%d", name, i)
					response, err := c.Get("http://docker/v1.41/containers/" + probe + "/json")
					if err != nil {
						t.Fatalf("after %s: %v", trick.Name, err)
					}
					var answer struct{ Message string }
					jsonBody(t, response, &answer)
					if response.StatusCode != http.StatusNotFound || !strings.Contains(answer.Message, probe) {
						t.Errorf("after %s the question for %s got %s %q", trick.Name, probe, response.Status, answer.Message)
					}
				}
				if names := d.prepare("ps", "-aq", "--filter", "name=^/"+name); names != "" {
					t.Fatalf("%s: the engine has created a container", trick.Name)
				}
			}
		})
	}
}
