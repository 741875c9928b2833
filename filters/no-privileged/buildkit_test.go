package main

import (
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

var (
	opaque = map[string]string{"docker.buildkit": "opaque"}
	off    = map[string]string{"docker.buildkit": "deny"}
)

const (
	solve         = "/moby.buildkit.v1.Control/Solve"
	frontendSolve = "/moby.buildkit.v1.frontend.LLBBridge/Solve"
	resolve       = "/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta"
	container     = "/moby.buildkit.v1.frontend.LLBBridge/NewContainer"
	process       = "/moby.buildkit.v1.frontend.LLBBridge/ExecProcess"
)

// definition is a request with one step of a build.
func definition(op string) string {
	return `{"Definition":{"def":[{"digest":"sha256:0","op":{"source":{"identifier":"docker-image://busybox"}}},{"digest":"sha256:1","op":` + op + `}]}}`
}

// buildCases are the cases of BuildKit's calls.
func buildCases() []filtertest.Case {
	pass := func(name, method, document string) filtertest.Case {
		return filtertest.Case{Name: name, Request: filtertest.Build(method, document)}
	}
	const hostExec = `{"exec":{"meta":{"args":["true"]},"network":"HOST"}}`
	return []filtertest.Case{
		{Name: "BuildKit's connection", Request: filtertest.Request{Method: "POST", Path: "/grpc"}},
		{Name: "the same in a gateway that refuses builds itself", Request: filtertest.Request{Method: "POST", Path: "/grpc", Properties: off}},
		pass("docker buildx build", solve, `{"Ref":"r","Session":"s","Exporters":[{"Type":"moby","Attrs":{"name":"x"}}],"Cache":{"Imports":[{"Type":"registry","Attrs":{"ref":"x/y"}}]}}`),
		pass("the same, asked of the frontend", frontendSolve,
			`{"Frontend":"dockerfile.v0","FrontendOpt":{"build-arg:a":"1","build-arg:A":"2","filename":"Dockerfile","force-network-mode":"none","context:base":"docker-image://busybox"},"allowResultReturn":true}`),
		pass("steps in a sandbox", solve, definition(`{"exec":{"meta":{"args":["true"],"env":["#1:[=x"]},"network":"NONE"}}`)),
		pass("files of the client", solve, definition(`{"source":{"identifier":"local://context","attrs":{"def":"x"}}}`)),
		pass("a container of the build", container, `{"ContainerID":"c","Network":"NONE"}`),
		pass("a process of the build", process, `{"ProcessID":"p","Init":{"ContainerID":"c","Meta":{"args":["sh"]}}}`),
		pass("what is not about power", "/moby.buildkit.v1.Control/ListWorkers", `{}`),

		denied("the host's network, by entitlement", solve, `{"Entitlements":["network.host"]}`, "Entitlements network.host is not allowed"),
		denied("a privileged step, by entitlement", solve, `{"Entitlements":["security.insecure"]}`, "Entitlements security.insecure"),
		denied("an entitlement that is to be invented yet", solve, `{"Entitlements":["device=all"]}`, "Entitlements device=all"),
		denied("the host's network, by the frontend", solve, `{"Frontend":"dockerfile.v0","FrontendAttrs":{"force-network-mode":"host"}}`, "FrontendAttrs force-network-mode=host"),
		denied("the host's network, by the frontend that is asked later", frontendSolve, `{"FrontendOpt":{"force-network-mode":"host"}}`, "FrontendOpt force-network-mode=host"),
		denied("the host's network, by a step", solve, definition(hostExec), "exec.network HOST"),
		denied("the host's network, by a step of the frontend's", frontendSolve, definition(hostExec), "exec.network HOST"),
		denied("the host's network, by a step of an input", frontendSolve, `{"FrontendInputs":{"def":{"def":[{"digest":"sha256:1","op":`+hostExec+`}]}}}`, "exec.network HOST"),
		denied("the host's network, by a step of a build inside", solve, definition(`{"build":{"builder":-1,"def":{"def":[{"digest":"sha256:2","op":`+hostExec+`}]}}}`), "exec.network HOST"),
		denied("the host's network, by a container", container, `{"Network":"HOST"}`, "Network HOST"),
		denied("a privileged step", solve, definition(`{"exec":{"security":"INSECURE"}}`), "exec.security INSECURE"),
		denied("a privileged process", process, `{"Init":{"Security":"INSECURE"}}`, "Init.Security INSECURE"),
		denied("a device", solve, definition(`{"exec":{"cdiDevices":[{"name":"x/y=z"}]}}`), "exec.cdiDevices"),
		denied("a control group", frontendSolve, `{"FrontendOpt":{"cgroup-parent":"/x"}}`, "FrontendOpt cgroup-parent=/x"),
		denied("a control group of a step", solve, definition(`{"exec":{"meta":{"cgroupParent":"/x"}}}`), "exec.meta.cgroupParent"),
		denied("a control group of a process", process, `{"Init":{"Meta":{"cgroupParent":"/x"}}}`, "Init.Meta.cgroupParent"),
		denied("an address for a context", frontendSolve, `{"FrontendOpt":{"context":"http://169.254.169.254/"}}`, "allow_remote"),
		denied("an address for a named context", frontendSolve, `{"FrontendOpt":{"context:x":"https://example.org/x.git"}}`, "allow_remote"),
		denied("an address for a source", solve, definition(`{"source":{"identifier":"http://169.254.169.254/"}}`), "source http://169.254.169.254/ is not allowed (allow_remote)"),
		denied("an address that is looked up", resolve, `{"Source":{"identifier":"git://example.org/x"}}`, "Source.identifier git://example.org/x"),
		denied("an address by way of a rule", solve, `{"SourcePolicy":{"rules":[{"action":"CONVERT","updates":{"identifier":"http://x/"}}]}}`, "SourcePolicy.rules.updates.identifier http://x/"),
		denied("an address by way of the frontend's rule", frontendSolve, `{"SourcePolicies":[{"rules":[{"updates":{"identifier":"http://x/"}}]}]}`, "http://x/"),
		denied("an address for a cache", solve, `{"Cache":{"Exports":[{"Type":"s3","Attrs":{"endpoint_url":"http://x"}}]}}`, "Cache.Exports s3"),
		denied("a field that nobody knows", solve, `{"Ref":"r","#17":["igEA"]}`, "field 17, which nobody here knows"),
		{
			Name: "addresses, where they are allowed", Config: `{"allow_remote":true}`,
			Request: filtertest.Build(frontendSolve, `{"FrontendOpt":{"context":"https://example.org/x.git"},"CacheImports":[{"Type":"gha"}]}`),
		},
	}
}
