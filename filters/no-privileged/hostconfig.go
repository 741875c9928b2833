package main

import (
	"path"
	"slices"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// hostConfig checks an object that the engine takes for a HostConfig and returns the reason to refuse it, "" for none. at
// is where the object stands, for the reason.
func (c *config) hostConfig(at string, h dockerjson.Value) string {
	if h.Get("Privileged").Bool() {
		return at + "Privileged is not allowed"
	}
	if reason := c.addedCapabilities(at+"CapAdd", h.Get("CapAdd").Texts()); reason != "" {
		return reason
	}
	// Lists and maps that are to be empty. Null is what clients send for "the default".
	for _, name := range []string{"Devices", "DeviceRequests", "DeviceCgroupRules", "Capabilities"} {
		if h.Get(name).Len() > 0 {
			return at + name + " is not allowed"
		}
	}
	if reason := protected(at+"MaskedPaths", "masked_paths", h.Get("MaskedPaths"), c.masked, maskedPaths); reason != "" {
		return reason
	}
	if reason := protected(at+"ReadonlyPaths", "readonly_paths", h.Get("ReadonlyPaths"), c.readonly, readonlyPaths); reason != "" {
		return reason
	}
	for _, name := range []string{"CgroupParent", "Cgroup"} {
		if h.Get(name).Text() != "" {
			return at + name + " is not allowed"
		}
	}
	for _, option := range h.Get("SecurityOpt").Texts() {
		if !harmless(option) {
			return at + "SecurityOpt " + option + " is not allowed"
		}
	}
	if runtime := h.Get("Runtime").Text(); !slices.Contains(c.runtimes, runtime) {
		return at + "Runtime " + runtime + " is not allowed"
	}
	if reason := c.namespaces(at, h); reason != "" {
		return reason
	}
	if reason := sysctls(at+"Sysctls", h.Get("Sysctls")); reason != "" {
		return reason
	}
	// Runtimes take settings of the host's service manager from these.
	if h.Get("Annotations").Len() > 0 {
		return at + "Annotations is not allowed"
	}
	if reason := c.logDriver(at+"LogConfig.Type", h.Get("LogConfig").Get("Type").Text()); reason != "" {
		return reason
	}
	if reason := c.volumeDriver(at+"VolumeDriver", h.Get("VolumeDriver").Text()); reason != "" {
		return reason
	}
	if reason := c.checkBinds(at+"Binds", h.Get("Binds").Texts()); reason != "" {
		return reason
	}
	if reason := c.mounts(at+"Mounts", h.Get("Mounts")); reason != "" {
		return reason
	}
	// A link gives the other container's environment away, and reaches that container under a name of one's own.
	for _, name := range []string{"VolumesFrom", "Links"} {
		if h.Get(name).Len() > 0 && !c.sharing {
			return at + name + " is not allowed (allow_sharing)"
		}
	}
	return ""
}

// knownHostConfig is hostConfig, and refuses fields that nobody has looked at.
func (c *config) knownHostConfig(at string, h dockerjson.Value) string {
	if reason := c.hostConfig(at, h); reason != "" {
		return reason
	}
	return c.unknown(at, h, hostFields)
}

func (c *config) addedCapabilities(field string, names []string) string {
	for _, name := range names {
		if !slices.Contains(c.capabilities, capability(name)) {
			return field + " " + name + " is not allowed"
		}
	}
	return ""
}

// capability brings the spellings of a capability (cap_sys_admin, SYS_ADMIN) into one.
func capability(name string) string {
	return strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "CAP_")
}

// harmless tells whether a security option keeps what protects the host. Options are refused unless they are known, as
// a profile's name says nothing of its content.
func harmless(option string) bool {
	switch strings.ToLower(strings.Replace(option, ":", "=", 1)) {
	case "no-new-privileges", "no-new-privileges=true", "seccomp=builtin", "apparmor=docker-default":
		return true
	}
	return false
}

func (c *config) namespaces(at string, h dockerjson.Value) string {
	if reason := c.network(at+"NetworkMode", h.Get("NetworkMode").Text()); reason != "" {
		return reason
	}
	// What is neither of these is the host's namespace, another container's, or none that the engine knows.
	for _, n := range []struct {
		field   string
		allowed []string
	}{
		{"PidMode", []string{"", "private"}},
		{"IpcMode", []string{"", "private", "shareable", "none"}},
		{"UTSMode", []string{"", "private"}},
		{"UsernsMode", []string{"", "private"}},
		{"CgroupnsMode", []string{"", "private"}},
	} {
		mode := h.Get(n.field).Text()
		if slices.Contains(n.allowed, mode) || c.sharing && strings.HasPrefix(mode, "container:") {
			continue
		}
		return at + n.field + " " + mode + " is not allowed" + sharingHint(mode)
	}
	return ""
}

// network checks the network that is joined, which may have any name.
func (c *config) network(field, mode string) string {
	lower := strings.ToLower(mode)
	if lower == "host" || strings.HasPrefix(lower, "container:") && !c.sharing {
		return field + " " + mode + " is not allowed" + sharingHint(lower)
	}
	return ""
}

