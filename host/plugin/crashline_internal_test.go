package plugin

import (
	"strings"
	"testing"
	"unicode"
)

func TestAGuestsStackIsReadableAndShort(t *testing.T) {
	if got := readable("m.f(i32)\nm.g()"); got != "m.f(i32)\nm.g()" {
		t.Errorf("got %q, want it as it is", got)
	}
	if got, want := readable("m.\x1b[2J\ta\u202eb\xff()"), "m.\ufffd[2J\ufffda\ufffdb\ufffd()"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := readable(strings.Repeat(strings.Repeat("ä", 1000)+"\n", 1000))
	if most := (maxFrames + 1) * (maxFrameBytes + 4); len(got) > most || strings.Count(got, "\n") != maxFrames {
		t.Errorf("%d lines of %d bytes, want %d of %d at most", strings.Count(got, "\n"), len(got), maxFrames, most)
	}
	for _, c := range got {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("%q is in it", c)
		}
	}
}
