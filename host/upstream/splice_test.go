package upstream_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
)

// joined is a splice between a client's and an engine's end.
type joined struct {
	client, engine net.Conn
	result         chan result
}

type result struct {
	upstream.Spliced
	err error
}

func join(t *testing.T, clientNetwork, engineNetwork string) *joined {
	t.Helper()
	c, client := pair(t, clientNetwork)
	e, engine := pair(t, engineNetwork)
	j := &joined{client: client, engine: engine, result: make(chan result, 1)}
	go func() {
		s, err := upstream.Splice(wire.NewConn(c, wire.Options{}), wire.NewConn(e, wire.Options{}), nil)
		j.result <- result{s, err}
	}()
	return j
}

func (j *joined) wait(t *testing.T) result {
	t.Helper()
	select {
	case r := <-j.result:
		return r
	case <-time.After(20 * time.Second): // less than patience
		t.Fatal("the splice does not end")
	}
	return result{}
}

func closeWrite(t *testing.T, nc net.Conn) {
	t.Helper()
	if err := nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, nc net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func expectEnd(t *testing.T, nc net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(nc); err != nil || len(b) > 0 {
		t.Fatalf("got %q, %v; want the end", b, err)
	}
}

var networks = [][2]string{{"unix", "unix"}, {"tcp", "unix"}, {"unix", "tcp"}, {"tcp", "tcp"}}

func each(t *testing.T, story func(t *testing.T, client, engine string)) {
	for _, n := range networks {
		t.Run(n[0]+" to "+n[1], func(t *testing.T) { story(t, n[0], n[1]) })
	}
}

// docker run without -i: the client half-closes straight after the 101, and the output comes later.
func TestClientEndsFirst(t *testing.T) {
	each(t, func(t *testing.T, client, engine string) {
		j := join(t, client, engine)
		io.WriteString(j.client, "in")
		closeWrite(t, j.client)
		expect(t, j.engine, "in")
		expectEnd(t, j.engine)
		time.Sleep(10 * time.Millisecond)
		io.WriteString(j.engine, "output")
		expect(t, j.client, "output")
		closeWrite(t, j.engine)
		expectEnd(t, j.client)
		if r := j.wait(t); r.err != nil || r.Up != 2 || r.Down != 6 {
			t.Errorf("got %+v; want 2 up and 6 down", r)
		}
	})
}

// A process that closes its stdout and reads stdin on.
func TestEngineEndsFirst(t *testing.T) {
	each(t, func(t *testing.T, client, engine string) {
		j := join(t, client, engine)
		io.WriteString(j.engine, "bye")
		closeWrite(t, j.engine)
		expect(t, j.client, "bye")
		expectEnd(t, j.client)
		io.WriteString(j.client, "still typing")
		expect(t, j.engine, "still typing")
		closeWrite(t, j.client)
		expectEnd(t, j.engine)
		if r := j.wait(t); r.err != nil || r.Up != 12 || r.Down != 3 {
			t.Errorf("got %+v; want 12 up and 3 down", r)
		}
	})
}

// Stdin in the segment of the request.
func TestHeadAndEarlyStdinGoFirst(t *testing.T) {
	c, client := pair(t, "unix")
	e, engine := pair(t, "unix")
	io.WriteString(client, "POST /attach HTTP/1.1\r\nHost: \r\nUpgrade: tcp\r\n\r\nearly stdin ")
	io.WriteString(engine, "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n")
	down, up := wire.NewConn(c, wire.Options{}), wire.NewConn(e, wire.Options{})
	var r wire.Request
	var resp wire.Response
	if err := errors.Join(down.ReadRequest(&r), up.WriteRequest(&r), up.Flush(), up.ReadResponse(&resp, "POST"), down.WriteResponse(&resp)); err != nil {
		t.Fatal(err)
	}
	done := make(chan result, 1)
	go func() {
		s, err := upstream.Splice(down, up, nil)
		done <- result{s, err}
	}()
	// A client that waits for the 101 before it says more gets it, though the engine is silent.
	head := "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	expect(t, client, head)
	io.WriteString(client, "and later")
	closeWrite(t, client)
	io.WriteString(engine, "PRI * ")
	io.WriteString(engine, "HTTP/2.0")
	closeWrite(t, engine)
	got, err := io.ReadAll(client)
	if want := "PRI * HTTP/2.0"; string(got) != want || err != nil {
		t.Errorf("client got %q, %v; want %q", got, err, want)
	}
	got, err = io.ReadAll(engine)
	if want := "POST /attach HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly stdin and later"; string(got) != want || err != nil {
		t.Errorf("engine got %q, %v; want %q", got, err, want)
	}
	if r := <-done; r.err != nil || r.Up != 21 || r.Down != 14 {
		t.Errorf("got %+v; want 21 up and 14 down", r)
	}
}

// The daemon's HTTP/2 preface in the segment of the 101, as for BuildKit's sessions.
func TestEarlyOutputGoesFirst(t *testing.T) {
	c, client := pair(t, "unix")
	e, engine := pair(t, "unix")
	io.WriteString(engine, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0")
	up := wire.NewConn(e, wire.Options{})
	var resp wire.Response
	if err := errors.Join(up.WriteRequest(&wire.Request{Method: "POST", Target: "/session", Upgrade: "h2c"}), up.ReadResponse(&resp, "POST")); err != nil {
		t.Fatal(err)
	}
	done := make(chan result, 1)
	go func() {
		s, err := upstream.Splice(wire.NewConn(c, wire.Options{}), up, nil)
		done <- result{s, err}
	}()
	expect(t, client, "PRI * HTTP/2.0")
	closeWrite(t, client)
	closeWrite(t, engine)
	if r := <-done; r.err != nil || r.Down != 14 {
		t.Errorf("got %+v; want 14 down", r)
	}
}

// kill -9 of docker attach, while the container is silent: neither side may stay open for it.
func TestVanishedClientEndsASilentSplice(t *testing.T) {
	for _, engine := range []string{"unix", "tcp"} {
		for _, halfClosed := range []bool{false, true} {
			t.Run(fmt.Sprintf("unix to %s, half-closed before: %v", engine, halfClosed), func(t *testing.T) {
				j := join(t, "unix", engine)
				io.WriteString(j.client, "last words")
				if halfClosed {
					closeWrite(t, j.client)
				}
				expect(t, j.engine, "last words")
				if halfClosed {
					expectEnd(t, j.engine)
				}
				j.client.Close()
				r := j.wait(t)
				if r.Up != 10 || r.err != nil {
					t.Errorf("got %+v; want 10 up", r)
				}
				if _, err := io.Copy(io.Discard, j.engine); err != nil {
					t.Logf("engine reads %v", err) // a reset on TCP, an end elsewhere
				}
			})
		}
	}
}

// A TCP client that closed looks half-closed until something is written to it.
func TestVanishedTCPClientIsFoundByWriting(t *testing.T) {
	j := join(t, "tcp", "unix")
	j.client.Close()
	expectEnd(t, j.engine)
	within(t, "the engine's writes fail", func() bool {
		_, err := io.WriteString(j.engine, "output\n")
		return err != nil
	})
	j.wait(t)
}

// yes | docker exec -i c head -1: the process ends and the engine hangs up while the client still sends. The end of the output must
// not be lost for it.
func TestOutputSurvivesBrokenStdin(t *testing.T) {
	each(t, func(t *testing.T, client, engine string) {
		j := join(t, client, engine)
		output := bytes.Repeat([]byte("y\n"), 100_000)
		came, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				if _, err := io.WriteString(j.client, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n"); err != nil {
					return
				}
			}
		}()
		go func() {
			io.ReadFull(j.engine, make([]byte, 1000))
			j.engine.Write(output)
			if engine == "unix" {
				j.engine.Close() // with stdin unread
				return
			}
			// On TCP such a close may drop what the gateway has not read yet; that is the engine's doing.
			closeWrite(t, j.engine)
			<-came
			j.engine.Close()
		}()
		got := make([]byte, len(output))
		_, err := io.ReadFull(j.client, got)
		close(came)
		if err != nil || !bytes.Equal(got, output) {
			t.Fatalf("output is lost: %v", err)
		}
		io.Copy(io.Discard, j.client)
		j.client.Close()
		j.wait(t)
		<-stopped
	})
}

