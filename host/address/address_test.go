package address_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/address"
)

func TestAddressesAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]struct {
		address   address.Address
		written   string
		reachable bool
	}{
		"unix:///run/x/../docker.sock": {address.Address{Path: "/run/docker.sock"}, "unix:///run/docker.sock", false},
		"tcp://127.0.0.1:2375":         {address.Address{Host: "127.0.0.1", Port: 2375}, "tcp://127.0.0.1:2375", false},
		"tcp://127.9.9.9:1/":           {address.Address{Host: "127.9.9.9", Port: 1}, "tcp://127.9.9.9:1", false},
		"tcp://[::1]:02376":            {address.Address{Host: "::1", Port: 2376}, "tcp://[::1]:2376", false},
		"tcp://[::ffff:127.0.0.1]:1":   {address.Address{Host: "::ffff:127.0.0.1", Port: 1}, "tcp://[::ffff:127.0.0.1]:1", false},
		"tcp://LocalHost:0":            {address.Address{Host: "LocalHost"}, "tcp://LocalHost:0", false},
		"tcp://:2375":                  {address.Address{Port: 2375}, "tcp://:2375", true},
		"tcp://0.0.0.0:2375":           {address.Address{Host: "0.0.0.0", Port: 2375}, "tcp://0.0.0.0:2375", true},
		"tcp://engine.example:2376":    {address.Address{Host: "engine.example", Port: 2376}, "tcp://engine.example:2376", true},
	} {
		got, err := address.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got != want.address || got.String() != want.written || got.Reachable() != want.reachable {
			t.Errorf("%s: got %+v, %s, reachable %v", text, got, got, got.Reachable())
		}
	}
}

// The messages are golden in testdata/config; here it is that none of these is taken.
func TestWhatIsNoAddressIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "/run/x.sock", "unix://", "unix://x.sock", "unix://@x", "unix:///run/", "tcp://", "tcp://host", "tcp://host:",
		"tcp://host:99999", "tcp://host:-1", "tcp://a/b:1", "tcp://user@host:1", "tcp://::1:2375", "http://host:1", "npipe:////./pipe/x",
		"unix:///" + strings.Repeat("x", address.MaxSocketPath),
	} {
		if got, err := address.Parse(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
	for _, text := range []string{"tcp://:1", "tcp://host:0"} {
		a, err := address.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if a.CheckTarget() == nil {
			t.Errorf("%s counts as something to connect to", text)
		}
	}
}

func TestTwoListenersMayShareAPortAndNotAnAddress(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"tcp://127.0.0.1:1", "tcp://localhost:1", true},
		{"tcp://127.0.0.1:1", "tcp://[::ffff:127.0.0.1]:1", true},
		{"tcp://127.0.0.1:1", "tcp://[::1]:1", false},
		{"tcp://[::1]:1", "tcp://[0:0::1]:1", true},
		{"tcp://127.0.0.1:1", "tcp://127.0.0.2:1", false},
		{"tcp://127.0.0.1:1", "tcp://127.0.0.1:2", false},
		{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0", false},
		{"tcp://:1", "tcp://0.0.0.0:1", true},
		{"unix:///run/s", "unix:///run/./s", true},
		{"unix:///run/s", "tcp://127.0.0.1:1", false},
	} {
		a, err := address.Parse(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := address.Parse(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if got, back := a.Same(b), b.Same(a); got != c.want || back != c.want {
			t.Errorf("%s and %s: got %v and %v, want %v", c.a, c.b, got, back, c.want)
		}
	}
}

// A gateway must notice that it would call itself.
func TestAListenerAnswersUnderEveryNameThatItHas(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listener, target string
		want             bool
	}{
		{"unix://" + dir + "/s", "unix://" + dir + "/link/s", true},
		{"unix://" + dir + "/s", "unix://" + dir + "/t", false},
		{"unix:///run/s", "tcp://localhost:1", false},
		{"tcp://localhost:1", "tcp://127.0.0.1:1", true},
		{"tcp://[::1]:1", "tcp://localhost:1", true},
		{"tcp://0.0.0.0:1", "tcp://127.0.0.1:1", true},
		{"tcp://:1", "tcp://[::]:1", true},
		{"tcp://:1", "tcp://engine.example:1", false},
		{"tcp://engine.example:1", "tcp://ENGINE.example:1", true},
		{"tcp://127.0.0.1:1", "tcp://127.0.0.1:2", false},
		{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0", false}, // each gets a port of its own
	} {
		l, err := address.Parse(c.listener)
		if err != nil {
			t.Fatal(err)
		}
		target, err := address.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Answers(target); got != c.want {
			t.Errorf("%s answers %s: got %v, want %v", c.listener, c.target, got, c.want)
		}
	}
}
