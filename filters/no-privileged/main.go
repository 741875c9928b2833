// Command no-privileged is a filter that refuses containers, services, execs, builds, volumes, networks, plugins and swarms
// which would give their user power over the host: privileged mode, added capabilities, devices, the host's namespaces and
// folders, and the ways around these. Every refusal names the field.
package main

import (
	"path"
	"slices"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// config is what the operator allows in spite of it.
type config struct {
	binds          []string // cleaned absolute paths
	trees          []string // those that are allowed with what is below them
	fields         []string // of HostConfig and the like, that this filter does not know
	capabilities   []string // upper case, without CAP_
	runtimes       []string
	volumeDrivers  []string
	logDrivers     []string
	networkDrivers []string
	masked         []string // what MaskedPaths hides at least, where it is set
	readonly       []string // the same of ReadonlyPaths
	sharing        bool     // volumes, namespaces and links of other containers
	existing       bool     // containers that have powers already
	remote         bool     // addresses that the engine fetches from
	swarm          bool
	opaque         bool // builds that nobody looks into
}

var withBody = []sluice.Operation{
	"ContainerCreate", "ContainerStart", "ContainerUpdate", "ContainerExec", "CheckpointCreate", "VolumeCreate", "NetworkCreate",
	"ServiceCreate", "ServiceUpdate",
}

var withQuery = []sluice.Operation{"ContainerRestart", "ExecStart", "ContainerAttach", "ContainerAttachWebsocket", "ContainerArchive", "PutContainerArchive", "ImageBuild", "ImageCreate", "CheckpointList", "CheckpointDelete", "Grpc"}

// Disabling one may take an authorization plugin's rules away.
var plugins = []sluice.Operation{
	"PluginPull", "PluginCreate", "PluginUpgrade", "PluginSet", "PluginEnable", "PluginDisable", "PluginDelete",
}

// What makes the host a member of a cluster, or another node its manager.
var swarm = []sluice.Operation{"SwarmInit", "SwarmJoin", "SwarmUpdate", "SwarmUnlock", "NodeUpdate"}

func init() {
	sluice.Register(sluice.Filter[config]{
		Name:             "no-privileged",
		Parse:            parse,
		Operations:       slices.Concat(withBody, withQuery, plugins, swarm, builds),
		ResolvesResource: true,
		RequestHeaders:   checkQuery,
		RequestBody:      checkBody,
		RequestBodyFor:   slices.Concat(withBody, builds),
	})
}

func parse(c *sluice.Config) config {
	cfg := config{
		fields:         c.Strings("allow_fields"),
		existing:       c.Bool("allow_existing", false),
		runtimes:       append(c.Strings("allow_runtimes"), "", "runc", "io.containerd.runc.v2"),
		volumeDrivers:  c.Strings("allow_volume_drivers"),
		logDrivers:     c.Strings("allow_log_drivers"),
		networkDrivers: c.Strings("allow_network_drivers"),
		masked:         listed(c, "masked_paths", maskedPaths),
		readonly:       listed(c, "readonly_paths", readonlyPaths),
		sharing:        c.Bool("allow_sharing", false),
		remote:         c.Bool("allow_remote", false),
		swarm:          c.Bool("allow_swarm", false),
		opaque:         c.Bool("allow_opaque_builds", false),
	}
	for _, bind := range c.Strings("allow_binds") {
		if !strings.HasPrefix(bind, "/") {
			c.Problem("allow_binds", bind+" is not an absolute path")
		}
		if tree, ok := strings.CutSuffix(bind, "/**"); ok {
			cfg.trees = append(cfg.trees, path.Clean("/"+tree))
		} else {
			cfg.binds = append(cfg.binds, path.Clean(bind))
		}
	}
	for _, name := range c.Strings("allow_capabilities") {
		cfg.capabilities = append(cfg.capabilities, capability(name))
	}
	return cfg
}

// listed is a list of paths of the configuration, or the default where there is none.
func listed(c *sluice.Config, key string, otherwise []string) []string {
	paths := c.Strings(key)
	if len(paths) == 0 {
		return otherwise
	}
	return paths
}

// checkQuery decides what needs no body.
func checkQuery(c *config, r *sluice.Request) sluice.Verdict {
	if v, denied := c.judgeTarget(r); denied {
		return v
	}
	switch op := r.Operation(); op {
	case "ImageBuild":
		return checkBuild(c, r)
	case "ImageCreate":
		if source, _ := r.Query("fromSrc"); !oneOf(source, "", "-") && !c.remote {
			return sluice.Deny("fromSrc " + source + " is not allowed (allow_remote)")
		}
	case "ContainerStart":
		return noFolder(r, "checkpoint-dir")
	case "CheckpointList", "CheckpointDelete":
		return noFolder(r, "dir")
	case "Grpc":
		return c.checkConnection(r)
	default:
		switch {
		case slices.Contains(plugins, op):
			return sluice.Deny(string(op) + ": plugins run with privileges of their own on the host")
		case slices.Contains(swarm, op) && !c.swarm:
			return sluice.Deny(string(op) + ": the managers of a swarm have power over its hosts (allow_swarm)")
		}
	}
	return sluice.Allow()
}

// noFolder refuses a parameter that names a folder of the host.
func noFolder(r *sluice.Request, name string) sluice.Verdict {
	if value, _ := r.Query(name); value != "" {
		return sluice.Deny(name + " " + value + " is not allowed")
	}
	return sluice.Allow()
}

func checkBuild(c *config, r *sluice.Request) sluice.Verdict {
	mode, _ := r.Query("networkmode")
	if reason := c.network("networkmode", mode); reason != "" {
		return sluice.Deny("build: " + reason)
	}
	// With client-session the context comes from the client over the session.
	if remote, _ := r.Query("remote"); !oneOf(remote, "", "client-session") && !c.remote {
		return sluice.Deny("build: remote " + remote + " is not allowed (allow_remote)")
	}
	for _, name := range []string{"securityopt", "cgroupparent"} {
		if value, _ := r.Query(name); value != "" && value != "null" && value != "[]" {
			return sluice.Deny("build: " + name + " is not allowed")
		}
	}
	if v, denied := c.judgeNamed(r, "query"); denied {
		return v
	}
	return sluice.Allow()
}

func checkBody(c *config, r *sluice.Request) sluice.Verdict {
	body := r.JSON()
	reason := ""
	switch op := r.Operation(); op {
	case "BuildkitSolve", "BuildkitFrontendSolve", "BuildkitResolve", "BuildkitContainer", "BuildkitExec":
		reason = c.checkCall(r, body)
	case "ContainerCreate":
		reason = c.knownHostConfig("HostConfig.", body.Get("HostConfig"))
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
		reason = c.volume(body)
	case "ContainerUpdate":
		// The engine takes the resources only. Devices are among their fields.
		reason = c.hostConfig("", body)
	case "CheckpointCreate":
		if folder := body.Get("CheckpointDir").Text(); folder != "" {
			reason = "CheckpointDir " + folder + " is not allowed"
		}
	case "NetworkCreate":
		// Those that are missing here attach containers to the host's own network, or are plugins.
		if driver := body.Get("Driver").Text(); !oneOf(driver, "", "default", "bridge", "overlay", "null") && !slices.Contains(c.networkDrivers, driver) {
			reason = "Driver " + driver + " is not allowed (allow_network_drivers)"
		} else {
			reason = hostInterface(body.Get("Options"))
		}
	case "ServiceCreate", "ServiceUpdate":
		reason = c.service(body)
	default:
		return sluice.Deny(string(op) + " is not one that this filter knows how to check")
	}
	if reason != "" {
		return sluice.Deny(reason)
	}
	if v, denied := c.judgeNamed(r, "body"); denied {
		return v
	}
	return sluice.Allow()
}

func (c *config) volume(body dockerjson.Value) string {
	if reason := c.volumeDriver("Driver", body.Get("Driver").Text()); reason != "" {
		return reason
	}
	if body.Get("ClusterVolumeSpec").IsSet() && !c.swarm {
		return "ClusterVolumeSpec is not allowed (allow_swarm)"
	}
	return c.driverOptions("DriverOpts", pairs(body.Get("DriverOpts")))
}

// service checks a ServiceSpec.
func (c *config) service(spec dockerjson.Value) string {
	task := spec.Get("TaskTemplate")
	container := task.Get("ContainerSpec")
	const at = "TaskTemplate.ContainerSpec."
	if reason := c.unknown("TaskTemplate.", task, taskFields); reason != "" {
		return reason
	}
	if reason := c.unknown(at, container, serviceFields); reason != "" {
		return reason
	}
	if reason := c.mounts(at+"Mounts", container.Get("Mounts")); reason != "" {
		return reason
	}
	if reason := c.addedCapabilities(at+"CapabilityAdd", container.Get("CapabilityAdd").Texts()); reason != "" {
		return reason
	}
	if reason := sysctls(at+"Sysctls", container.Get("Sysctls")); reason != "" {
		return reason
	}
	if reason := c.logDriver("TaskTemplate.LogDriver.Name", task.Get("LogDriver").Get("Name").Text()); reason != "" {
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
	case task.Get("PluginSpec").IsSet() || task.Get("NetworkAttachmentSpec").IsSet() || !oneOf(task.Get("Runtime").Text(), "", "container"):
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
