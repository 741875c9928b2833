package abi

// Version is a version of the ABI that a guest was built for.
type Version uint8

// The versions that are served. They are ordered: a later one is greater.
const (
	// V0_1_0 has no end_of_stream in the headers callbacks, no close_stream and
	// no foreign functions of the guest; a missing header reads as empty.
	V0_1_0 Version = iota
	// V0_2_0 is V0_2_1 without proxy_get_log_level.
	V0_2_0
	// V0_2_1 is the current version.
	V0_2_1
)

// versions pairs the versions with their numbers and markers.
var versions = [...]struct{ number, marker string }{
	V0_1_0: {"0.1.0", ExportABIVersion010},
	V0_2_0: {"0.2.0", ExportABIVersion020},
	V0_2_1: {"0.2.1", ExportABIVersion021},
}

// String is the version's number, such as "0.2.1".
func (v Version) String() string {
	if int(v) < len(versions) {
		return versions[v].number
	}
	return unknown("VERSION", uint32(v))
}

// Marker is the name of the function that a guest of this version exports and
// that is never called. A version that is not known has none.
func (v Version) Marker() string {
	if int(v) < len(versions) {
		return versions[v].marker
	}
	return ""
}

// VersionOf returns the version that a marker stands for.
func VersionOf(marker string) (Version, bool) {
	for v := range versions {
		if versions[v].marker == marker {
			return Version(v), true
		}
	}
	return 0, false
}