func sharingHint(mode string) string {
	if strings.HasPrefix(mode, "container:") {
		return " (allow_sharing)"
	}
	return ""
}

// endpoints looks for the host's network among those that a container is to be connected to.
func endpoints(networks dockerjson.Value) string {
	for _, n := range networks.Members() {
		if strings.EqualFold(n.Key(), "host") {
			return "NetworkingConfig.EndpointsConfig host is not allowed"
		}
	}
	return ""
}

// checkBinds checks entries of the form source:destination[:options]; a source that is no path is the name of a volume.
func (c *config) checkBinds(field string, binds []string) string {
	for _, bind := range binds {
		source, _, hasDestination := strings.Cut(bind, ":")
		if hasDestination && strings.HasPrefix(source, "/") && !c.mayBind(source) {
			return field + " " + source + " is not allowed"
		}
	}
	return ""
}

// mayBind tells whether a path of the host is one of the allowed ones, or below one that was allowed with all that is below.
func (c *config) mayBind(source string) bool {
	if !strings.HasPrefix(source, "/") {
		return false
	}
	source = path.Clean(source) // the engine cleans it too
	if slices.Contains(c.binds, source) {
		return true
	}
	for _, tree := range c.trees {
		if source == tree || tree == "/" || strings.HasPrefix(source, tree+"/") {
			return true
		}
	}
	return false
}

func (c *config) mounts(field string, mounts dockerjson.Value) string {
	for _, m := range mounts.Elements() {
		switch kind := m.Get("Type").Text(); kind {
		case "volume", "tmpfs", "image":
		case "bind":
			if source := m.Get("Source").Text(); !c.mayBind(source) {
				return field + " bind " + source + " is not allowed"
			}
		default:
			return field + " of type " + kind + " is not allowed"
		}
		if reason := c.unknown(field+".", m, mountFields); reason != "" {
			return reason
		}
		driver := m.Get("VolumeOptions").Get("DriverConfig")
		if reason := c.volumeDriver(field+".VolumeOptions.DriverConfig.Name", driver.Get("Name").Text()); reason != "" {
			return reason
		}
		if reason := c.driverOptions(field+".VolumeOptions.DriverConfig.Options", pairs(driver.Get("Options"))); reason != "" {
			return reason
		}
	}
	return ""
}

// driverOptions checks a volume's options, with which the local driver mounts whatever the host can mount: folders
// (o=bind), disks (type=ext4, device=/dev/vda). Only tmpfs, allowed folders, and no options at all, reach nothing else of the host.
func (c *config) driverOptions(field string, options []sluice.Pair) string {
	if len(options) == 0 {
		return ""
	}
	kind, device, flags := "", "", []string(nil)
	for _, o := range options {
		switch o.Key {
		case "type":
			kind = o.Value
		case "device":
			device = o.Value
		case "o":
			flags = strings.Split(o.Value, ",")
		default:
			return field + ": " + o.Key + " is not allowed"
		}
	}
	allowed := []string{"size", "uid", "gid", "mode", "nr_inodes", "noexec", "nosuid", "nodev", "ro", "rw"}
	switch {
	case kind == "tmpfs" && device == "tmpfs":
	case oneOf(kind, "", "none") && (slices.Contains(flags, "bind") || slices.Contains(flags, "rbind")) && c.mayBind(device):
		allowed = []string{"bind", "rbind", "noexec", "nosuid", "nodev", "ro", "rw"}
	default:
		return field + " are not allowed, but for tmpfs and for folders of allow_binds"
	}
	for _, flag := range flags {
		if name, _, _ := strings.Cut(flag, "="); !slices.Contains(allowed, name) {
			return field + ": o=" + flag + " is not allowed"
		}
	}
	return ""
}

// volumeDriver checks a volume's driver. Others than local are plugins, which run on the host and mount what they like.
func (c *config) volumeDriver(field, driver string) string {
	if oneOf(driver, "", "local") || slices.Contains(c.volumeDrivers, driver) {
		return ""
	}
	return field + " " + driver + " is not allowed (allow_volume_drivers)"
}

// logDriver checks a driver for logs. Others than these have the engine itself connect to an address of the client's
// choice, a unix socket of the host too, or read a file of the host's for a certificate.
func (c *config) logDriver(field, driver string) string {
	if oneOf(driver, "", "none", "json-file", "local", "journald") || slices.Contains(c.logDrivers, driver) {
		return ""
	}
	return field + " " + driver + " is not allowed (allow_log_drivers)"
}

// sysctls allows the settings that each network and IPC namespace has for itself. Runtimes refuse others, or ought to.
func sysctls(field string, settings dockerjson.Value) string {
	for _, s := range settings.Members() {
		name := s.Key()
		if strings.ContainsRune(name, '/') { // a dot to the kernel
			return field + " " + name + " is not allowed"
		}
		if strings.HasPrefix(name, "net.") || strings.HasPrefix(name, "fs.mqueue.") {
			continue
		}
		if !oneOf(name, "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced") {
			return field + " " + name + " is not allowed"
		}
	}
	return ""
}
