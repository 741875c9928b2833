package identity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/listener"
)

// What a connection costs before its first request.
func BenchmarkIdentify(b *testing.B) {
	conn, accepted := socketPair(b)
	b.ReportAllocs()
	for b.Loop() {
		peer, err := listener.Identify(b.Context(), conn)
		if err != nil {
			b.Fatal(err)
		}
		_ = identity.NewClient(conn, unixAddress, &peer, accepted)
	}
}

// What it costs to find out that a process is in no container, or which id its
// control groups claim, without the engine's answer.
func BenchmarkProcess(b *testing.B) {
	conn, accepted := socketPair(b)
	peer, err := listener.Identify(b.Context(), conn)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		client := identity.NewClient(conn, unixAddress, &peer, accepted)
		if _, err := client.Container(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// What choosing costs a request whose tenant is the last of the list.
func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		for _, kind := range []string{"uid", "token", "certificate"} {
			b.Run(fmt.Sprintf("%s of %d", kind, n), func(b *testing.B) {
				var list []identity.Tenant
				for i := range n {
					list = append(list, identity.Tenant{Name: fmt.Sprint(i), Rules: []identity.Rule{
						{UIDs: []uint32{uint32(1000 + i)}},
						{Tokens: map[identity.Digest]bool{identity.DigestOf(fmt.Sprint("token", i)): true}},
						{SPIFFE: []string{fmt.Sprintf("spiffe://example.org/team/%d", i)}},
					}})
				}
				tenants := identity.NewTenants(list)
				carriers := identity.Carriers{Bearer: true}
				token := identity.Token{}
				client := identity.NewClient(noGroups{}, unixAddress, process(1000+n-1, 0), time.Now())
				field := abi.Pair{Key: "Authorization", Value: fmt.Sprint("Bearer token", n-1)}
				if kind != "uid" {
					client = identity.NewClient(noGroups{}, tlsAddress, withCertificate(listener.Certificate{SPIFFE: fmt.Sprintf("spiffe://example.org/team/%d", n-1)}), time.Now())
				}
				fields := make([]abi.Pair, 0, 4)
				b.ReportAllocs()
				for b.Loop() {
					fields = append(fields[:0], abi.Pair{Key: "User-Agent", Value: "Docker-Client/28.2.2 (linux)"}, abi.Pair{Key: "Content-Type", Value: "text/plain"})
					if kind == "token" {
						fields = append(fields, field)
					}
					token, _, fields = carriers.Take("/v1.41/containers/json", fields)
					if name, err := tenants.Choose(b.Context(), client, &token, nil); err != nil || name != list[n-1].Name {
						b.Fatal(name, err)
					}
				}
			})
		}
	}
}

// What every request on TCP costs.
func BenchmarkGuard(b *testing.B) {
	g := identity.NewGuard(true, []string{"docker.example.com"}, nil)
	fields := []abi.Pair{{Key: "User-Agent", Value: "Docker-Client/28.2.2 (linux)"}, {Key: "Content-Type", Value: "text/plain"}, {Key: "Accept", Value: "*/*"}}
	for _, host := range []string{"", "docker", "127.0.0.1:2376", "docker.example.com:2376"} {
		b.Run(host, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := g.Check(host, fields); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
