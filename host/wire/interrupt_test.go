package wire_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

// An idle connection is interrupted; one of which something has come is not, unless it is
// to be in any case; and in all cases it can be used on.
func TestAnInterruptLosesNoRequest(t *testing.T) {
	for _, kind := range []string{"unix", "tcp", "tls"} {
		for name, c := range map[string]struct {
			before    string
			interrupt func(*wire.Conn)
			want      error
		}{
			"idle":                    {"", (*wire.Conn).Interrupt, wire.ErrInterrupted},
			"idle, in any case":       {"", (*wire.Conn).InterruptHead, wire.ErrInterrupted},
			"in a head":               {"GET /1 HTTP/1.1\r\n", (*wire.Conn).Interrupt, nil},
			"in a head, in any case":  {"GET /1 HTTP/1.1\r\n", (*wire.Conn).InterruptHead, wire.ErrInterrupted},
			"behind a whole request":  {"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", (*wire.Conn).Interrupt, nil},
			"behind one, in any case": {"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", (*wire.Conn).InterruptHead, nil},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				server, client := pair(t, kind)
				conn := wire.NewConn(server, wire.Options{HeadTimeout: time.Minute})
				read := make(chan error, 1)
				var request wire.Request
				go func() { read <- conn.ReadRequest(&request) }()
				whole := strings.HasSuffix(c.before, "\r\n\r\n")
				if c.before != "" {
					io.WriteString(client, c.before)
				}
				for c.before != "" && !whole && !conn.Begun() {
					time.Sleep(time.Millisecond)
				}
				var err error
				if whole {
					err = <-read
				}
				c.interrupt(conn)
				if c.want == nil && !whole {
					io.WriteString(client, "Host: x\r\n\r\n")
				}
				if !whole {
					err = <-read
				}
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if c.want != nil {
					return
				}
				// As if there had been none.
				conn.Resume()
				if conn.Begun() {
					t.Error("a head has begun, though it has ended")
				}
				go func() { read <- conn.ReadRequest(&request) }()
				io.WriteString(client, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
				if err := <-read; err != nil || request.Target != "/2" {
					t.Errorf("the next request: %q, %v", request.Target, err)
				}
			})
		}
	}
}

// What lies in the socket is a request that somebody has sent.
func TestAnInterruptFindsWhatWasNotReadYet(t *testing.T) {
	server, client := pair(t, "unix")
	wentOn := 0
	conn := wire.NewConn(server, wire.Options{WentOn: func() { wentOn++ }})
	io.WriteString(client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
	conn.Interrupt()
	var request wire.Request
	if err := conn.ReadRequest(&request); err != nil || request.Target != "/1" || wentOn != 1 {
		t.Errorf("got %q, %v, and it went on %d times", request.Target, err, wentOn)
	}
	client.Close()
	conn.Interrupt()
	if err := conn.ReadRequest(&request); !errors.Is(err, io.EOF) {
		t.Errorf("got %v of a client that went away, want EOF", err)
	}
}

// interrupted is a connection that is interrupted just when a part of a head was read.
type interrupted struct {
	net.Conn
	conn *wire.Conn
	done bool
}

func (c *interrupted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.done {
		c.done = true
		c.conn.Interrupt()
	}
	return n, err
}

// An interrupt that comes while the time of a head begins is seen, and not put off by that.
func TestAnInterruptIsNotLostWhenAHeadBegins(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	wentOn := make(chan struct{}, 1)
	nc := &interrupted{Conn: server}
	nc.conn = wire.NewConn(nc, wire.Options{HeadTimeout: time.Minute, WentOn: func() { wentOn <- struct{}{} }})
	read := make(chan error, 1)
	go func() {
		var request wire.Request
		read <- nc.conn.ReadRequest(&request)
	}()
	io.WriteString(client, "GET /1 HT")
	select {
	case <-wentOn:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody saw it")
	}
	io.WriteString(client, "TP/1.1\r\nHost: x\r\n\r\n")
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// drops is a connection that a byte comes from at a time, and always.
type drops struct {
	net.Conn
	bytes string
	reads int
}

func (d *drops) Read(p []byte) (int, error) {
	d.reads++
	n := copy(p[:1], d.bytes)
	d.bytes = d.bytes[n:]
	return n, nil
}

func (*drops) SetReadDeadline(time.Time) error { return nil }

// A head that comes a byte at a time is read ever more seldom.
func TestAHeadInDropsIsReadSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &drops{bytes: "GET /1 HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 960) + "\r\n\r\n"}
		began := time.Now()
		var request wire.Request
		if err := wire.NewConn(d, wire.Options{HeadTimeout: time.Minute}).ReadRequest(&request); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 25*time.Second || took > 35*time.Second {
			t.Errorf("%d reads took %v, want about 30 s: one in 32 ms", d.reads, took)
		}
	})
}
