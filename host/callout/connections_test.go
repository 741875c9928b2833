package callout_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/callout"
)

// A call that was cancelled a moment ago is not out of its connection yet, which a pool
// that is closed then keeps for as long as others may lie idle.
func TestNoConnectionOutlivesItsUpstream(t *testing.T) {
	arrived := make(chan struct{}, 1)
	var open atomic.Int32
	address := serveOn(t, listen(t, "unix"), &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			arrived <- struct{}{}
			<-r.Context().Done()
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		},
	})
	for range 50 {
		u, err := callout.New(callout.Options{Name: "svc", Address: address})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := u.Open("s", "m", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan callout.Status)
		go func() { ended <- stream.Run(ctx, &transcript{}) }()
		<-arrived
		cancel()
		<-ended
		u.Close()
		if status := start(t, u); status.Code == callout.CodeOK {
			t.Error("a call on a closed upstream succeeded")
		}
	}
	for deadline := time.Now().Add(time.Minute); open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 50 connections outlive their upstreams", open.Load())
		}
	}
}

// start makes a gRPC call.
func start(t *testing.T, u *callout.Upstream) callout.Status {
	t.Helper()
	stream, err := u.Open("s", "m", nil, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return stream.Run(t.Context(), &transcript{})
}
