package standin

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// writeLimit bounds how long a client that does not read may hold up a start.
const writeLimit = 5 * time.Second

// lingerLimit bounds how long a client may keep its side open when the stream has ended.
const lingerLimit = time.Second

// frame puts a line into the engine's stream format: raw for a terminal, otherwise behind a header of eight bytes.
func frame(text string, tty bool) []byte {
	if tty {
		return []byte(text + "\r\n")
	}
	b := make([]byte, 8, 8+len(text)+1)
	b[0] = 1 // stdout
	binary.BigEndian.PutUint32(b[4:], uint32(len(text)+1))
	return append(append(b, text...), '\n')
}

func streamType(call *dockerapi.Call, tty bool) string {
	// The multiplexed type came with API 1.42, and an unversioned call means the engine's own version.
	if _, minor, ok := strings.Cut(call.APIVersion, "."); ok && !tty {
		if n, err := strconv.Atoi(minor); err == nil && n < 42 {
			return "application/vnd.docker.raw-stream"
		}
	}
	if tty {
		return "application/vnd.docker.raw-stream"
	}
	return "application/vnd.docker.multiplexed-stream"
}

// attachContainer takes the connection over. The container's line comes when it is started, and ends the stream.
func (e *Engine) attachContainer(w http.ResponseWriter, r *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	c, err := e.find(call.ResourceID)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	// Counted while the server still knows the connection, so that Serve cannot miss it.
	e.hijackers.Add(1)
	defer e.hijackers.Done()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take over the connection: %w", err)
	}
	defer conn.Close()
	// The request's own context ends as soon as net/http sees the client's end of input, which is not the end here.
	ctx := serving(r)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	a := &attachment{conn: conn, stdout: isTrue(r, "stdout"), ended: make(chan struct{})}
	if !e.attach(c, a, r, call) {
		return nil
	}
	// Nobody needs what the client types, and its end of input does not end the stream: the output is still to come.
	_, err = io.Copy(io.Discard, conn)
	if err == nil {
		select {
		case <-a.ended:
		case <-ctx.Done():
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c.attached = slices.DeleteFunc(c.attached, func(other *attachment) bool { return other == a })
	return nil
}

// attach writes the head, shows the past when it is asked for, and adds the client to those who see what the container
// prints; all under the lock, so that the head comes before a start that the client does not wait for. It reports whether
// there is anything more to see.
func (e *Engine) attach(c *container, a *attachment, r *http.Request, call *dockerapi.Call) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = a.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
	if r.Header.Get("Upgrade") != "" {
		head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: " + streamType(call, c.tty) + "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	}
	if _, err := io.WriteString(a.conn, head); err != nil {
		return false
	}
	if isTrue(r, "logs") && a.stdout {
		for _, line := range c.log {
			_, _ = a.conn.Write(frame(line.text, c.tty))
		}
	}
	if !isTrue(r, "stream") || !slices.Contains(e.containers, c) {
		return false
	}
	c.attached = append(c.attached, a)
	e.events.add("container", "attach", c.id, c.attributes(nil))
	return true
}

func (e *Engine) logOf(c *container) []logLine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(c.log)
}

// finish shows a line and ends the stream.
func (a *attachment) finish(line logLine, tty bool) {
	_ = a.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	if a.stdout {
		_, _ = a.conn.Write(frame(line.text, tty))
	}
	a.end()
}

// end ends the stream. What the client may still type is read for a moment: to close a connection with something unread in
// it would reset it, and the client may lose what it was shown.
func (a *attachment) end() {
	if side, ok := a.conn.(interface{ CloseWrite() error }); !ok || side.CloseWrite() != nil {
		_ = a.conn.Close()
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(lingerLimit))
	close(a.ended)
}

func (e *Engine) containerLogs(w http.ResponseWriter, r *http.Request, call *dockerapi.Call) error {
	if !isTrue(r, "stdout") && !isTrue(r, "stderr") {
		return failure(http.StatusBadRequest, "Bad parameters: you must choose at least one stream")
	}
	e.mu.Lock()
	c, err := e.find(call.ResourceID)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	lines := slices.Clone(c.log)
	exit, removed, started := c.nextExit, c.removed, c.starts > 0
	e.mu.Unlock()
	if tail, err := strconv.Atoi(r.URL.Query().Get("tail")); err == nil && tail >= 0 && tail < len(lines) {
		lines = lines[len(lines)-tail:]
	}
	w.Header().Set("Content-Type", streamType(call, c.tty))
	w.WriteHeader(http.StatusOK)
	show := func(lines []logLine) {
		for _, line := range lines {
			text := line.text
			if isTrue(r, "timestamps") {
				text = stamp(line.at) + " " + text
			}
			if isTrue(r, "stdout") {
				_, _ = w.Write(frame(text, c.tty))
			}
		}
		flush(w)
	}
	show(lines)
	if !isTrue(r, "follow") || started {
		return nil
	}
	select {
	case <-exit:
		show(e.logOf(c))
	case <-removed:
	case <-r.Context().Done():
	}
	return nil
}

// waitContainer sends its head at once and its body when the container has ended: docker run starts a container only
// after it has seen the head.
func (e *Engine) waitContainer(w http.ResponseWriter, r *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	c, err := e.find(call.ResourceID)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	exit, removed := c.nextExit, c.removed
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush(w)
	switch r.URL.Query().Get("condition") {
	case "next-exit":
	case "removed":
		exit = nil
	default: // not-running, which is true of every container here
		exit, removed = nil, nil
	}
	if exit != nil || removed != nil {
		select {
		case <-exit:
		case <-removed:
		case <-r.Context().Done():
			return nil
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"StatusCode": 0})
	return nil
}
