package pieces_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/pieces"
)

// In the middle of a copy nothing can be stopped, and a collection has to wait for it.
func TestLargeMemoriesAreCopiedInPieces(t *testing.T) {
	const most = pieces.Size
	from := make([]byte, 3*most+1234)
	for n := range from {
		from[n] = byte(n * 31)
	}
	to := bytes.Repeat([]byte{0xff}, len(from)+100)
	var noted []int
	note := func(n int) { noted = append(noted, n) }
	pieces.CopyAnd(to, from, note)
	if !bytes.Equal(to[:len(from)], from) || to[len(from)] != 0xff {
		t.Error("what was copied is not what was to be copied")
	}
	pieces.ClearAnd(to[:2*most+1], note)
	if len(bytes.Trim(to[:2*most+1], "\x00")) > 0 || to[2*most+1] != from[2*most+1] {
		t.Error("what was cleared is not what was to be cleared")
	}
	sum := 0
	for _, n := range noted {
		if n > most {
			t.Errorf("a piece of %d bytes", n)
		}
		sum += n
	}
	if want := len(from) + 2*most + 1; sum != want || len(noted) != 4+3 {
		t.Errorf("%d bytes in %d pieces, want %d in 7", sum, len(noted), want)
	}
}

// lengths are of nothing, a little, and about a piece and three.
var lengths = []int{0, 1, 100, pieces.Size - 1, pieces.Size, pieces.Size + 1, 3*pieces.Size + 77}

// pattern is so many bytes of which neighbouring pieces differ.
func pattern(n int) []byte {
	b := make([]byte, n)
	for at := range b {
		b[at] = byte(at*31 + at>>13)
	}
	return b
}

func TestCopiesAreWhatCopiesAre(t *testing.T) {
	for _, n := range lengths {
		for _, room := range []int{0, n / 2, n, n + 5} {
			from := pattern(n)
			want, got, text := make([]byte, room), make([]byte, room), make([]byte, room)
			count := copy(want, from)
			if c := pieces.Copy(got, from); c != count || !bytes.Equal(got, want) {
				t.Errorf("%d bytes to %d: %d were copied, want %d and all the same", n, room, c, count)
			}
			if c := pieces.Copy(text, string(from)); c != count || !bytes.Equal(text, want) {
				t.Errorf("a string of %d bytes to %d: %d were copied, want %d and all the same", n, room, c, count)
			}
		}
		clone := pieces.Clone(pattern(n))
		if !bytes.Equal(clone, pattern(n)) || n == 0 && clone != nil {
			t.Errorf("the clone of %d bytes has %d, and is another", n, len(clone))
		}
	}
}

// What overlaps is moved as if it had been taken out first.
func TestWhatOverlapsIsMoved(t *testing.T) {
	const size = 5 * pieces.Size
	for _, n := range lengths {
		for _, way := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {0, 1000}, {1000, 0}, {pieces.Size, 0}, {0, pieces.Size}, {pieces.Size - 77, 5}} {
			want, got := pattern(size), pattern(size)
			copy(want[way[0]:way[0]+n], want[way[1]:way[1]+n])
			pieces.Move(got, way[0], way[1], n)
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes from %d to %d came out differently", n, way[1], way[0])
			}
		}
	}
}

func TestAppendingAddsWhatIsAppended(t *testing.T) {
	for _, n := range lengths {
		for _, more := range lengths {
			for _, spare := range []int{0, more, more + 9} {
				to := append(make([]byte, 0, n+spare), pattern(n)...)
				got := pieces.Append(to, pattern(more))
				if want := append(pattern(n), pattern(more)...); !bytes.Equal(got, want) {
					t.Errorf("%d bytes and %d more are %d, and differ from what they should be", n, more, len(got))
				}
				if moved := n > 0 && &got[0] != &to[0]; moved != (n > 0 && more > spare) {
					t.Errorf("%d bytes and %d more, with room for %d: moved is %v", n, more, spare, moved)
				}
			}
		}
	}
	if got := pieces.Append([]byte("a"), strings.Repeat("b", 3)); string(got) != "abbb" {
		t.Errorf("got %q", got)
	}
}

// Who appends a little again and again does not have it all moved each time.
func TestAppendingMovesNowAndThen(t *testing.T) {
	var b []byte
	moves := 0
	for range 16 << 20 >> 14 {
		before := cap(b)
		if b = pieces.Append(b, make([]byte, 16<<10)); cap(b) != before {
			moves++
		}
	}
	if len(b) != 16<<20 || moves > 40 {
		t.Errorf("%d bytes were moved %d times", len(b), moves)
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
	}{{"64B", 64}, {"4KiB", 4 << 10}, {"16MiB", 16 << 20}} {
		from, to := make([]byte, c.size), make([]byte, c.size)
		b.Run("copy/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(c.size))
			for b.Loop() {
				copy(to, from)
			}
		})
		b.Run("pieces/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(c.size))
			for b.Loop() {
				pieces.Copy(to, from)
			}
		})
	}
}
