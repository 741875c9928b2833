package main

import (
	"slices"
	"strconv"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// A container's volumes are created with it when they do not exist yet. One of Mounts can be given labels; one of Binds cannot, so it
// becomes one of Mounts.

// judgeVolume judges a volume that a container or a service is to mount.
func (x *request) judgeVolume(n *sluice.Named) problem {
	volume := n.Resolve()
	if volume.Exists() && !x.mayMount(volume) {
		return x.foreign(n.Kind, n.Ref, volume)
	}
	return problem{}
}

func (x *request) mayMount(volume *sluice.Reference) bool {
	return x.owns(volume) || slices.Contains(x.volumes, volume.Name())
}

// createContainer marks a new container as the tenant's, with what is created along with it.
func createContainer(x *request) problem {
	label(x)
	if p := x.pinNetworks(); p.isSet() {
		return p
	}
	host := x.JSON().Get("HostConfig")
	mounts, changed := x.labelMounts(host.Get("Mounts"))
	added, p := x.mountsOfBinds(host)
	if p.isSet() {
		return p
	}
	if mounts = append(mounts, added...); !changed && len(added) == 0 {
		return problem{}
	}
	list := "[" + strings.Join(mounts, ",") + "]"
	if old := host.Get("Mounts"); old.Kind() == dockerjson.Absent {
		host.Insert("Mounts", list)
	} else {
		old.Replace(list)
	}
	return problem{}
}

// labelMounts returns the elements of Mounts; those that create a volume have the label.
func (x *request) labelMounts(mounts dockerjson.Value) (elements []string, changed bool) {
	for _, m := range mounts.Elements() {
		text := string(m.Raw())
		if m.Get("Type").Text() == "volume" && !x.exists(m.Get("Source").Text()) {
			text, changed = x.labelMount(m), true
		}
		elements = append(elements, text)
	}
	return elements, changed
}

func (x *request) exists(volume string) bool {
	return volume != "" && x.Resolve(sluice.Volume, volume).Exists()
}

// labelMount returns a mount with the label among its VolumeOptions.
func (x *request) labelMount(m dockerjson.Value) string {
	doc, err := dockerjson.Parse(m.Raw())
	if err != nil {
		return "" // it is a part of what was parsed
	}
	mount := doc.Root()
	labels := dockerjson.ObjectOf([]dockerjson.Pair{{Key: x.label, Value: x.owner}})
	switch options := mount.Get("VolumeOptions"); options.Kind() {
	case dockerjson.Absent:
		mount.Insert("VolumeOptions", `{"Labels":`+labels+`}`)
	case dockerjson.Null:
		options.Replace(`{"Labels":` + labels + `}`)
	default:
		switch old := options.Get("Labels"); old.Kind() {
		case dockerjson.Absent:
			options.Insert("Labels", labels)
		case dockerjson.Null:
			old.Replace(labels)
		default:
			old.Set(x.label, dockerjson.Quote(x.owner))
		}
	}
	return string(doc.Bytes())
}

// mountsOfBinds takes the volumes out of Binds that do not exist yet, and returns them as mounts.
func (x *request) mountsOfBinds(host dockerjson.Value) (mounts []string, p problem) {
	binds := host.Get("Binds")
	var left []string
	for _, bind := range binds.Texts() {
		name, rest, named := strings.Cut(bind, ":")
		if !named || strings.HasPrefix(name, "/") || x.exists(name) {
			left = append(left, dockerjson.Quote(bind))
			continue
		}
		mount, ok := x.mountOfBind(name, rest, host.Get("VolumeDriver").Text())
		if !ok {
			return nil, forbidden("HostConfig.Binds: the volume " + strconv.Quote(name) + " does not exist; create it first, so that it has an owner")
		}
		mounts = append(mounts, mount)
	}
	if len(mounts) > 0 {
		binds.Replace("[" + strings.Join(left, ",") + "]")
	}
	return mounts, problem{}
}

// mountOfBind is the mount that says the same as NAME:FOLDER[:OPTIONS]. Some options have no equivalent, and API 1.24 has no mounts.
func (x *request) mountOfBind(name, rest, driver string) (mount string, ok bool) {
	if x.APIVersion() == "1.24" {
		return "", false
	}
	folder, options, _ := strings.Cut(rest, ":")
	readOnly, noCopy := "", ""
	for _, option := range strings.Split(options, ",") {
		switch option {
		case "", "rw":
		case "ro":
			readOnly = `"ReadOnly":true,`
		case "nocopy":
			noCopy = `"NoCopy":true,`
		default:
			return "", false
		}
	}
	if driver != "" {
		driver = `"DriverConfig":{"Name":` + dockerjson.Quote(driver) + `},`
	}
	return `{"Type":"volume","Source":` + dockerjson.Quote(name) + `,"Target":` + dockerjson.Quote(folder) + `,` + readOnly +
		`"VolumeOptions":{` + noCopy + driver + `"Labels":` + dockerjson.ObjectOf([]dockerjson.Pair{{Key: x.label, Value: x.owner}}) + `}}`, true
}

// judgeMounts looks at what a container has mounted by now. A volume that did not exist when the container was judged may
// have been created by somebody else before the container was; as long as a container has it, nobody can exchange it.
func judgeMounts(x *request) problem {
	container := x.ResolveResource()
	if !x.owns(container) {
		return problem{} // which the judge of what the path names will say, and nothing about its volumes
	}
	for _, m := range container.Mounts().Elements() {
		name := m.Get("Name").Text()
		if m.Get("Type").Text() != "volume" || name == "" {
			continue
		}
		volume := x.Resolve(sluice.Volume, name)
		_, labelled := volume.Label(x.label)
		switch {
		case !volume.Exists() && volume.Known():
			return x.missing(sluice.Volume, name)
		case !volume.Known(), x.mayMount(volume), !labelled && isAnonymous(name):
		default:
			return x.foreign(sluice.Volume, name, volume)
		}
	}
	return problem{}
}

// isAnonymous tells whether the engine has chosen a volume's name. Such a volume was created with its container, and cannot be
// mounted into another one by whoever does not own it.
func isAnonymous(name string) bool {
	if len(name) != 64 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}
