package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sluice-gateway/sluice/host/wire"
)

// The messages of docker ps.
const (
	listRequest = "GET /v1.41/containers/json?all=1&limit=20 HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/20.10.24+dfsg1 (linux)\r\n" +
		"Accept-Encoding: gzip\r\nX-Registry-Config: e30=\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"
	listResponse = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nDocker-Experimental: false\r\nOstype: linux\r\n" +
		"Server: Docker/20.10.24+dfsg1 (linux)\r\nDate: Sat, 21 Nov 2026 06:46:19 GMT\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// loop is a connection that delivers the same bytes again and again, and drops what is written.
type loop struct {
	script
	input []byte
}

func (l *loop) Read(p []byte) (int, error)  { return copy(p, l.input), nil }
func (l *loop) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkReadRequest(b *testing.B) {
	c := wire.NewConn(&loop{input: []byte(listRequest)}, wire.Options{})
	var r wire.Request
	b.ReportAllocs()
	b.SetBytes(int64(len(listRequest)))
	for b.Loop() {
		if err := c.ReadRequest(&r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWriteRequest writes a head; the reading of the answer that has to come between two requests is a 204.
func BenchmarkWriteRequest(b *testing.B) {
	var r wire.Request
	if err := of(listRequest).ReadRequest(&r); err != nil {
		b.Fatal(err)
	}
	c := wire.NewConn(&loop{input: []byte("HTTP/1.1 204 No Content\r\n\r\n")}, wire.Options{})
	var resp wire.Response
	b.ReportAllocs()
	for b.Loop() {
		if err := errors.Join(c.WriteRequest(&r), c.Flush(), c.ReadResponse(&resp, "GET")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExchange is what the gateway does with a small chunked answer, apart from the network: read and write a request, read
// and write its response, relay the body.
func BenchmarkExchange(b *testing.B) {
	body := bytes.Repeat([]byte(`{"Id":"x"},`), 200)
	answer := listResponse + "898\r\n" + string(body) + "\r\n0\r\n\r\n"
	client := wire.NewConn(&loop{input: []byte(listRequest)}, wire.Options{})
	engine := wire.NewConn(&loop{input: []byte(answer)}, wire.Options{})
	var r wire.Request
	var resp wire.Response
	b.ReportAllocs()
	for b.Loop() {
		if err := client.ReadRequest(&r); err != nil {
			b.Fatal(err)
		}
		if err := engine.WriteRequest(&r); err != nil {
			b.Fatal(err)
		}
		if err := engine.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := engine.ReadResponse(&resp, r.Method); err != nil {
			b.Fatal(err)
		}
		if err := client.WriteResponse(&resp); err != nil {
			b.Fatal(err)
		}
		if n, err := wire.CopyBody(client, engine, true); err != nil || n != int64(len(body)) {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkLargeBody relays 16 MiB from one unix socket to another, sent in pieces of 32 KiB as io.Copy in dockerd does. The
// sender and the receiver share the machine, so this is well below what the relay alone can do.
func BenchmarkLargeBody(b *testing.B) {
	const size, piece = 16 << 20, 32 << 10
	for _, test := range []struct {
		name string
		kind wire.Kind
	}{{"Length", wire.Length}, {"Chunked", wire.Chunked}} {
		b.Run(test.name, func(b *testing.B) {
			back, engine := pair(b, "unix")
			gateway, client := pair(b, "unix")
			framing := wire.Framing{Kind: test.kind, Length: size}
			go serveLarge(engine, framing, size, piece)
			go io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{client}, make([]byte, 256<<10))
			src := wire.NewConn(back, wire.Options{})
			raw := wire.NewConn(gateway, wire.Options{})
			var resp wire.Response
			b.ReportAllocs()
			b.SetBytes(size)
			for b.Loop() {
				if err := errors.Join(src.WriteRequest(&wire.Request{Method: "GET", Target: "/"}), src.Flush(), src.ReadResponse(&resp, "GET")); err != nil {
					b.Fatal(err)
				}
				raw.Hijack()
				if n, err := wire.CopyBody(raw, src, false); err != nil || n != size {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func serveLarge(nc net.Conn, framing wire.Framing, size, piece int) {
	c := wire.NewConn(nc, wire.Options{})
	part := make([]byte, piece)
	for {
		var r wire.Request
		if c.ReadRequest(&r) != nil || c.WriteResponse(&wire.Response{Status: 200, Body: framing}) != nil {
			return
		}
		for range size / piece {
			if _, err := c.WriteBody(part); err != nil {
				return
			}
		}
		if errors.Join(c.FinishBody(nil), c.Flush()) != nil {
			return
		}
	}
}
