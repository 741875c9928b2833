package wire_test

import (
	"bytes"
	"testing"

	"github.com/sluice-gateway/sluice/host/wire"
)

// Every byte, at every place of a value of every length about the eight that are looked at together.
func TestControlCharactersAreSeenWhereverTheyStand(t *testing.T) {
	for length := 1; length <= 20; length++ {
		for at := range length {
			for c := range 256 {
				for _, around := range []byte{'a', '~', 0xff, '\t', ' '} {
					value := bytes.Repeat([]byte{around}, length)
					value[at] = byte(c)
					want := c >= ' ' && c != 0x7f || c == '\t'
					if got := wire.ValidValue(string(value)); got != want {
						t.Fatalf("%q: %v; want %v", value, got, want)
					}
				}
			}
		}
	}
}

func TestNamesAreTokens(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "A": true, "x-docker_a.b~1": true, "!#$%&'*+-.^_`|~": true, "a b": false, "a:": false, "\xe9": false, "a\x00": false, "(": false, "{": false,
	} {
		if got := wire.ValidName(name); got != want {
			t.Errorf("%q: %v; want %v", name, got, want)
		}
	}
}
