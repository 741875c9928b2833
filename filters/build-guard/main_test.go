package main

import (
	"net/url"
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

const (
	solve         = "/moby.buildkit.v1.Control/Solve"
	frontendSolve = "/moby.buildkit.v1.frontend.LLBBridge/Solve"
	resolveConfig = "/moby.buildkit.v1.frontend.LLBBridge/ResolveImageConfig"
	resolveMeta   = "/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta"

	strict = `{"sources":["docker-image://registry.example.org/*","docker-image://docker.io/library/alpine:3"],"frontends":["dockerfile.v0","gateway.v0"],` +
		`"frontend_images":["docker/dockerfile:1*"],"caches":["inline"],"exporters":["moby","local"],"push":false}`
)

func TestFilter(t *testing.T) {
	pass := func(name, method, document string) filtertest.Case {
		return filtertest.Case{Name: name, Request: filtertest.Build(method, document)}
	}
	deny := func(name, method, document, reason string) filtertest.Case {
		c := pass(name, method, document)
		c.Want.Denied = reason
		return c
	}
	build := func(name, query, reason string) filtertest.Case {
		return filtertest.Case{Name: name, Request: filtertest.Post("/v1.41/build?"+query, ""), Want: filtertest.Want{Denied: reason}}
	}
	option := func(key, value string) string {
		return `{"Frontend":"dockerfile.v0","FrontendOpt":{"` + key + `":"` + value + `"}}`
	}
	source := func(identifier string) string {
		return `{"Definition":{"def":[{"digest":"sha256:0","op":{"exec":{}}},{"digest":"sha256:1","op":{"source":{"identifier":"` + identifier + `"}}}]}}`
	}
	filtertest.Run(t, filtertest.Suite{
		Module: "../build-guard.wasm",
		Config: strict,
		Cases: []filtertest.Case{
			{Name: "the connection", Request: filtertest.Post("/grpc", "")},
			{
				Name: "a connection that cannot be looked into", Want: filtertest.Want{Denied: "builds cannot be looked into in the gateway's mode opaque"},
				Request: filtertest.Request{Method: "POST", Path: "/grpc", Properties: map[string]string{"docker.buildkit": "opaque"}},
			},
			{
				Name:    "a gateway that refuses builds itself",
				Request: filtertest.Request{Method: "POST", Path: "/grpc", Properties: map[string]string{"docker.buildkit": "deny"}},
			},
			pass("an ordinary build", solve, `{"Ref":"r","Exporters":[{"Type":"moby","Attrs":{"name":"x"}}],"Cache":{"Exports":[{"Type":"inline"}]}}`),
			pass("its frontend", frontendSolve, `{"Frontend":"dockerfile.v0","FrontendOpt":{"filename":"Dockerfile","context:a":"local:a","context:b":"docker-image://registry.example.org/x"}}`),
			pass("a frontend's image", frontendSolve, option("source", "docker/dockerfile:1.7")),
			pass("a frontend's image with arguments", frontendSolve, option("cmdline", "docker/dockerfile:1.7 --x")),
			pass("an image of ours", frontendSolve, source("docker-image://registry.example.org/team/app:1")),
			pass("an image by its name", frontendSolve, source("docker-image://docker.io/library/alpine:3")),
			pass("the client's files", frontendSolve, source("local://context")),
			pass("a look at an image of ours", resolveConfig, `{"Ref":"registry.example.org/app:1"}`),
			pass("the same, newer", resolveMeta, `{"Source":{"identifier":"docker-image://registry.example.org/app:1"}}`),
			build("a build of the client's files", "t=x", ""),
			build("a build over the session", "version=2&remote=client-session&cachefrom=%5B%5D&buildargs=%7B%22A%22%3A%22b%22%7D", ""),
			build("a build into a folder", "outputs="+url.QueryEscape(`[{"Type":"local","Attrs":{}}]`), ""),

			deny("another image", frontendSolve, source("docker-image://docker.io/library/alpine:4"), "source docker-image://docker.io/library/alpine:4 is not allowed (sources)"),
			deny("an address", solve, source("https://example.org/x"), "source https://example.org/x"),
			deny("an address in an input", solve, `{"FrontendInputs":{"x":{"def":[{"digest":"sha256:0","op":{"source":{"identifier":"git://x"}}}]}}}`, "source git://x"),
			deny("an address for a context", frontendSolve, option("context", "https://example.org/x.git"), "FrontendOpt context https://example.org/x.git is not allowed (sources)"),
			deny("an image for a context", frontendSolve, option("context:base", "docker-image://busybox"), "FrontendOpt context:base docker-image://busybox"),
			deny("a rule that leads elsewhere", solve, `{"SourcePolicy":{"rules":[{"action":"CONVERT","updates":{"identifier":"docker-image://evil"}}]}}`, "SourcePolicy updates.identifier docker-image://evil"),
			deny("a frontend's rule that does", frontendSolve, `{"SourcePolicies":[{"rules":[{"updates":{"identifier":"docker-image://evil"}}]}]}`, "SourcePolicies updates.identifier"),
			deny("a look at another image", resolveConfig, `{"Ref":"docker.io/library/busybox:latest"}`, "Ref docker-image://docker.io/library/busybox:latest"),
			deny("a look at an address", resolveMeta, `{"Source":{"identifier":"https://example.org"}}`, "Source.identifier https://example.org"),
			deny("another frontend", solve, `{"Frontend":"evil.v0"}`, "Frontend evil.v0 is not allowed (frontends)"),
			deny("another frontend's image", solve, `{"Frontend":"gateway.v0","FrontendAttrs":{"source":"evil/frontend"}}`, "FrontendAttrs source evil/frontend is not allowed (frontend_images)"),
			deny("the same by an argument", frontendSolve, option("build-arg:BUILDKIT_SYNTAX", "evil/frontend"), "BUILDKIT_SYNTAX evil/frontend"),
			deny("another exporter", solve, `{"Exporters":[{"Type":"moby"},{"Type":"oci"}]}`, "Exporters oci is not allowed (exporters)"),
			deny("another exporter by the older field", solve, `{"ExporterDeprecated":"image"}`, "ExporterDeprecated image"),
			deny("exporters of the session", solve, `{"EnableSessionExporter":true}`, "EnableSessionExporter"),
			deny("a field that nobody knows", solve, `{"#99":["mAYH"]}`, "field 99, which nobody here knows"),
			deny("a push", solve, `{"Exporters":[{"Type":"moby","Attrs":{"push":"true"}}]}`, "to push the result is not allowed (push)"),
			deny("a push by a word alone", solve, `{"Exporters":[{"Type":"moby","Attrs":{"push":""}}]}`, "to push the result is not allowed (push)"),
			deny("an address that climbs out of its folder", solve, source("docker-image://registry.example.org/../x"), "is not allowed (sources)"),
			deny("the same, escaped", frontendSolve, option("context", "docker-image://registry.example.org/%2E%2e/x"), "is not allowed (sources)"),
			deny("a frontend under development", frontendSolve, option("gateway-devel", "true"), "FrontendOpt gateway-devel is not allowed (frontends)"),
			deny("a cache in a registry", solve, `{"Cache":{"Exports":[{"Type":"registry"}]}}`, "Cache.Exports: a cache of type registry is not allowed (caches)"),
			deny("a cache from a registry", solve, `{"Cache":{"Imports":[{"Type":"registry"}]}}`, "Cache.Imports: a cache of type registry"),
			deny("the same by the older fields", solve, `{"Cache":{"ImportRefsDeprecated":["x"]}}`, "Cache: a cache of type registry"),
			deny("the same of the frontend's", frontendSolve, `{"CacheImports":[{"Type":"gha"}]}`, "CacheImports: a cache of type gha"),
			deny("the same of the oldest", frontendSolve, `{"ImportCacheRefsDeprecated":["x"]}`, "ImportCacheRefsDeprecated: a cache of type registry"),
			deny("the same as an option", frontendSolve, option("cache-from", "x/y"), "FrontendOpt cache-from: a cache of type registry"),
			deny("the same as an option's list", frontendSolve, option("cache-imports", `[{\"Type\":\"s3\"}]`), "cache-imports: a cache of type s3"),
			deny("what is no list", frontendSolve, option("cache-imports", "x"), "FrontendOpt cache-imports: "),
			build("an address for a context of the engine's", "remote="+url.QueryEscape("https://example.org/x.git"), "build: remote https://example.org/x.git is not allowed (sources)"),
			build("a cache of the engine's", "cachefrom="+url.QueryEscape(`["x"]`), "build: cachefrom: a cache of type registry"),
			build("an exporter of the engine's", "outputs="+url.QueryEscape(`[{"Type":"oci"}]`), "build: outputs oci is not allowed"),
			build("a frontend's image of the engine's", "buildargs="+url.QueryEscape(`{"BUILDKIT_SYNTAX":"evil"}`), "build: buildargs BUILDKIT_SYNTAX evil"),

			{Name: "one list only", Config: `{"exporters":["moby"]}`, Request: filtertest.Build(frontendSolve, source("https://example.org/x"))},
			{
				Name: "files for the client only", Config: `{"exporters":["local"]}`, Request: filtertest.Post("/v1.41/build?t=x", ""),
				Want: filtertest.Want{Denied: "build: outputs moby is not allowed (exporters)"},
			},
			{
				Name: "the same with an empty list", Config: `{"exporters":["local"]}`, Request: filtertest.Post("/v1.41/build?outputs="+url.QueryEscape("[]"), ""),
				Want: filtertest.Want{Denied: "build: outputs moby is not allowed (exporters)"},
			},
			{Name: "no exporter at all", Config: `{"exporters":[]}`, Request: filtertest.Build(solve, `{"Exporters":[{"Type":"local"}]}`), Want: filtertest.Want{Denied: "Exporters local"}},
		},
		Refused: map[string]string{
			`{}`:               "allows everything",
			`{"source":["x"]}`: "source: unknown key, did you mean sources?",
			`{"sources":"x"}`:  "sources: is a string, want a list of strings",
			`{"push":1}`:       "push: is a number, want true or false",
		},
	})
}
