package dockerapi

import "strings"

// What follows says which parts of a request name objects. A test compares it with every query parameter that engines read
// and every place of a body where they read text: what is missing here stands in testdata/no-references.txt, with the reason.

// names are the parts of an operation's requests that name objects, beside the resource in the path.
type names struct {
	query []namedParameter
	body  *place
	tag   string // the parameter that completes the image reference in the path
}

// named is how a text names an object.
type named struct {
	kind string
	role Role
	form form
}

// form takes a text apart. ref is empty where it names nothing, and kind where it is the one that is written down.
type form func(text string) (kind, before, ref, after string)

// namedParameter is a query parameter.
type namedParameter struct {
	named
	parameter string
	tag       string // the parameter that completes an image reference
	json      *place // what the JSON there names; named is not looked at then
}

func plain(text string) (kind, before, ref, after string) { return "", "", text, "" }

// ofContainer is the form of container:NAME; what does not begin so names nothing. The engine compares case.
func ofContainer(text string) (kind, before, ref, after string) {
	const prefix = "container:"
	if ref, ok := strings.CutPrefix(text, prefix); ok {
		return "container", prefix, ref, ""
	}
	return "", "", "", ""
}

// networkMode is a network, or container:NAME. Nothing and default are what the engine is set to.
func networkMode(text string) (kind, before, ref, after string) {
	if kind, before, ref, after = ofContainer(text); kind != "" || text == "default" {
		return kind, before, ref, after
	}
	return "network", "", text, ""
}

// networkName is a network; default is the one that the engine is set to.
func networkName(text string) (kind, before, ref, after string) {
	if text == "default" {
		return "", "", "", ""
	}
	return plain(text)
}

// link is the form of NAME:ALIAS. Without an alias the name is one, so that after tells it: another reference to the container
// would be another alias.
func link(text string) (kind, before, ref, after string) {
	ref, _, ok := strings.Cut(text, ":")
	if !ok {
		return "", "", ref, ":" + ref
	}
	return "", "", ref, text[len(ref):]
}

// withOptions is the form of NAME:OPTIONS or NAME.
func withOptions(text string) (kind, before, ref, after string) {
	ref, _, _ = strings.Cut(text, ":")
	return "", "", ref, text[len(ref):]
}

// bind is the form of VOLUME:FOLDER[:OPTIONS]. What begins with a slash is a folder of the host, and what has no colon a
// volume without a name.
func bind(text string) (kind, before, ref, after string) {
	ref, _, ok := strings.Cut(text, ":")
	if !ok || strings.HasPrefix(ref, "/") {
		return "", "", "", ""
	}
	return "", "", ref, text[len(ref):]
}

// place is what a place in a body names: a text itself, or what is below it.
type place struct {
	name   string            // the field that it is of its object
	fields map[string]*place // of an object with known keys
	elem   *place            // of a list
	member *place            // of an object whose keys are data
	text   *named
	keys   *named // what those keys name
	mount  bool   // an object of the API's type Mount
}