// yes | docker run -i c head -1, as dockerd 20.10 ends it: it half-closes when the process ends, and neither reads stdin any more nor closes.
// The client has got its output and left; nothing may be kept for it. (A TCP client's end hides behind its unread stdin, until the kernels
// give up on that; so unix only.)
func TestUnreadStdinOfAVanishedClient(t *testing.T) {
	defer upstream.SetPatience(50 * time.Millisecond)()
	for _, ended := range []bool{true, false} {
		t.Run(fmt.Sprintf("engine half-closed: %v", ended), func(t *testing.T) {
			j := join(t, "unix", "unix")
			io.WriteString(j.engine, "y")
			if ended {
				closeWrite(t, j.engine)
			}
			stdin := make(chan struct{})
			go func() {
				defer close(stdin)
				part := bytes.Repeat([]byte("y\n"), 50_000)
				for {
					j.client.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
					if _, err := j.client.Write(part); err != nil {
						return // both sockets are full of it
					}
				}
			}()
			expect(t, j.client, "y")
			<-stdin
			j.client.Close()
			j.wait(t)
		})
	}
}

// The engine is gone for good, and the client, which would go on waiting at its terminal, is told.
func TestEngineGone(t *testing.T) {
	j := join(t, "unix", "unix")
	io.WriteString(j.engine, "bye")
	j.engine.Close()
	expect(t, j.client, "bye")
	expectEnd(t, j.client)
	j.client.Close()
	if r := j.wait(t); r.Down != 3 {
		t.Errorf("%+v", r)
	}
}

