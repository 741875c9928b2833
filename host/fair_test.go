package host_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// While one tenant's filter attacks, on several connections at a time, another tenant's requests are all served, and the
// garbage is collected. How fast, `make bench-fair` measures: here is only seen that they come to an end.
func TestAQuietTenantIsServedWhileAnotherAttacks(t *testing.T) {
	for _, a := range []attack{
		{guest: "everywhere", config: "lh"},
		{guest: "everywhere", config: "lt"},
		{guest: "everywhere", config: "th"},
		{guest: "recursion", config: "d"},
		{guest: "bulk", config: "c"},
		{guest: "grow", config: "w"},
		{guest: "storm", config: "r"},
		{guest: "storm", config: "R"},
		{guest: "storm", config: "l"},
		{guest: "heap", config: "m"},
	} {
		t.Run(a.name(), func(t *testing.T) {
			f := newField(t, a)
			ctx, stop := context.WithCancel(t.Context())
			var attackers sync.WaitGroup
			for range 4 {
				attackers.Go(func() { assail(ctx, f.evil) })
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
}

// assail sends one request after the other, whatever becomes of them.
func assail(ctx context.Context, socket string) {
	for ctx.Err() == nil {
		_, _ = visit(ctx, socket)
	}
}

// visit sends a request on a connection of its own.
func visit(ctx context.Context, socket string) (status int, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := fmt.Fprint(conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n"); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
