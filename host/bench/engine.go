package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"google.golang.org/grpc"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// engine is what the gateways of fair have behind them: it answers from prepared bytes, reads bodies, and hijacks. Beside it are the services
// that filters call, at its socket's name with .http and .grpc behind it.
func engine(args []string) error {
	failed := make(chan error, 3)
	go func() { failed <- listenAnd(args[0]+".http", http.NewServeMux()) }()
	go func() { failed <- serveGRPC(args[0] + ".grpc") }()
	go func() { failed <- accept(args[0], serveEngine) }()
	return <-failed
}

func serveEngine(client net.Conn) {
	list := bytes.Repeat([]byte(`{"Id":"0123456789abcdef","Names":["/some-container"],"State":"running"},`), smallBody/72+1)[:smallBody]
	const head = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nDocker-Experimental: false\r\nOstype: linux\r\n" +
		"Server: Docker/20.10.24 (linux)\r\nDate: Sat, 21 Nov 2026 06:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n"
	small := fmt.Appendf(nil, "%s%x\r\n%s\r\n0\r\n\r\n", head, len(list), list)
	loaded := fmt.Appendf(nil, "%s2\r\n{}\r\n0\r\nX-Tag: t\r\n\r\n", head)
	container := fmt.Sprintf(`{"Id":"%s","Name":"/c","Config":{"Tty":true}}`, strings.Repeat("0123456789abcdef", 4))
	one := fmt.Appendf(nil, "%s%x\r\n%s\r\n0\r\n\r\n", head, len(container), container)

	in := bufio.NewReaderSize(client, 4096)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		answer := small
		switch path := request.URL.Path; {
		case request.Header.Get("Upgrade") != "":
			if _, err := io.WriteString(client, hosttest.Upgraded+"early"); err == nil {
				_, _ = io.Copy(client, in)
			}
			return
		case request.Method == http.MethodPost:
			answer = loaded
		case strings.Contains(path, "/containers/") && !strings.HasSuffix(path, "/containers/json"):
			answer = one
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// serveGRPC serves every method by sending back what it is sent.
func serveGRPC(socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	return hosttest.GRPC(func(_ any, stream grpc.ServerStream) error {
		for {
			var message []byte
			if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		}
	}).Serve(l)
}

func listenAnd(socket string, handler http.Handler) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	return http.Serve(l, handler)
}
