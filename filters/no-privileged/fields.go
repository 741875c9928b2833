package main

import (
	"slices"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// A field that is not listed here is refused: an engine newer than this filter may give power by it. A test compares the lists
// with what engines read.

// hostFields are the fields of HostConfig that are looked at, or give no power over the host.
var hostFields = set(
	// Looked at.
	"Annotations", "Binds", "CapAdd", "Capabilities", "Cgroup", "CgroupParent", "CgroupnsMode", "DeviceCgroupRules", "DeviceRequests", "Devices", "IpcMode",
	"Links", "LogConfig", "MaskedPaths", "Mounts", "NetworkMode", "PidMode", "Privileged", "ReadonlyPaths", "Runtime", "SecurityOpt", "Sysctls", "UTSMode",
	"UsernsMode", "VolumeDriver", "VolumesFrom",
	// Of the container alone: what it may not do, what it may use up, and how it is known to its network.
	"AutoRemove", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps", "BlkioWeight", "BlkioWeightDevice", "CapDrop",
	"ConsoleSize", "ContainerIDFile", "CpuCount", "CpuPercent", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpuShares", "CpusetCpus",
	"CpusetMems", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "IOMaximumBandwidth", "IOMaximumIOps", "Init", "Isolation", "KernelMemory",
	"KernelMemoryTCP", "Memory", "MemoryReservation", "MemorySwap", "MemorySwappiness", "NanoCpus", "OomKillDisable", "OomScoreAdj", "PidsLimit", "PortBindings",
	"PublishAllPorts", "ReadonlyRootfs", "RestartPolicy", "ShmSize", "StorageOpt", "Tmpfs", "Ulimits", "Umask",
)

// mountFields are those of a Mount.
var mountFields = set(
	"Type", "Source", "Target", "ReadOnly", "Consistency", "BindOptions", "VolumeOptions", "ImageOptions", "TmpfsOptions", "ClusterOptions",
)

// serviceFields are those of a service's ContainerSpec.
var serviceFields = set(
	// Looked at.
	"CapabilityAdd", "Mounts", "Privileges", "Sysctls",
	// Of the container alone.
	"Args", "CapabilityDrop", "Command", "Configs", "DNSConfig", "Dir", "Env", "Groups", "Healthcheck", "Hostname", "Hosts", "Image", "Init", "Isolation", "Labels",
	"OomScoreAdj", "OpenStdin", "ReadOnly", "Secrets", "StopGracePeriod", "StopSignal", "TTY", "Ulimits", "User",
)

// taskFields are those of a service's TaskTemplate.
var taskFields = set(
	"ContainerSpec", "ForceUpdate", "LogDriver", "NetworkAttachmentSpec", "Networks", "Placement", "PluginSpec", "Resources", "RestartPolicy", "Runtime",
)

func set(names ...string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// unknown looks for a field that is not in the list. Those that say nothing (null, false, 0, "") are no reason: clients send the
// fields of their own version of the API.
func (c *config) unknown(at string, object dockerjson.Value, known map[string]bool) string {
	for _, field := range object.Members() {
		name := field.Key()
		if !known[name] && !saysNothing(field) && !slices.Contains(c.fields, name) && !folds(name, known) {
			return at + name + " is not a field that this filter knows (allow_fields)"
		}
	}
	return ""
}

// folds tells whether the engine takes a name for one of these.
func folds(name string, known map[string]bool) bool {
	for k := range known {
		if dockerjson.Folds(name, k) {
			return true
		}
	}
	return false
}

func saysNothing(v dockerjson.Value) bool {
	switch v.Kind() {
	case dockerjson.Null:
		return true
	case dockerjson.Bool:
		return !v.Bool()
	case dockerjson.Number:
		return string(v.Raw()) == "0"
	case dockerjson.String:
		return v.Text() == ""
	}
	return false
}

// hostInterface refuses the option by which a network takes an interface of the host's for its own.
func hostInterface(options dockerjson.Value) string {
	const name = "com.docker.network.bridge.name"
	if bridge := options.Member(name).Text(); bridge != "" {
		return "Options " + name + " " + bridge + " is not allowed"
	}
	return ""
}

// pairs are the members of an object of strings.
func pairs(object dockerjson.Value) []sluice.Pair {
	members := object.Members()
	list := make([]sluice.Pair, len(members))
	for i, m := range members {
		list[i] = sluice.Pair{Key: m.Key(), Value: m.Text()}
	}
	return list
}
