package wire_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// These tests hold the work that a peer can cause to what it sends: they compare n with 2n, or look at what is read twice, and measure no
// time.

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestConnectionNamesFewFields(t *testing.T) {
	list := func(first, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ", X-%d", first+i)
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		fields string
		ok     bool
	}{
		"as many as allowed":               {"Connection: close" + list(0, 32) + ", upgrade,,keep-alive\r\n", true},
		"one more":                         {"Connection: close" + list(0, 33) + "\r\n", false},
		"as many as allowed, in two lines": {"Connection: x" + list(1, 15) + "\r\nX-20: 1\r\nConnection: close" + list(16, 16) + "\r\n", true},
		"one more in the second line":      {"Connection: x" + list(1, 15) + "\r\nX-20: 1\r\nConnection: close" + list(16, 17) + "\r\n", false},
		"the same one each time":           {strings.Repeat("Connection: x\r\n", 33), false},
	} {
		var r wire.Request
		err := of("GET / HTTP/1.1\r\nHost: x\r\nX-31: a\r\nX-Y: b\r\nx-5: c\r\n" + test.fields + "\r\n").ReadRequest(&r)
		if test.ok {
			if err != nil || len(r.Header) != 1 || r.Header[0] != (abi.Pair{Key: "X-Y", Value: "b"}) || !r.Close {
				t.Errorf("%s: %+v, %v; want the fields that Connection names dropped", name, r, err)
			}
			continue
		}
		var e *wire.Error
		if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(e.Message, "Connection names more than 32 fields") {
			t.Errorf("%s: %v; want 400 that says why", name, err)
		}
	}
}

// A head of 1 MiB in one list once took minutes.
func TestHeadsCostWhatTheyWeigh(t *testing.T) {
	const size = 400 << 10
	for name, head := range map[string]func(n int) string{
		"Connection names many": func(n int) string { return "Connection: " + strings.Repeat("a,", n/2) + "\r\n" },
		"Connection repeats":    func(n int) string { return "Connection: " + strings.Repeat("close,", n/6) + "\r\n" },
		"empty elements":        func(n int) string { return "Connection: " + strings.Repeat(",", n) + "\r\n" },
		"Trailer announces":     func(n int) string { return "Trailer: " + strings.Repeat("a,", n/2) + "\r\n" },
		"long values":           func(n int) string { return "A: " + strings.Repeat("b", n) + "\r\n" },
		"many fields":           func(n int) string { return strings.Repeat("A: "+strings.Repeat("b", n/400)+"\r\n", 400) },
	} {
		cost := func(n int) uint64 {
			input := "GET / HTTP/1.1\r\nHost: x\r\n" + head(n) + "\r\n"
			return allocated(func() {
				c := of(input)
				var r wire.Request
				_ = c.ReadRequest(&r)
				_ = c.Close()
			})
		}
		cost(2 * size) // fills the pools
		if one, two := cost(size), cost(2*size); two > 3*one+64<<10 {
			t.Errorf("%s: %d bytes allocated for one, %d for twice as much", name, one, two)
		} else if two > 12*2*size {
			t.Errorf("%s: %d bytes allocated for a head of %d", name, two, 2*size)
		}
	}
}

// amnesia delivers input byte by byte. From the byte hideFrom on, it makes a line feed of everything buffered but for the last
// three bytes, which a second look would refuse, and puts it all back for the last byte.
type amnesia struct {
	script
	conn  *wire.Conn
	input string
	at    int
	from  int // where what is looked through begins
}

func (a *amnesia) Read(p []byte) (int, error) {
	if a.at == len(a.input) {
		return 0, io.EOF
	}
	if a.at < a.from {
		n := copy(p, a.input[:a.from])
		a.at += n
		return n, nil
	}
	b := a.conn.Buffered()
	for i := range max(len(b)-3, 0) {
		if b[i] = '\n'; a.at == len(a.input)-1 {
			b[i] = a.input[a.at-len(b)+i]
		}
	}
	p[0] = a.input[a.at]
	a.at++
	return 1, nil
}

func TestWhatArrivesByByteIsLookedThroughOnce(t *testing.T) { synctest.Test(t, whatArrivesByByte) } // since heads in drops are read slowly

func whatArrivesByByte(t *testing.T) {
	const head = "GET / HTTP/1.1\r\nHost: x\r\n"
	a := &amnesia{input: head + strings.Repeat("Field: value\r\n", 500) + "\r\n"}
	a.conn = wire.NewConn(a, wire.Options{})
	var r wire.Request
	if err := a.conn.ReadRequest(&r); err != nil || len(r.Header) != 500 {
		t.Errorf("the head is looked through again: %v", err)
	}

	const before = chunkedHead + "1\r\nx\r\n0\r\n"
	a = &amnesia{input: before + strings.Repeat("Field: value\r\n", 500) + "\r\n", from: len(before)}
	a.conn = wire.NewConn(a, wire.Options{})
	if err := a.conn.ReadRequest(&r); err != nil {
		t.Fatal(err)
	}
	if body, err := readAll(a.conn); err != nil || body != "x" || len(a.conn.Trailer()) != 500 {
		t.Errorf("the trailers are looked through again: %q, %v, %d trailers", body, err, len(a.conn.Trailer()))
	}
}

// The bound on trailers holds however they arrive: a large read is not a larger allowance.
func TestTrailersAreBoundedHoweverTheyArrive(t *testing.T) {
	trailer := func(size int) string { return "a: " + strings.Repeat("b", size-len("a: \r\n\r\n")) + "\r\n\r\n" }
	for size, ok := range map[int]bool{8 << 10: true, 8<<10 + 1: false, 60 << 10: false} {
		for how, pieces := range arrivals(chunkedHead + strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 64) + "0\r\n" + trailer(size)) {
			_, err := readAll(begun(t, pieces...))
			var e *wire.Error
			if (err == nil) != ok || !ok && (!errors.As(err, &e) || e.Status != 431) {
				t.Errorf("%d bytes of trailers, %s: %v; want accepted %v, or 431", size, how, err, ok)
			}
		}
	}
}

// The smallest chunks there are cost no allocation each, and come out as large as the reads they came in with.
func TestSmallestChunksAreGathered(t *testing.T) {
	cost := func(n int) (pieces int, bytes uint64) {
		input := chunkedHead + strings.Repeat("1\r\nx\r\n", n) + "0\r\n\r\n"
		total := 0
		bytes = allocated(func() {
			c := of(input)
			defer c.Close()
			var r wire.Request
			if err := c.ReadRequest(&r); err != nil {
				t.Fatal(err)
			}
			for done := false; !done; pieces++ {
				p, last, err := c.NextBody()
				if err != nil {
					t.Fatal(err)
				}
				total, done = total+len(p), last
			}
		})
		if total != n {
			t.Errorf("%d bytes; want %d", total, n)
		}
		return pieces, bytes
	}
	const n = 200_000
	cost(n)
	p1, b1 := cost(n)
	p2, b2 := cost(2 * n)
	if p2 > 2*p1+1 || p2 > 30 {
		t.Errorf("%d pieces for %d chunks, %d for twice as many", p1, n, p2)
	}
	if sent := uint64(6 * n); b1 > 3*sent || b2 > 3*2*sent {
		t.Errorf("%d bytes allocated for %d chunks, %d for twice as many", b1, n, b2)
	}
}
