package reference

import (
	"encoding/json"
	"strings"
)

// belonging is what a thing without labels of its own belongs to.
type belonging struct {
	kind Kind
	id   string
}

// readers read the engine's description of a thing, by kind. encoding/json takes keys in any case, so that Id and ID are one.
var readers = map[Kind]func([]byte, *Reference) (belonging, error){
	Container: readContainer,
	Image:     readImage,
	Volume:    readVolume,
	Network:   readNetwork,
	Exec:      readExec,
	Plugin:    readPlugin,
	Service:   readSpec,
	Node:      readSpec,
	Secret:    readSpec,
	Config:    readSpec,
	Task:      readTask,
}

func readContainer(body []byte, r *Reference) (belonging, error) {
	var c struct {
		ID, Name, Image string
		State           struct {
			Running bool
			PID     int
		}
		Config struct {
			TTY    bool
			Labels map[string]string
		}
		HostConfig, Mounts json.RawMessage
	}
	err := json.Unmarshal(body, &c)
	r.ID, r.Name, r.Image = c.ID, strings.TrimPrefix(c.Name, "/"), c.Image
	r.Labels, r.TTY, r.Running, r.PID = c.Config.Labels, c.Config.TTY, c.State.Running, c.State.PID
	r.HostConfig, r.Mounts = c.HostConfig, c.Mounts
	return belonging{}, err
}

func readImage(body []byte, r *Reference) (belonging, error) {
	var i struct {
		ID                    string
		RepoTags, RepoDigests []string
		Config                struct{ Labels map[string]string }
	}
	err := json.Unmarshal(body, &i)
	r.ID, r.Tags, r.Digests, r.Labels = i.ID, i.RepoTags, i.RepoDigests, i.Config.Labels
	return belonging{}, err
}

func readVolume(body []byte, r *Reference) (belonging, error) {
	var v struct {
		Name, Driver    string
		Labels, Options map[string]string
	}
	err := json.Unmarshal(body, &v)
	r.ID, r.Name, r.Driver, r.Labels, r.Options = v.Name, v.Name, v.Driver, v.Labels, v.Options
	return belonging{}, err
}

func readNetwork(body []byte, r *Reference) (belonging, error) {
	var n struct {
		ID, Name, Driver string
		Labels, Options  map[string]string
	}
	err := json.Unmarshal(body, &n)
	r.ID, r.Name, r.Driver, r.Labels, r.Options = n.ID, n.Name, n.Driver, n.Labels, n.Options
	return belonging{}, err
}

func readExec(body []byte, r *Reference) (belonging, error) {
	var e struct {
		ID, ContainerID string
		Running         bool
		ProcessConfig   struct{ TTY, Privileged bool }
	}
	err := json.Unmarshal(body, &e)
	r.ID, r.Container, r.Running = e.ID, e.ContainerID, e.Running
	r.TTY, r.Privileged = e.ProcessConfig.TTY, e.ProcessConfig.Privileged
	return belonging{Container, e.ContainerID}, err
}

func readPlugin(body []byte, r *Reference) (belonging, error) {
	var p struct{ ID, Name string }
	err := json.Unmarshal(body, &p)
	r.ID, r.Name = p.ID, p.Name
	return belonging{}, err
}

// readSpec reads what a swarm keeps: services, nodes, secrets and configurations.
func readSpec(body []byte, r *Reference) (belonging, error) {
	var s struct {
		ID   string
		Spec struct {
			Name         string
			Labels       map[string]string
			TaskTemplate struct{ ContainerSpec struct{ TTY bool } } // of a service
		}
		Description struct{ Hostname string } // of a node, which seldom has another name
	}
	err := json.Unmarshal(body, &s)
	r.ID, r.Name, r.Labels, r.TTY = s.ID, s.Spec.Name, s.Spec.Labels, s.Spec.TaskTemplate.ContainerSpec.TTY
	if r.Name == "" {
		r.Name = s.Description.Hostname
	}
	return belonging{}, err
}

// readTask leaves a task that belongs to no service, as those of a network's attachments do, without labels.
func readTask(body []byte, r *Reference) (belonging, error) {
	var t struct {
		ID, ServiceID string
		Spec          struct{ ContainerSpec struct{ TTY bool } }
	}
	err := json.Unmarshal(body, &t)
	r.ID, r.Service, r.TTY = t.ID, t.ServiceID, t.Spec.ContainerSpec.TTY
	if t.ServiceID == "" {
		return belonging{}, err
	}
	return belonging{Service, t.ServiceID}, err
}
