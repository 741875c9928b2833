package abi_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// all is what SDKs pass for "everything".
const all = math.MaxInt32

func TestBufferSlice(t *testing.T) {
	for _, test := range []struct {
		start, max uint32
		want       string
		status     abi.Status
	}{
		{0, all, "0123456789", abi.StatusOK},
		{0, 4, "0123", abi.StatusOK},
		{4, 3, "456", abi.StatusOK},
		{8, 100, "89", abi.StatusOK},
		{10, 1, "", abi.StatusOK},
		{11, all, "", abi.StatusOK},
		{3, 0, "", abi.StatusOK},
		{all, all, "", abi.StatusOK},
		{0, math.MaxUint32, "0123456789", abi.StatusOK},
		{1, math.MaxUint32, "", abi.StatusBadArgument},
		{math.MaxUint32, math.MaxUint32, "", abi.StatusBadArgument},
	} {
		b := abi.Buffer{Bytes: []byte("0123456789")}
		got, status := b.Slice(test.start, test.max)
		if string(got) != test.want || status != test.status {
			t.Errorf("Slice(%d, %d): got %q, %v, want %q, %v", test.start, test.max, got, status, test.want, test.status)
		}
	}
}

func TestBufferSplice(t *testing.T) {
	for _, test := range []struct {
		name        string
		start, size uint32
		data        string
		want        string
		status      abi.Status
	}{
		{"append", all, 0, "ab", "0123456789ab", abi.StatusOK},
		{"prepend", 0, 0, "ab", "ab0123456789", abi.StatusOK},
		{"replace all, as Go does", 0, all, "ab", "ab", abi.StatusOK},
		{"replace all, as Rust does", 0, 10, "ab", "ab", abi.StatusOK},
		{"replace all by more", 0, all, "abcdefghijkl", "abcdefghijkl", abi.StatusOK},
		{"replace by nothing", 0, all, "", "", abi.StatusOK},
		{"replace some by more", 2, 3, "abcde", "01abcde56789", abi.StatusOK},
		{"replace some by less", 2, 3, "a", "01a56789", abi.StatusOK},
		{"insert", 5, 0, "ab", "01234ab56789", abi.StatusOK},
		{"remove the end", 8, 100, "", "01234567", abi.StatusOK},
		{"the greatest numbers", math.MaxUint32, math.MaxUint32, "ab", "0123456789ab", abi.StatusOK},
		{"to the limit", all, 0, "abcdefghij", "0123456789abcdefghij", abi.StatusOK},
		{"over the limit", all, 0, "abcdefghijk", "0123456789", abi.StatusBadArgument},
	} {
		for _, spare := range []int{0, 2, 100} { // in place or not
			t.Run(test.name, func(t *testing.T) {
				content := append(make([]byte, 0, 10+spare), "0123456789"...)
				b := abi.Buffer{Bytes: content}
				status := b.Splice(test.start, test.size, []byte(test.data), 20)
				if string(b.Bytes) != test.want || status != test.status {
					t.Errorf("got %q, %v, want %q, %v", b.Bytes, status, test.want, test.status)
				}
				if got := b.Modified(); got != (status == abi.StatusOK) {
					t.Errorf("modified: %v", got)
				}
			})
		}
	}
	var b abi.Buffer
	if status := b.Splice(0, 0, []byte("a"), 0); status != abi.StatusBadArgument {
		t.Errorf("limit 0: %v", status)
	}
	if b.Splice(0, 0, []byte("a"), 1); string(b.Bytes) != "a" {
		t.Errorf("an empty buffer: %q", b.Bytes)
	}
	if b.Reset([]byte("b")); b.Modified() || string(b.Bytes) != "b" {
		t.Errorf("reset: %q, %v", b.Bytes, b.Modified())
	}
}

// Long runs are moved in pieces, which may overlap.
func TestLongBuffersAreSplicedLikeShortOnes(t *testing.T) {
	const unit = 256 << 10
	pattern := func(n, seed int) []byte {
		b := make([]byte, n)
		for at := range b {
			b[at] = byte(at*7 + at>>11 + seed)
		}
		return b
	}
	for _, spare := range []int{0, 4 * unit} {
		for _, length := range []int{100, 3*unit + 5} {
			for _, c := range [][3]int{{0, 0, 10}, {0, 10, 0}, {7, 1000, 2*unit + 3}, {7, 2*unit + 3, 1000}, {50, 50, 50}, {length, 0, unit + 1}, {0, length, 2*unit + 1}} {
				start, size := c[0], c[1]
				content, data := pattern(length, 1), pattern(c[2], 2)
				from, to := min(start, length), min(start+size, length)
				want := slices.Concat(content[:from], data, content[to:])
				b := abi.Buffer{Bytes: append(make([]byte, 0, length+spare), content...)}
				if status := b.Splice(uint32(start), uint32(size), data, 16<<20); status != abi.StatusOK || !bytes.Equal(b.Bytes, want) {
					t.Errorf("%d bytes, %d to spare: Splice(%d, %d, %d bytes): %v, and the content differs", length, spare, start, size, len(data), status)
				}
			}
		}
	}
}
