package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// helpers are the parts that run as processes of their own, so that their processor time can be told apart: this program, started with one
// of these words.
var helpers = map[string]func(args []string) error{
	"backend":      backend,      // LISTEN
	"pass":         pass,         // LISTEN UPSTREAM
	"reverseproxy": reverseProxy, // LISTEN UPSTREAM
	"gateway":      gateway,      // CONFIGURATION [PROFILE]
	"collected":    collected,    // as gateway
	"engine":       engine,       // LISTEN
}

const (
	smallBody = 2300
	largeBody = 16 << 20
)

// backend answers every request from prepared bytes: chunked JSON, or 16 MiB for a path that begins with /large. It reads no request
// bodies: the load has none.
func backend(args []string) error {
	small := bytes.Repeat([]byte(`{"Id":"0123456789abcdef","Names":["/some-container"],"State":"running"},`), smallBody/72+1)[:smallBody]
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nDocker-Experimental: false\r\nOstype: linux\r\n"+
		"Server: Docker/20.10.24 (linux)\r\nDate: Sat, 21 Nov 2026 06:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(small), small)
	large := make([]byte, largeBody)
	largeHead := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n", largeBody)

	return accept(args[0], func(client net.Conn) {
		in := bufio.NewReaderSize(client, 4096)
		for {
			wantsLarge := false
			for first := true; ; first = false {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return
				}
				if first {
					wantsLarge = bytes.HasPrefix(line, []byte("GET /large"))
				}
				if len(line) <= 2 {
					break
				}
			}
			var err error
			if wantsLarge {
				_, err = (&net.Buffers{largeHead, large}).WriteTo(client)
			} else {
				_, err = client.Write(answer)
			}
			if err != nil {
				return
			}
		}
	})
}

// pass copies bytes between each client and a connection of its own: what a proxy costs that looks at nothing.
func pass(args []string) error {
	return accept(args[0], func(client net.Conn) {
		upstream, err := net.Dial("unix", args[1])
		if err != nil {
			return
		}
		defer func() { _ = upstream.Close() }()
		go func() {
			_, _ = io.Copy(upstream, client)
			_ = upstream.(*net.UnixConn).CloseWrite()
		}()
		_, _ = io.Copy(client, upstream)
	})
}

func accept(socket string, serve func(net.Conn)) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = client.Close() }()
			serve(client)
		}()
	}
}

// reverseProxy is the standard library's, with connections kept and buffers pooled.
func reverseProxy(args []string) error {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{
			DialContext:         func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", args[1]) },
			MaxIdleConnsPerHost: 1024,
			DisableCompression:  true,
			IdleConnTimeout:     5 * time.Minute,
			WriteBufferSize:     32 << 10,
			ReadBufferSize:      32 << 10,
		},
		BufferPool: &bufferPool{},
		ErrorLog:   log.New(io.Discard, "", 0),
	}
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	return (&http.Server{Handler: proxy}).Serve(l)
}

type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }

// unixPath is the path in unix://path.
func unixPath(address string) string { return strings.TrimPrefix(address, "unix://") }
