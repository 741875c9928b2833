package host_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// BenchmarkAConnectionForARequest opens a connection for each request, as the docker
// command does.
func BenchmarkAConnectionForARequest(b *testing.B) {
	engine := hosttest.StartFakeDocker(b)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(b, engine.Address(), "log: {level: error}\n")
	b.ReportAllocs()
	for b.Loop() {
		conn, err := net.Dial("unix", g.Socket)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		conn.Close()
	}
}
