package main

import (
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// builds are the gRPC calls that ask BuildKit for something, in a gateway that mediates them.
var builds = []sluice.Operation{"BuildkitSolve", "BuildkitFrontendSolve", "BuildkitResolve", "BuildkitContainer", "BuildkitExec"}

// checkConnection refuses builds that nobody can look into. A gateway that switches them off says so better itself.
func (c *config) checkConnection(r *sluice.Request) sluice.Verdict {
	if mode, _ := r.Property("docker", "buildkit"); mode != "mediated" && mode != "deny" && !c.opaque {
		return sluice.Deny("/grpc is not allowed: its builds cannot be looked into in the gateway's mode " + mode +
			" (buildkit.mode of the gateway, or allow_opaque_builds)")
	}
	return sluice.Allow()
}

// checkCall checks what a gRPC call asks for. Its JSON is the gateway's, so keys have one spelling.
func (c *config) checkCall(r *sluice.Request, body dockerjson.Value) string {
	if field := r.UnknownField(); field != "" {
		return "field " + field + ", which nobody here knows, is not allowed"
	}
	for _, def := range body.Descendants("def") {
		if def.Kind() != dockerjson.Array {
			continue
		}
		for _, vertex := range def.Elements() {
			if reason := c.vertex(vertex.Member("op")); reason != "" {
				return reason
			}
		}
	}
	switch r.Operation() {
	case "BuildkitSolve":
		// What a build may do beyond its sandbox, all of it power over the host.
		for _, name := range body.Member("Entitlements").Texts() {
			return "Entitlements " + name + " is not allowed"
		}
		if reason := c.frontend("FrontendAttrs", body.Member("FrontendAttrs")); reason != "" {
			return reason
		}
		if reason := c.policies(body.Member("SourcePolicy").Member("rules")); reason != "" {
			return reason
		}
		cache := body.Member("Cache")
		if reason := c.caches("Cache.Imports", cache.Member("Imports")); reason != "" {
			return reason
		}
		return c.caches("Cache.Exports", cache.Member("Exports"))
	case "BuildkitFrontendSolve":
		if reason := c.frontend("FrontendOpt", body.Member("FrontendOpt")); reason != "" {
			return reason
		}
		if reason := c.allPolicies(body); reason != "" {
			return reason
		}
		return c.caches("CacheImports", body.Member("CacheImports"))
	case "BuildkitResolve":
		if reason := c.allPolicies(body); reason != "" {
			return reason
		}
		return c.source("Source.identifier", body.Member("Source").Member("identifier").Text())
	case "BuildkitContainer":
		return netMode("Network", body.Member("Network").Text())
	}
	init := body.Member("Init")
	if mode := init.Member("Security").Text(); mode != "" && mode != "SANDBOX" {
		return "Init.Security " + mode + " is not allowed"
	}
	if init.Member("Meta").Member("cgroupParent").Text() != "" {
		return "Init.Meta.cgroupParent is not allowed"
	}
	return ""
}

// vertex checks one step of a build.
func (c *config) vertex(op dockerjson.Value) string {
	if identifier := op.Member("source").Member("identifier").Text(); identifier != "" {
		if reason := c.source("source", identifier); reason != "" {
			return reason
		}
	}
	exec := op.Member("exec")
	if !exec.IsSet() {
		return ""
	}
	if reason := netMode("exec.network", exec.Member("network").Text()); reason != "" {
		return reason
	}
	if mode := exec.Member("security").Text(); mode != "" && mode != "SANDBOX" {
		return "exec.security " + mode + " is not allowed"
	}
	if exec.Member("cdiDevices").Len() > 0 {
		return "exec.cdiDevices is not allowed"
	}
	if exec.Member("meta").Member("cgroupParent").Text() != "" {
		return "exec.meta.cgroupParent is not allowed"
	}
	return ""
}

func netMode(field, mode string) string {
	if !oneOf(mode, "", "UNSET", "NONE") {
		return field + " " + mode + " is not allowed"
	}
	return ""
}

// frontend checks the options of a frontend, which makes the steps of a build out of them.
func (c *config) frontend(field string, options dockerjson.Value) string {
	for _, option := range options.Members() {
		key, value := option.Key(), option.Text()
		at := field + " " + key + "=" + value
		switch {
		case key == "force-network-mode" && !oneOf(value, "", "default", "sandbox", "none"):
			return at + " is not allowed"
		case key == "cgroup-parent" && value != "":
			return at + " is not allowed"
		case (key == "context" || strings.HasPrefix(key, "context:")) && !c.remote && !harmlessContext(value):
			return at + " is not allowed (allow_remote)"
		}
	}
	return ""
}

// harmlessContext tells whether a context comes from the client, from a registry, or from another part of the build.
func harmlessContext(value string) bool {
	kind, _, found := strings.Cut(value, ":")
	return value == "" || found && oneOf(kind, "local", "input", "target", "docker-image", "oci-layout")
}

// source checks where a step gets files from.
func (c *config) source(field, identifier string) string {
	scheme, _, _ := strings.Cut(identifier, "://")
	if !oneOf(identifier, "") && !oneOf(scheme, "local", "docker-image", "oci-layout") && !c.remote {
		return field + " " + identifier + " is not allowed (allow_remote)"
	}
	return ""
}

// policies checks rules that put one source in the place of another.
func (c *config) policies(rules dockerjson.Value) string {
	for _, rule := range rules.Elements() {
		if reason := c.source("SourcePolicy.rules.updates.identifier", rule.Member("updates").Member("identifier").Text()); reason != "" {
			return reason
		}
	}
	return ""
}

func (c *config) allPolicies(body dockerjson.Value) string {
	for _, policy := range body.Member("SourcePolicies").Elements() {
		if reason := c.policies(policy.Member("rules")); reason != "" {
			return reason
		}
	}
	return ""
}

// caches checks where the engine reads and writes a cache: others than these connect to an address in their attributes.
func (c *config) caches(field string, entries dockerjson.Value) string {
	for _, entry := range entries.Elements() {
		if kind := entry.Member("Type").Text(); !oneOf(kind, "registry", "local", "inline") && !c.remote {
			return field + " " + kind + " is not allowed (allow_remote)"
		}
	}
	return ""
}