func TestMuchGoesBothWaysAtOnce(t *testing.T) {
	each(t, func(t *testing.T, client, engine string) {
		j := join(t, client, engine)
		const size = 8 << 20
		sums := make(chan string, 4)
		send := func(nc net.Conn, seed byte) {
			h := sha256.New()
			part := bytes.Repeat([]byte{seed, 1, 2, 3, 4, 5, 6}, 10_000)
			for n := 0; n < size; n += len(part) {
				h.Write(part)
				if _, err := nc.Write(part); err != nil {
					t.Error(err)
				}
			}
			closeWrite(t, nc)
			sums <- fmt.Sprintf("%d %x", seed, h.Sum(nil))
		}
		receive := func(nc net.Conn, seed byte) {
			h := sha256.New()
			if _, err := io.Copy(h, nc); err != nil {
				t.Error(err)
			}
			sums <- fmt.Sprintf("%d %x", seed, h.Sum(nil))
		}
		go send(j.client, 1)
		go receive(j.engine, 1)
		go send(j.engine, 2)
		go receive(j.client, 2)
		seen := map[string]int{}
		for range 4 {
			seen[<-sums]++
		}
		if len(seen) != 2 {
			t.Errorf("what arrived is not what was sent: %v", seen)
		}
		if r := j.wait(t); r.err != nil || r.Up != r.Down || r.Up < size {
			t.Errorf("%+v", r)
		}
	})
}

func BenchmarkSplice(b *testing.B) {
	for _, n := range networks {
		b.Run(n[0]+" to "+n[1], func(b *testing.B) {
			c, client := pair(b, n[0])
			e, engine := pair(b, n[1])
			done := make(chan struct{})
			go func() {
				defer close(done)
				upstream.Splice(wire.NewConn(c, wire.Options{}), wire.NewConn(e, wire.Options{}), nil)
			}()
			go func() {
				part := make([]byte, 256<<10)
				for {
					if _, err := engine.Write(part); err != nil {
						return
					}
				}
			}()
			buf := make([]byte, 256<<10)
			b.ReportAllocs()
			b.SetBytes(1 << 20)
			for b.Loop() {
				for n := 0; n < 1<<20; {
					k, err := client.Read(buf)
					if err != nil {
						b.Fatal(err)
					}
					n += k
				}
			}
			client.Close()
			engine.Close()
			<-done
		})
	}
}
