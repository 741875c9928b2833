package main

import (
	"slices"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

// What exists already may have powers that nobody was allowed to give it through this filter. So the volumes and the containers
// that a new container makes use of are looked at, and the containers that somebody gets into.

// enters are the operations by which a client runs something in a container that exists, or reaches its files.
var enters = []sluice.Operation{
	"ContainerStart", "ContainerRestart", "ContainerExec", "ExecStart", "ContainerAttach", "ContainerAttachWebsocket", "ContainerArchive", "PutContainerArchive",
}

// judgeTarget judges the container that the request's path names, by what the engine says of it.
func (c *config) judgeTarget(r *sluice.Request) (sluice.Verdict, bool) {
	if c.existing || !slices.Contains(enters, r.Operation()) {
		return sluice.Verdict{}, false
	}
	container := r.Pin()
	if container.Kind() == sluice.Exec {
		container = r.Resolve(sluice.Container, container.Container())
	}
	if !container.Exists() {
		// Not left to the engine: by then there may be one.
		return sluice.DenyWith(404, "No such "+r.ResourceKind()+": "+r.ResourceID()), container.Known()
	}
	if reason := c.powers(r, container, 0); reason != "" {
		return sluice.Deny("container " + container.Name() + " exists with powers: " + reason + " (allow_existing)"), true
	}
	return sluice.Verdict{}, false
}

// judgeNamed judges the containers and volumes that the request names in a part of it.
func (c *config) judgeNamed(r *sluice.Request, part string) (sluice.Verdict, bool) {
	named := r.Named()
	for i := range named {
		n := &named[i]
		if n.In != part || n.Role != sluice.Use {
			continue
		}
		thing, reason := (*sluice.Reference)(nil), ""
		switch {
		case n.Kind == sluice.Volume:
			// One that does not exist is created: without options, or with those of the mount, which are looked at.
			if thing = n.Resolve(); thing.Exists() {
				reason = c.volumeOptions(n.Where+" "+n.Ref+": ", thing)
			}
		case n.Kind == sluice.Container && c.sharing && !c.existing:
			if thing = n.Resolve(); !thing.Exists() {
				return sluice.DenyWith(404, "No such container: "+n.Ref), thing.Known()
			}
			if reason = c.powers(r, thing, 0); reason != "" {
				reason = n.Where + ": container " + thing.Name() + " has powers: " + reason + " (allow_existing)"
			}
			n.Replace(thing.ID())
		}
		if reason != "" {
			return sluice.Deny(reason), true
		}
	}
	return sluice.Verdict{}, false
}

// volumeOptions judges a volume that exists.
func (c *config) volumeOptions(at string, volume *sluice.Reference) string {
	if volume.Driver() != "local" {
		return "" // what others do, they were installed for
	}
	return c.driverOptions(at+"its options", volume.Options())
}

// maxSharing is how many containers may share a namespace one behind the other.
const maxSharing = 4

// powers tells what a container has that this filter would not have let it be created with. Settings that the engine has
// defaults for are left out.
func (c *config) powers(r *sluice.Request, container *sluice.Reference, depth int) string {
	if depth == maxSharing {
		return "it shares a namespace over too many others"
	}
	h := container.HostConfig()
	if h.Get("Privileged").Bool() {
		return "Privileged"
	}
	if reason := c.addedCapabilities("CapAdd", h.Get("CapAdd").Texts()); reason != "" {
		return reason
	}
	for _, name := range []string{"Devices", "DeviceRequests", "DeviceCgroupRules", "Capabilities"} {
		if h.Get(name).Len() > 0 {
			return name
		}
	}
	for _, name := range []string{"MaskedPaths", "ReadonlyPaths"} {
		if paths := h.Get(name); paths.IsSet() && paths.Len() == 0 {
			return name + " is empty"
		}
	}
	for _, option := range h.Get("SecurityOpt").Texts() {
		if !harmless(option) {
			return "SecurityOpt " + option
		}
	}
	if reason := sysctls("Sysctls", h.Get("Sysctls")); reason != "" {
		return reason
	}
	for _, name := range []string{"NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode"} {
		mode := h.Get(name).Text()
		if mode == "host" {
			return name + " host"
		}
		if other, ok := strings.CutPrefix(mode, "container:"); ok {
			shared := r.Resolve(sluice.Container, other)
			if !shared.Exists() {
				continue // it cannot be started
			}
			if reason := c.powers(r, shared, depth+1); reason != "" {
				return name + " of " + shared.Name() + ", which has " + reason
			}
		}
	}
	return c.mounted(r, container)
}

// mounted tells what of the host a container has mounted.
func (c *config) mounted(r *sluice.Request, container *sluice.Reference) string {
	for _, m := range container.Mounts().Elements() {
		switch source := m.Get("Source").Text(); m.Get("Type").Text() {
		case "bind":
			if !c.mayBind(source) {
				return "a mount of " + source
			}
		case "volume":
			name := m.Get("Name").Text()
			if reason := c.volumeOptions("volume "+name+": ", r.Resolve(sluice.Volume, name)); reason != "" {
				return reason
			}
		case "npipe":
			return "a mount of " + source
		}
	}
	return ""
}
