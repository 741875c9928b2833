// Command no-privileged is a filter that refuses containers, services, execs, builds and volumes which would give their
// user power over the host: privileged mode, added capabilities, devices, the host's namespaces and folders, and the ways
// around these. Every refusal names the field.
package main

import (
	"path"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// config is what the operator allows in spite of it.
type config struct {
	binds        []string // cleaned absolute paths
	capabilities []string // upper case, without CAP_
	runtimes     []string
	sharing      bool // volumes and namespaces of other containers
}

var withBody = []sluice.Operation{
	"ContainerCreate", "ContainerStart", "ContainerExec", "VolumeCreate", "ServiceCreate", "ServiceUpdate",
}

var plugins = []sluice.Operation{"PluginPull", "PluginCreate", "PluginUpgrade", "PluginSet", "PluginEnable"}

func init() {
	sluice.Register(sluice.Filter[config]{
		Name:           "no-privileged",
		Parse:          parse,
		Operations:     append(append([]sluice.Operation{"ImageBuild"}, plugins...), withBody...),
		RequestHeaders: checkQuery,
		RequestBody:    checkBody,
		RequestBodyFor: withBody,
	})
}

func parse(c *sluice.Config) config {
	cfg := config{
		binds:    c.Strings("allow_binds"),
		runtimes: append(c.Strings("allow_runtimes"), "", "runc", "io.containerd.runc.v2"),
		sharing:  c.Bool("allow_sharing", false),
	}
	for i, bind := range cfg.binds {
		if !strings.HasPrefix(bind, "/") {
			c.Problem("allow_binds", bind+" is not an absolute path")
		}
		cfg.binds[i] = path.Clean(bind)
	}
	for _, name := range c.Strings("allow_capabilities") {
		cfg.capabilities = append(cfg.capabilities, capability(name))
	}
	return cfg
}

// checkQuery decides what needs no body.
func checkQuery(c *config, r *sluice.Request) sluice.Verdict {
	switch op := r.Operation(); op {
	case "ImageBuild":
		return checkBuild(c, r)
	default:
		for _, p := range plugins {
			if op == p {
				return sluice.Deny(string(op) + ": plugins run with privileges of their own on the host")
			}
		}
	}
	return sluice.Allow()
}

func checkBuild(c *config, r *sluice.Request) sluice.Verdict {
	mode, _ := r.Query("networkmode")
	if reason := c.network("networkmode", mode); reason != "" {
		return sluice.Deny("build: " + reason)
	}
	for _, name := range []string{"securityopt", "cgroupparent"} {
		if value, _ := r.Query(name); value != "" && value != "null" && value != "[]" {
			return sluice.Deny("build: " + name + " is not allowed")
		}
	}
	return sluice.Allow()
}

func checkBody(c *config, r *sluice.Request) sluice.Verdict {
	body := r.JSON()
	reason := ""
	switch op := r.Operation(); op {
	case "ContainerCreate":
		reason = c.hostConfig("HostConfig.", body.Get("HostConfig"))
		if reason == "" {
			// Engines up to 26.1 take the whole body for the HostConfig where there is none.
			reason = c.hostConfig("", body)
		}
		if reason == "" {
			reason = endpoints(body.Get("NetworkingConfig").Get("EndpointsConfig"))
		}
	case "ContainerStart":
		// Engines up to 24 take a HostConfig here, for versions of the API before 1.24.
		reason = c.hostConfig("", body)
	case "ContainerExec":
		if body.Get("Privileged").Bool() {
			reason = "Privileged is not allowed"
		}
	case "VolumeCreate":
		reason = driverOptions("DriverOpts", body.Get("DriverOpts"))
	case "ServiceCreate", "ServiceUpdate":
		reason = c.service(body)
	default:
		return sluice.Deny(string(op) + " is not one that this filter knows how to check")
	}
	if reason != "" {
		return sluice.Deny(reason)
	}
	return sluice.Allow()
}

// service checks a ServiceSpec.
func (c *config) service(spec dockerjson.Value) string {
	task := spec.Get("TaskTemplate")
	container := task.Get("ContainerSpec")
	const at = "TaskTemplate.ContainerSpec."
	if reason := c.mounts(at+"Mounts", container.Get("Mounts")); reason != "" {
		return reason
	}
	if reason := c.addedCapabilities(at+"CapabilityAdd", container.Get("CapabilityAdd").Texts()); reason != "" {
		return reason
	}
	privileges := container.Get("Privileges")
	switch {
	case privileges.Get("SELinuxContext").Get("Disable").Bool():
		return at + "Privileges.SELinuxContext.Disable is not allowed"
	case !oneOf(privileges.Get("Seccomp").Get("Mode").Text(), "", "default"):
		return at + "Privileges.Seccomp.Mode is not allowed"
	case !oneOf(privileges.Get("AppArmor").Get("Mode").Text(), "", "default"):
		return at + "Privileges.AppArmor.Mode is not allowed"
	case privileges.Get("CredentialSpec").IsSet():
		return at + "Privileges.CredentialSpec is not allowed"
	case task.Get("PluginSpec").IsSet() || !oneOf(task.Get("Runtime").Text(), "", "container"):
		return "TaskTemplate.Runtime: only containers are allowed"
	}
	for _, networks := range []dockerjson.Value{task.Get("Networks"), spec.Get("Networks")} {
		for _, n := range networks.Elements() {
			if reason := c.network("Networks.Target", n.Get("Target").Text()); reason != "" {
				return reason
			}
		}
	}
	return ""
}

func oneOf(s string, allowed ...string) bool {
	for _, a := range allowed {
		if s == a {
			return true
		}
	}
	return false
}

func main() {}
