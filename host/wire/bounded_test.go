package wire_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

// answering is a connection on which an answer of so many bytes is being written, and its client's end of it.
func answering(t *testing.T, limit time.Duration, size int) (conn *wire.Conn, client net.Conn, written chan error) {
	t.Helper()
	server, client := net.Pipe()
	conn = wire.NewConn(server, wire.Options{})
	t.Cleanup(func() {
		_ = conn.Close()
		client.Close()
	})
	go func() { _, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: docker\r\n\r\n") }()
	if err := conn.ReadRequest(new(wire.Request)); err != nil {
		t.Fatal(err)
	}
	conn.BoundWrites(limit)
	written = make(chan error, 1)
	go func() {
		err := conn.WriteResponse(&wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Length, Length: int64(size)}})
		if err == nil {
			_, err = conn.WriteBody(make([]byte, size))
		}
		if err == nil {
			err = conn.FinishBody(nil)
		}
		if err == nil {
			err = conn.Flush()
		}
		written <- err
	}()
	return conn, client, written
}

func TestAnAnswerThatNobodyReadsIsGivenUp(t *testing.T) {
	for _, size := range []int{10, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, client, written := answering(t, 10*time.Second, size)
			if size > 1000 { // some of it is read, and then no more
				time.Sleep(9 * time.Second)
				_, _ = client.Read(make([]byte, 1000))
			}
			var failed *wire.WriteError
			err := <-written
			if !errors.As(err, &failed) || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d bytes: got %v", size, err)
			}
			if took := time.Since(began); took < 10*time.Second || took > 20*time.Second {
				t.Errorf("%d bytes: it took %v", size, took)
			}
		})
	}
}

// Who reads is waited for, however long all of it takes; and without a bound who does not read, too.
func TestAnAnswerThatIsReadSlowlyIsNotGivenUp(t *testing.T) {
	for pause, limit := range map[time.Duration]time.Duration{9 * time.Second: 10 * time.Second, time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			conn, client, written := answering(t, limit, 100_000)
			for b := make([]byte, 1000); ; {
				time.Sleep(pause)
				select {
				case err := <-written:
					if err != nil {
						t.Errorf("read every %v: got %v", pause, err)
					}
					if since := conn.WritingSince(); since != 0 {
						t.Errorf("it says that it writes, since %d", since)
					}
					return
				default:
				}
				if _, err := client.Read(b); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A bound that was taken back holds for nothing that comes later.
func TestABoundThatIsTakenBackEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, client, written := answering(t, 10*time.Second, 10)
		answer := make([]byte, 1000)
		if _, err := client.Read(answer); err != nil {
			t.Fatal(err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		conn.BoundWrites(0)
		go func() { _, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: docker\r\n\r\n") }()
		if err := conn.ReadRequest(new(wire.Request)); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Hour)
			_, _ = client.Read(answer)
		}()
		if err := conn.WriteResponse(&wire.Response{Status: 204}); err != nil {
			t.Error(err)
		}
		if err := conn.Flush(); err != nil {
			t.Error(err)
		}
	})
}

// Somebody else may end a write that waits, and nothing but the one that was seen waiting.
func TestAWriteThatWaitsIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, client, written := answering(t, 10*time.Second, 100_000)
		synctest.Wait()
		first := conn.WritingSince()
		if first != time.Now().UnixNano() {
			t.Errorf("it writes since %d, want now", first)
		}
		time.Sleep(time.Second)
		if _, err := io.CopyN(io.Discard, client, 50_000); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		since := conn.WritingSince()
		if since <= first {
			t.Errorf("it got on, and writes since %d", since)
		}
		if conn.AbortWrite(first) || conn.AbortWrite(0) {
			t.Error("a write was ended that had got on")
		}
		if !conn.AbortWrite(since) {
			t.Error("the write that waits was not ended")
		}
		var failed *wire.WriteError
		if err := <-written; !errors.As(err, &failed) {
			t.Errorf("got %v", err)
		}
		if conn.AbortWrite(since) || conn.WritingSince() != 0 || conn.Reusable() {
			t.Error("it goes on")
		}
	})
}
