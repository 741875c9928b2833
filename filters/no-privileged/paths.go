package main

import (
	"slices"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// maskedPaths is what engines hide of /proc and /sys in a container that does not say otherwise: all that any engine up to 28.5 does.
var maskedPaths = []string{
	"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
}

// readonlyPaths is what they do not let a container write to.
var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// protected checks a list by which a container is protected from the host or the host from it. Null is what clients send for "the default".
// Programs that make a container anew send the default in full; it may be what the operator says is enough, or more, but nothing that
// no engine has in its list. Even an empty list takes protection away (systempaths=unconfined).
func protected(at, key string, list dockerjson.Value, enough, known []string) string {
	if !list.IsSet() {
		return ""
	}
	paths := list.Texts()
	for _, path := range enough {
		if !slices.Contains(paths, path) {
			return at + " without " + path + " is not allowed (" + key + ")"
		}
	}
	for _, path := range paths {
		if !slices.Contains(known, path) && !slices.Contains(enough, path) {
			return at + " " + path + " is not allowed (" + key + ")"
		}
	}
	return ""
}
