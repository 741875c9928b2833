package reference

import "encoding/json"

// Kind is a kind of thing that a reference can name.
type Kind string

// The kinds. They are the words of package dockerapi's table of routes.
const (
	Container Kind = "container"
	Image     Kind = "image"
	Volume    Kind = "volume"
	Network   Kind = "network"
	Exec      Kind = "exec"
	Plugin    Kind = "plugin"
	Service   Kind = "service"
	Task      Kind = "task"
	Node      Kind = "node"
	Secret    Kind = "secret"
	Config    Kind = "config"
)

// Reference is what a reference names, as the engine showed it a moment ago. It is shared by whoever asked for it: nobody may
// change it. Empty fields are those that the kind does not have.
type Reference struct {
	Kind Kind `json:"kind"`

	// ID is the full id. A volume has none but its name.
	ID string `json:"id"`

	// Name is the engine's own name for it, a container's without the slash in front. It can change, the id cannot.
	Name string `json:"name,omitempty"`

	// Labels are the thing's own: of an image those of its configuration, of a service those of its spec, of an exec those
	// of its container, of a task those of its service.
	Labels map[string]string `json:"labels,omitempty"`

	// Owner is the value of the owner label (Options.OwnerLabel); empty when it has none.
	Owner string `json:"owner,omitempty"`

	// Container is the full id of the container that an exec belongs to, Service that of a task's service.
	Container string `json:"container,omitempty"`
	Service   string `json:"service,omitempty"`

	// Image is the id of a container's image.
	Image string `json:"image,omitempty"`

	// Tags and Digests are all names of an image.
	Tags    []string `json:"tags,omitempty"`
	Digests []string `json:"digests,omitempty"`

	// TTY tells whether a container, an exec, or the containers of a service or a task have a terminal: the streams are raw then, and
	// otherwise multiplexed.
	TTY bool `json:"tty,omitempty"`

	// Running tells whether a container or an exec runs.
	Running bool `json:"running,omitempty"`

	// PID is the first process of a container in the engine's PID namespace, 0 when it does not run. Filters are not shown it.
	PID int `json:"-"`

	// Privileged tells whether an exec was created with extended privileges. A container's rights are in HostConfig.
	Privileged bool `json:"privileged,omitempty"`

	// Driver and Options of a volume or a network. A volume of the driver local with the options o and device is a mount of
	// the host's.
	Driver  string            `json:"driver,omitempty"`
	Options map[string]string `json:"options,omitempty"`

	// HostConfig and Mounts of a container, in the engine's own JSON.
	HostConfig json.RawMessage `json:"host_config,omitempty"`
	Mounts     json.RawMessage `json:"mounts,omitempty"`

	// Read is how many bytes of the engine's answers this was read from.
	Read int `json:"-"`
}
