package host_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

// While one tenant's filter attacks, on several connections at a time, another tenant's requests are all served, and the
// garbage is collected. How fast, `make bench-fair` measures: here is only seen that they come to an end.
func TestAQuietTenantIsServedWhileAnotherAttacks(t *testing.T) {
	some := map[string]bool{
		"everywhere lh": true, "everywhere lt": true, "everywhere th": true, "everywhere th isolation: stream": true, "recursion d": true, "bulk c": true,
		"grow w": true, "storm r": true, "storm R": true, "storm l": true, "flood k": true, "heap m": true, "swell l": true, "swell u": true, "forge": true,
	}
	for _, a := range menagerie.All() {
		if !some[a.Name()] {
			continue
		}
		delete(some, a.Name())
		t.Run(a.Name(), func(t *testing.T) {
			f := newField(t, a)
			ctx, stop := context.WithCancel(t.Context())
			var attackers sync.WaitGroup
			for range 4 {
				attackers.Go(func() {
					for ctx.Err() == nil {
						_, _ = send(ctx, f.evil, a.By)
					}
				})
			}
			attackers.Go(func() {
				for ctx.Err() == nil {
					runtime.GC()
					time.Sleep(2 * time.Millisecond)
				}
			})
			var quiet sync.WaitGroup
			for range 2 {
				quiet.Go(func() {
					for range 50 {
						if code, err := visit(t.Context(), f.good); code != 200 {
							t.Errorf("got %d, %v", code, err)
							return
						}
					}
				})
			}
			quiet.Wait()
			stop()
			attackers.Wait()
			f.othersGoOn(t)
		})
	}
	if len(some) > 0 {
		t.Errorf("not in the menagerie: %v", some)
	}
}

// visit sends a request on a connection of its own.
func visit(ctx context.Context, socket string) (status int, err error) {
	return send(ctx, socket, menagerie.Get)
}

// send sends a request on a connection of its own, and reads the answer; of a connection that leaves HTTP all that comes, which has no status.
func send(ctx context.Context, socket string, by menagerie.Way) (status int, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // what hangs is no answer
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := io.WriteString(conn, by.Request()); err != nil {
		return 0, err
	}
	if by == menagerie.Hijack {
		_ = conn.(*net.UnixConn).CloseWrite()
		_, err := io.Copy(io.Discard, conn)
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
