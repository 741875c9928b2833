package dockerapi_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func BenchmarkClassify(b *testing.B) {
	for _, bm := range []struct{ name, method, target string }{
		{"ping", "HEAD", "/_ping"},
		{"list", "GET", "/v1.41/containers/json?all=1&filters=%7B%22label%22%3A%7B%22team%3Dci%22%3Atrue%7D%7D"},
		{"create", "POST", "/v1.51/containers/create?name=web"},
		{"inspect", "GET", "/v1.51/containers/4f3c1b6e8a0d4f3c1b6e8a0d4f3c1b6e8a0d4f3c1b6e8a0d4f3c1b6e8a0d4f3c/json"},
		{"encoded", "GET", "/images/localhost%3A5999%2fteam%2Fapp/json?a=%e2%82%ac"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := dockerapi.Classify(bm.method, bm.target); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReferences(b *testing.B) {
	call := classify(b, create)
	body := recorded(b, "create-28.2.json")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dockerapi.References(call, body); err != nil {
			b.Fatal(err)
		}
	}
}
