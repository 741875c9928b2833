package host_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// `docker start -a` ends its side as soon as it is attached, and then reads. An engine that takes its time over the answer
// has its client watched: that it ends its side then does not mean that it is gone.
func TestAClientMayEndItsSideOnceItIsAttached(t *testing.T) {
	const streams = 64
	engine := hosttest.StartFakeDocker(t)
	attached := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(streams)
	go func() {
		waiting.Wait()
		time.Sleep(200 * time.Millisecond) // all of them are watched
		close(attached)
	}()
	engine.Handle("POST /containers/c/attach", func(x *hosttest.Exchange) bool {
		waiting.Done()
		<-attached
		if !x.Write("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n") {
			return false
		}
		_, _ = io.Copy(io.Discard, x.Reader)
		x.Write("output")
		return false
	})
	g := hosttest.StartGateway(t, engine.Address(), "")
	var clients sync.WaitGroup
	for range streams {
		conn, r := g.Dial()
		write(t, conn, "POST /v1.41/containers/c/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		clients.Go(func() {
			response, err := http.ReadResponse(r, nil)
			if err != nil || response.StatusCode != 101 {
				t.Errorf("got %v %v, want 101", response, err)
				return
			}
			_ = conn.CloseWrite()
			if got, err := io.ReadAll(r); string(got) != "output" || err != nil {
				t.Errorf("got %q %v, want what the container says", got, err)
			}
		})
	}
	clients.Wait()
	if log := g.Log.String(); strings.Contains(log, "went away") {
		t.Errorf("a client is said to have gone:\n%s", log)
	}
}