// at puts together what a body names: "HostConfig.VolumesFrom[]", with [] behind a list, {} behind a map and {key} for its keys.
func (p *place) at(path string, n named) *place {
	here := p
	for path != "" {
		switch {
		case strings.HasPrefix(path, "[]"):
			path = path[2:]
			if here.elem == nil {
				here.elem = new(place)
			}
			here = here.elem
		case strings.HasPrefix(path, "{}"):
			path = path[2:]
			if here.member == nil {
				here.member = new(place)
			}
			here = here.member
		case path == "{key}":
			here.keys = &n
			return p
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[{")
			if end < 0 {
				end = len(path)
			}
			name := path[:end]
			path = path[end:]
			if here.fields == nil {
				here.fields = map[string]*place{}
			}
			if here.fields[name] == nil {
				here.fields[name] = &place{name: name}
			}
			here = here.fields[name]
		}
	}
	if n.form == nil {
		here.mount = true
	} else {
		here.text = &n
	}
	return p
}

// mounted is no form: an object of type Mount names a volume or an image, by its type.
var mounted = named{role: RoleUse}

func uses(kind string, f form) named { return named{kind, RoleUse, f} }

func gives(kind string) named { return named{kind, RoleName, plain} }

func endpoint(p *place, at string) *place {
	return p.at(at+".NetworkID", uses("network", plain)).at(at+".Links[]", uses("container", link))
}

var containerNames = endpoint(new(place).
	at("Image", uses("image", plain)).
	at("HostConfig.Binds[]", uses("volume", bind)).
	at("HostConfig.Mounts[]", mounted).
	at("HostConfig.VolumesFrom[]", uses("container", withOptions)).
	at("HostConfig.Links[]", uses("container", link)).
	at("HostConfig.NetworkMode", uses("network", networkMode)).
	at("HostConfig.IpcMode", uses("container", ofContainer)).
	at("HostConfig.PidMode", uses("container", ofContainer)).
	at("HostConfig.Cgroup", uses("container", ofContainer)).
	at("NetworkingConfig.EndpointsConfig{key}", uses("network", networkName)),
	"NetworkingConfig.EndpointsConfig{}")

var serviceNames = new(place).
	at("Name", gives("service")).
	at("Networks[].Target", uses("network", plain)).
	at("TaskTemplate.Networks[].Target", uses("network", plain)).
	at("TaskTemplate.NetworkAttachmentSpec.ContainerID", uses("container", plain)).
	at("TaskTemplate.PluginSpec.name", gives("plugin")).
	at("TaskTemplate.PluginSpec.remote", uses("plugin", plain)).
	at("TaskTemplate.ContainerSpec.Image", uses("image", plain)).
	at("TaskTemplate.ContainerSpec.Mounts[]", mounted).
	at("TaskTemplate.ContainerSpec.Secrets[].SecretID", uses("secret", plain)).
	at("TaskTemplate.ContainerSpec.Secrets[].SecretName", uses("secret", plain)).
	at("TaskTemplate.ContainerSpec.Configs[].ConfigID", uses("config", plain)).
	at("TaskTemplate.ContainerSpec.Configs[].ConfigName", uses("config", plain)).
	at("TaskTemplate.ContainerSpec.Privileges.CredentialSpec.Config", uses("config", plain))

// bodyName is a body whose Name is given to something of a kind.
func bodyName(kind string) names { return names{body: new(place).at("Name", gives(kind))} }

// Parameters of images: a name, and a tag apart from it.
var (
	repoAndTag = namedParameter{named: gives("image"), parameter: "repo", tag: "tag"}
	newName    = []namedParameter{{named: gives("container"), parameter: "name"}}
	// Listing what came before or after a container tells that there is one.
	beforeAfter = []namedParameter{{named: uses("container", plain), parameter: "since"}, {named: uses("container", plain), parameter: "before"}}
)

var naming = map[Operation]names{
	ContainerList:   {query: beforeAfter},
	ContainerCreate: {query: newName, body: containerNames},
	ContainerRename: {query: newName},

	ImageCreate: {query: []namedParameter{{named: gives("image"), parameter: "fromImage", tag: "tag"}, repoAndTag}},
	ImageGetAll: {query: []namedParameter{{named: uses("image", plain), parameter: "names"}}},
	ImagePush:   {tag: "tag"},
	ImageTag:    {query: []namedParameter{repoAndTag}},
	ImageCommit: {query: []namedParameter{{named: uses("container", plain), parameter: "container"}, repoAndTag}},
	ImageBuild: {query: []namedParameter{
		{named: gives("image"), parameter: "t"},
		{named: uses("network", networkMode), parameter: "networkmode"},
		{parameter: "cachefrom", json: new(place).at("[]", uses("image", plain))},
		{parameter: "outputs", json: new(place).at("[].Attrs.name", gives("image"))}, // several, separated by commas, are no name
	}},

	NetworkCreate:     {body: new(place).at("Name", gives("network")).at("ConfigFrom.Network", uses("network", plain))},
	NetworkConnect:    {body: endpoint(new(place).at("Container", uses("container", plain)), "EndpointConfig")},
	NetworkDisconnect: {body: new(place).at("Container", uses("container", plain))},

	VolumeCreate: {body: new(place).at("Name", gives("volume")).at("ClusterVolumeSpec.Secrets[].Secret", uses("secret", plain))},
	VolumeUpdate: {body: new(place).at("Spec.Secrets[].Secret", uses("secret", plain))},

	// Without a name, a plugin is called as it is in its registry.
	PluginPull:    {query: []namedParameter{{named: gives("plugin"), parameter: "name"}, {named: gives("plugin"), parameter: "remote"}}},
	PluginCreate:  {query: []namedParameter{{named: gives("plugin"), parameter: "name"}}},
	ServiceCreate: {body: serviceNames},
	ServiceUpdate: {body: serviceNames},
	NodeUpdate:    bodyName("node"),
	SecretCreate:  bodyName("secret"),
	SecretUpdate:  bodyName("secret"),
	ConfigCreate:  bodyName("config"),
	ConfigUpdate:  bodyName("config"),
}
