package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/cmd/sluice/standin"
)

// pingTimeout bounds the question whether an engine answers.
const pingTimeout = 3 * time.Second

// ping asks the engine at an address whether it is there. The error says what
// to do about it where that is known.
func ping(ctx context.Context, address string) error {
	network, place, _ := strings.Cut(address, "://")
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, place)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied: this user may not use the engine (is it in the socket's group?)", address)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such socket", address)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: nobody is listening", address)
	case err != nil:
		return fmt.Errorf("%s: %w", address, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(pingTimeout)); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	// What does not read may still say something: the answer decides.
	_, _ = io.WriteString(conn, "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
	status, err := bufio.NewReader(io.LimitReader(conn, 4096)).ReadString('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: no answer within %s", address, pingTimeout)
	case err != nil, !strings.HasPrefix(status, "HTTP/1."):
		return fmt.Errorf("%s: what answers there is no Docker Engine", address)
	}
	return nil
}

// standInEngine is a running stand-in for the engine.
type standInEngine struct {
	address string
	stop    func()
}

// startStandIn starts the embedded engine on a socket that only this user can
// reach.
func startStandIn() (*standInEngine, error) {
	dir, err := os.MkdirTemp("", "sluice-engine-")
	if err != nil {
		return nil, fmt.Errorf("start the stand-in engine: %w", err)
	}
	path := filepath.Join(dir, "engine.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the stand-in engine: %w", err), os.RemoveAll(dir))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// It ends when stop is called. Should it end before, the gateway says of
		// each request that the engine does not answer.
		_ = standin.New().Serve(ctx, l)
	}()
	return &standInEngine{address: "unix://" + path, stop: func() {
		cancel()
		<-ended
		_ = os.RemoveAll(dir) // a leftover in the temporary directory, at worst
	}}, nil
}
