package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/filters"
)

const (
	crowdLists = 200
	crowdLogs  = 50
	crowdExecs = 20
)

// Many clients at once, each kind of transport among them, all served at the same time by every bundled filter: none fails, and when they are gone
// the process holds what it held before.
func TestACrowdLeavesNothingBehind(t *testing.T) {
	upstream := engine(t)
	dir := filepath.Join(scratch, "crowd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	text := fmt.Sprintf("upstream: %s\nlisteners:\n  - address: unix://%s\n%sfilters:\n", upstream, socket, certificates(t).listener())
	for _, f := range filters.Catalog() {
		if f.Optional {
			continue
		}
		text += fmt.Sprintf("  - {name: %s, module: %s, config: %s}\n", f.Name, filepath.Join(root(t), "filters", f.Name+".wasm"), f.Config)
	}
	// The machine of the test may be busy with other things.
	text += "limits: {callback: 30s}\nreload: {watch: false}\n"
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startInside(t, file)
	d := newDocker(t, clis(t)[0], upstream)
	d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sh", "-c", "echo up; exec sleep 600")
	addresses := g.gateway.Addresses()
	for _, way := range []door{{"unix", addresses[0]}, {"tls", addresses[1]}} {
		t.Run(way.name, func(t *testing.T) {
			g := &inside{t, g.gateway}
			// The first fills pools and caches.
			g.crowd(way.address, d.name)
			before := g.held()
			g.crowd(way.address, d.name)
			g.wantHeld(before)
		})
	}
}

// crowd lets them all in at once and returns when the last has gone.
func (s *inside) crowd(address, container string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	var present, gone sync.WaitGroup
	enough := make(chan struct{})
	each := func(n int, kind string, once func(present func(), enough <-chan struct{}) error) {
		for range n {
			present.Add(1)
			gone.Go(func() {
				here := sync.OnceFunc(present.Done)
				defer here()
				if err := once(here, enough); err != nil {
					s.Errorf("%s: %v", kind, err)
				}
			})
		}
	}
	// Whoever streams stays until all lists have been answered.
	each(crowdLogs, "logs -f", func(here func(), enough <-chan struct{}) error {
		return followOnce(ctx, address, container, here, enough)
	})
	each(crowdExecs, "exec", func(here func(), enough <-chan struct{}) error { return catOnce(address, container, here, enough) })
	present.Wait()
	if stats := s.gateway.Stats(); stats.Streams < crowdLogs+crowdExecs || stats.Contexts == 0 {
		s.Errorf("with %d streams open the gateway counts %+v", crowdLogs+crowdExecs, stats)
	}
	var lists sync.WaitGroup
	for range crowdLists {
		lists.Go(func() {
			if err := listOnce(ctx, address, container); err != nil {
				s.Errorf("list: %v", err)
			}
		})
	}
	lists.Wait()
	close(enough)
	gone.Wait()
}

// listOnce is a client of its own: one connection, one list.
func listOnce(ctx context.Context, address, container string) error {
	c := client(address)
	defer c.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/v1.41/containers/json", nil)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var list []struct{ Names []string }
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	if !slices.ContainsFunc(list, func(c struct{ Names []string }) bool { return slices.Contains(c.Names, "/"+container) }) {
		return fmt.Errorf("%s is not in the list", container)
	}
	return nil
}

// followOnce follows a log, says that it is there once the first line has come, and hangs up when it is enough.
func followOnce(ctx context.Context, address, container string, here func(), enough <-chan struct{}) error {
	c := client(address)
	defer c.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/v1.41/containers/"+container+"/logs?follow=1&stdout=1", nil)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	line := make([]byte, len(frame(1, "up\n")))
	if _, err := io.ReadFull(response.Body, line); err != nil || string(line) != frame(1, "up\n") {
		return fmt.Errorf("%s: %q, %w", response.Status, line, err)
	}
	here()
	<-enough
	return nil
}

// catOnce sends a line through an exec of cat, says that it is there once it is back, and when it is enough ends it by the end of its standard input.
func catOnce(address, container string, here func(), enough <-chan struct{}) error {
	c := client(address)
	defer c.CloseIdleConnections()
	created, err := c.Post("http://docker/v1.41/containers/"+container+"/exec", "application/json", strings.NewReader(`{"Cmd":["cat"],"AttachStdin":true,"AttachStdout":true}`))
	if err != nil {
		return err
	}
	var id struct{ Id string } // the engine's spelling
	err = json.NewDecoder(created.Body).Decode(&id)
	_ = created.Body.Close()
	if err != nil || id.Id == "" {
		return fmt.Errorf("no exec was created: %s, %w", created.Status, err)
	}
	conn, err := connect(address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /v1.41/exec/%s/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		id.Id, len(startBody), startBody); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("exec start: %v, %w", response, err)
	}
	if _, err := io.WriteString(conn, "line\n"); err != nil {
		return err
	}
	got := make([]byte, len(frame(1, "line\n")))
	if _, err := io.ReadFull(in, got); err != nil || string(got) != frame(1, "line\n") {
		return fmt.Errorf("got %q, %w", got, err)
	}
	here()
	<-enough
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		return fmt.Errorf("got %q, %w; want the end", rest, err)
	}
	return nil
}
