package hosttest_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

func dial(t *testing.T, d *hosttest.FakeDocker) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", d.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UnixConn)
}

func send(t *testing.T, c net.Conn, raw string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T, d *hosttest.FakeDocker) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", d.Socket())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestFakeDockerRecordsRequestsAsTheyCame(t *testing.T) {
	d := hosttest.StartFakeDocker(t)
	d.Handle("POST /containers/create", hosttest.JSON(201, `{"Id":"c1"}`))
	c := dial(t, d)
	const head = "POST /v1.41/containers/create?name=web HTTP/1.1\r\nHost: \r\nx-CASE: kept\r\nTransfer-Encoding: chunked\r\n\r\n"
	send(t, c, head+"2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"+"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\nGET /nope HTTP/1.1\r\nHost: docker\r\n\r\n")
	r := bufio.NewReader(c)
	for i, want := range []int{201, 200, 404} {
		req := &http.Request{Method: []string{"POST", "HEAD", "GET"}[i]}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != want {
			t.Errorf("answer %d: status %d (%v), want %d", i, resp.StatusCode, err, want)
		}
	}
	got := d.Wait(3)
	if got[0].Head != head || got[0].Method != "POST" || got[0].Target != "/v1.41/containers/create?name=web" || got[0].Connection != 1 {
		t.Errorf("recorded %+v", got[0])
	}
	if accepted, open := d.Connections(); accepted != 1 || open != 1 {
		t.Errorf("%d accepted, %d open, want 1, 1", accepted, open)
	}
}

func TestFakeDockerHijacksWithEarlyBytesAndHalfClose(t *testing.T) {
	for _, head := range []string{hosttest.Upgraded, hosttest.Hijacked200} {
		d := hosttest.StartFakeDocker(t)
		d.Handle("POST /exec/*/start", hosttest.Hijack(head, "early "))
		c := dial(t, d)
		send(t, c, "POST /exec/e1/start HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}hello")
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if want := head + "early hello\ndone: 5 bytes\n"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFakeDockerWaitsBetweenPieces(t *testing.T) {
	d := hosttest.StartFakeDocker(t)
	step := make(chan struct{}, 1)
	d.Handle("POST /containers/*/wait", hosttest.Pieces(step,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n{\"a\":\r\n", "2\r\n1}\r\n0\r\n\r\n"))
	step <- struct{}{}
	resp, err := client(t, d).Post("http://docker/containers/c1/wait", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	close(step)
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != `{"a":1}` {
		t.Errorf("body %q, %v", body, err)
	}
}

func TestFakeDockerEchoesAnUploadWhileItRuns(t *testing.T) {
	d := hosttest.StartFakeDocker(t)
	d.Handle("POST /images/load", hosttest.Echo())
	pr, pw := io.Pipe()
	go func() {
		_, _ = io.Copy(pw, strings.NewReader(strings.Repeat("tar", 100_000)))
		_ = pw.Close()
	}()
	resp, err := client(t, d).Post("http://docker/images/load", "application/x-tar", pr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 300_000 {
		t.Errorf("%d bytes came back (%v), want 300000", n, err)
	}
}

func TestFakeDockerLosesConnectionsOnRequest(t *testing.T) {
	d := hosttest.StartFakeDocker(t)
	d.Handle("GET /info", hosttest.Drop())
	d.Handle("GET /version", hosttest.ThenClose(hosttest.JSON(200, "{}")))
	gone := make(chan struct{})
	d.Handle("GET /events", hosttest.Silent(gone))

	c := dial(t, d)
	send(t, c, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
		t.Errorf("a dropped request got %q, %v", got, err)
	}
	c = dial(t, d)
	send(t, c, "GET /version HTTP/1.1\r\nHost: d\r\n\r\n")
	if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "{}") {
		t.Errorf("got %q, %v", got, err)
	}
	c = dial(t, d)
	send(t, c, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	d.Wait(3)
	_ = c.Close()
	select {
	case <-gone:
	case <-t.Context().Done():
		t.Error("the engine did not notice that its client went away")
	}

	c = dial(t, d)
	send(t, c, "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
	r := bufio.NewReader(c)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	d.CloseIdle()
	if _, open := d.Connections(); open != 0 {
		t.Errorf("%d connections are open, want none", open)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "OK" {
		t.Errorf("got %q, %v, want the answer's body and the connection's end", rest, err)
	}
}
