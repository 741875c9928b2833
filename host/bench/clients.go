package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// This file is what a tenant's clients do, where no filter of his is the assailant.

const (
	// held is how many connections each of the clients wants that hold them, where there are eight: more together than there may be, see
	// config.Limits.Connections. allowed is how many of them a tenant may have.
	held, allowed = 640, 250
	// trickled is how many connections each of the clients has that send a byte at a time, and byteTime how long each waits after one.
	trickled, byteTime = 32, 10 * time.Millisecond
	// seldom is how long the clients wait between two requests who have as many connections, and mean no harm.
	seldom = time.Second
	// workBody is how large the bodies are of those that give an operator's filter work.
	workBody = 1 << 20
)

// create is a request that the operator's filter no-privileged looks into.
func create(labels int) string {
	body := fmt.Sprintf(`{"Image":"busybox","Labels":{"l":"%s"},"HostConfig":{"Binds":[]}}`, strings.Repeat(`x`, labels))
	return fmt.Sprintf("POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// createMany is one with as many small values as fit: each of them is work.
func createMany(size int) string {
	var env strings.Builder
	for n := 0; env.Len() < size; n++ {
		fmt.Fprintf(&env, `,"K%d=%d"`, n, n)
	}
	body := fmt.Sprintf(`{"Image":"busybox","Env":[%s],"HostConfig":{"Binds":[]}}`, env.String()[1:])
	return fmt.Sprintf("POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// clientAssaults are what clients do.
func clientAssaults() []assault {
	flood := createMany(workBody)
	return []assault{
		{name: "clients: idle connections, all there are", clients: holdIdle, behaved: asking(allowed)},
		{
			name:    "clients: heads, a byte at a time",
			clients: func(ctx context.Context, socket string) { trickle(ctx, toGateway(socket)) },
			// 25,600 writes a second are work for this process, which the quiet tenant's clients share: as many are sent to nobody.
			behaved: func(ctx context.Context, socket string) {
				var all sync.WaitGroup
				all.Go(func() { trickle(ctx, toNobody(ctx)) })
				all.Go(func() { asking(trickled)(ctx, socket) })
				all.Wait()
			},
		},
		{
			name: "clients: large bodies for an operator's filter", request: create(100),
			operators: fmt.Sprintf("  - {name: guard, module: %s, config: {}}\n", absolute("filters/no-privileged.wasm")),
			clients:   func(ctx context.Context, socket string) { resend(ctx, socket, flood, 0) },
		},
	}
}

// asking are clients with so many connections, who ask on each now and then.
func asking(connections int) func(ctx context.Context, socket string) {
	return func(ctx context.Context, socket string) {
		var all sync.WaitGroup
		for n := range connections {
			all.Go(func() {
				rest(ctx, seldom*time.Duration(n)/time.Duration(connections)) // not all at once
				resend(ctx, socket, list, seldom)
			})
		}
		all.Wait()
	}
}

// holdIdle opens connections, and opens another one for each that it loses.
func holdIdle(ctx context.Context, socket string) {
	var all sync.WaitGroup
	for range held {
		all.Go(func() {
			for ctx.Err() == nil {
				onConnection(ctx, toGateway(socket), func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })
				rest(ctx, 50*time.Millisecond) // this process is the quiet tenant's, too
			}
		})
	}
	all.Wait()
}

// rest sleeps, or returns at the end.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// trickle sends requests a byte at a time.
func trickle(ctx context.Context, to dialer) {
	request := []byte("GET /v1.41/containers/json HTTP/1.1\r\nHost: docker\r\nX-Long: " + strings.Repeat("x", 1000) + "\r\n\r\n")
	var all sync.WaitGroup
	for range trickled {
		all.Go(func() {
			for ctx.Err() == nil {
				onConnection(ctx, to, func(conn net.Conn) {
					for n := range request {
						if _, err := conn.Write(request[n : n+1]); err != nil {
							break
						}
						rest(ctx, byteTime)
					}
				})
			}
		})
	}
	all.Wait()
}

// resend sends one request after the other, on one connection as long as there is one, with a pause between them.
func resend(ctx context.Context, socket, request string, pause time.Duration) {
	for ctx.Err() == nil {
		onConnection(ctx, toGateway(socket), func(conn net.Conn) {
			in := bufio.NewReaderSize(conn, 64<<10)
			for ctx.Err() == nil {
				if _, err := io.WriteString(conn, request); err != nil {
					return
				}
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					return
				}
				if _, err = io.Copy(io.Discard, resp.Body); err != nil || resp.Close {
					return
				}
				if pause > 0 {
					rest(ctx, pause)
				}
			}
		})
	}
}

// A dialer opens connections.
type dialer func(context.Context) (net.Conn, error)

func toGateway(socket string) dialer {
	return func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", socket) }
}

// onConnection does something on a connection, which ends with ctx.
func onConnection(ctx context.Context, to dialer, do func(net.Conn)) {
	conn, err := to(ctx)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	do(conn)
}
