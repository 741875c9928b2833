package host_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// BenchmarkRequest is one GET through the gateway on a connection that is kept,
// unix socket to unix socket, with client and engine in the same process. What
// it costs above filters=0 is the filters' price; `make bench` compares the
// whole with other proxies.
func BenchmarkRequest(b *testing.B) {
	engine := benchEngine(b)
	for _, guest := range []string{"noop", "header-adder"} {
		for _, n := range []int{0, 1, 4, 10} {
			b.Run(fmt.Sprintf("%s/filters=%d", guest, n), func(b *testing.B) {
				chain := ""
				if n > 0 {
					chain = filters(b, strings.Split(strings.Repeat(guest+",", n-1)+guest, ",")...)
				}
				g := hosttest.StartGateway(b, engine, "log: {level: error}\n"+chain)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					conn, err := net.Dial("unix", g.Socket)
					if err != nil {
						b.Error(err)
						return
					}
					defer conn.Close()
					const request = "GET /v1.41/containers/json HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/28.2.2 (linux)\r\n\r\n"
					buf := make([]byte, 8<<10)
					for pb.Next() {
						if _, err := io.WriteString(conn, request); err != nil {
							b.Error(err)
							return
						}
						for got := 0; got < benchResponse; {
							n, err := conn.Read(buf)
							if err != nil {
								b.Error(err)
								return
							}
							got += n
							if n > 5 && string(buf[n-5:n]) == "0\r\n\r\n" {
								break
							}
						}
					}
				})
			})
		}
	}
}

const benchResponse = 2 << 10

// benchEngine answers everything with 2.3 KB of chunked JSON.
func benchEngine(b *testing.B) string {
	socket := filepath.Join(b.TempDir(), "e")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	body := strings.Repeat("x", 2300)
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nServer: Docker/20.10\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) == 2 {
							break
						}
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "unix://" + socket
}
