package identity_test

import (
	"errors"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/identity"
)

func TestAListenerIsCalledByNamesThatNobodyElseCanOwn(t *testing.T) {
	local := identity.NewGuard(false, []string{"127.0.0.1", "docker.example.com"}, nil)
	reachable := identity.NewGuard(true, []string{"", "docker.example.com", "*.ci.example.com"}, nil)
	for host, want := range map[string]struct{ local, reachable bool }{
		// As real clients write it.
		"":                            {true, true}, // hijacked calls of the command line 20.10, buildx
		"docker":                      {true, true}, // 20.10 through a forwarded socket
		"api.moby.localhost":          {true, true}, // 28
		"localhost":                   {true, true}, // docker-py
		"localhost:2375":              {true, true},
		"LOCALHOST:2375":              {true, true},
		"127.0.0.1:2375":              {true, true},
		"127.0.0.1":                   {true, true},
		"[::1]:2375":                  {true, true},
		"::1":                         {true, true},
		"10.1.2.3:2375":               {true, true},
		"[fe80::1%25eth0]:2375":       {true, true},
		"docker.example.com:2376":     {true, true},
		"Docker.Example.Com.:2376":    {true, true},
		"x.localhost:2375":            {true, true},
		"runner.ci.example.com":       {false, true},
		"a.runner.ci.example.com":     {false, false},
		"ci.example.com":              {false, false},
		"socket-proxy:2375":           {false, true}, // a service of Compose
		"host.docker.internal:2375":   {false, true},
		"build.local:2375":            {false, true},
		"nas.home.arpa":               {false, true},
		"sluice.ci.svc.cluster.local": {false, true},

		// As pages have them that are not ours.
		"evil.example:2375":           {false, false},
		"docker.example.com.evil.net": {false, false},
		"evildocker.example.com":      {false, false},
		"127.0.0.1.nip.example":       {false, false},
		"localhost.evil.example:2375": {false, false},
		"internal.evil.example":       {false, false},
		"evil.example:80:2375":        {false, false},
		"[evil.example]:2375":         {false, false},
		"127.0.0.1:2375.evil.example": {false, false},
	} {
		if got := local.Check(host, nil) == nil; got != want.local {
			t.Errorf("%q on a local listener: known %v, want %v", host, got, want.local)
		}
		if got := reachable.Check(host, nil) == nil; got != want.reachable {
			t.Errorf("%q on a reachable listener: known %v, want %v", host, got, want.reachable)
		}
	}
	anything := identity.NewGuard(true, []string{"*"}, nil)
	if err := anything.Check("evil.example", nil); err != nil {
		t.Errorf("with hosts: [*]: %v", err)
	}
}

func TestPagesOfOtherOriginsMayNotUseAListener(t *testing.T) {
	g := identity.NewGuard(false, []string{"*"}, []string{"https://portainer.example.com", "http://127.0.0.1:9000"})
	for _, c := range []struct {
		host, origin string
		want         bool
	}{
		{"127.0.0.1:2375", "http://127.0.0.1:2375", true}, // websocket-client writes its own address
		{"[::1]:2375", "http://[::1]:2375", true},
		{"gateway.example", "http://gateway.example", true},
		{"gateway.example", "http://gateway.example:80", true},
		{"gateway.example:443", "https://gateway.example", true},
		{"Gateway.Example:2376", "https://gateway.example:2376", true},
		{"127.0.0.1:2375", "https://portainer.example.com", true},
		{"127.0.0.1:2375", "https://Portainer.example.com", true},
		{"", "http://127.0.0.1:9000", true},

		{"127.0.0.1:2375", "http://127.0.0.1", false}, // another server on the same machine
		{"127.0.0.1:2375", "http://127.0.0.1:3000", false},
		{"127.0.0.1:2375", "http://localhost:2375", false},
		{"127.0.0.1:2375", "https://evil.example", false},
		{"127.0.0.1:2375", "null", false}, // a sandboxed frame, a file
		{"127.0.0.1:2375", "", false},
		{"", "", false},
		{"", "http://", false},
		{"", "http://:80", false},
		{"127.0.0.1:2375", "file://127.0.0.1:2375", false},
		{"127.0.0.1:2375", "chrome-extension://abcdef", false},
		{"127.0.0.1:2375", "http://portainer.example.com", false},
		{"127.0.0.1:2375", "https://portainer.example.com:8443", false},
		{"127.0.0.1:2375", "https://portainer.example.com.evil.net", false},
		{"127.0.0.1:2375", "http://127.0.0.1:2375@evil.example", false},
		{"127.0.0.1:2375", "http://evil.example/127.0.0.1:2375", false},
	} {
		for _, name := range []string{"Origin", "origin"} {
			err := g.Check(c.host, []abi.Pair{{Key: "A", Value: "b"}, {Key: name, Value: c.origin}})
			var refusal *identity.Refusal
			if err == nil != c.want || err != nil && (!errors.As(err, &refusal) || refusal.Status != 403) {
				t.Errorf("Host %q, %s %q: %v, want it allowed: %v", c.host, name, c.origin, err, c.want)
			}
		}
	}
	both := []abi.Pair{{Key: "Origin", Value: "http://127.0.0.1:2375"}, {Key: "Origin", Value: "https://evil.example"}}
	if g.Check("127.0.0.1:2375", both) == nil {
		t.Error("the second of two origins is not looked at")
	}
}

func TestAUnixSocketIsNotGuarded(t *testing.T) {
	var g *identity.Guard
	if err := g.Check("evil.example", []abi.Pair{{Key: "Origin", Value: "https://evil.example"}}); err != nil {
		t.Errorf("got %v: no browser can connect to it", err)
	}
}
