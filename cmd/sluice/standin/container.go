package standin

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// container is what one create has asked for. The engine's lock guards it.
type container struct {
	id, name string
	created  time.Time
	// asked is the body of the create with HostConfig and NetworkingConfig taken out, shown as Config.
	asked      map[string]json.RawMessage
	hostConfig json.RawMessage
	image      string
	command    []string
	labels     map[string]string
	networks   json.RawMessage
	tty        bool
	autoRemove bool

	starts            int
	started, finished time.Time
	log               []logLine
	attached          []*attachment
	// nextExit is closed when the container ends, and replaced then; removed is closed once and stays closed.
	nextExit, removed chan struct{}
}

type logLine struct {
	at   time.Time
	text string
}

// attachment is a client that wants to see what the container prints.
type attachment struct {
	conn   net.Conn
	stdout bool
	// ended is closed once the container will print no more.
	ended chan struct{}
}

var validName = regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

func (e *Engine) createContainer(w http.ResponseWriter, r *http.Request, _ *dockerapi.Call) error {
	var raw json.RawMessage
	if err := readJSON(r, &raw); err != nil {
		return err
	}
	// The fields that are acted upon are read as the engine reads them: without regard to case.
	var body struct {
		Image           string
		Tty             bool
		Cmd, Entrypoint stringOrList
		Labels          map[string]string
		HostConfig      json.RawMessage
		Networking      json.RawMessage `json:"NetworkingConfig"`
	}
	asked := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &body); err != nil {
		return failure(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return failure(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	for key := range asked {
		if strings.EqualFold(key, "HostConfig") || strings.EqualFold(key, "NetworkingConfig") {
			delete(asked, key)
		}
	}
	if body.Image == "" {
		return failure(http.StatusBadRequest, "no image was given")
	}
	c := &container{
		id: newID(), name: strings.TrimPrefix(r.URL.Query().Get("name"), "/"), created: time.Now().UTC(), asked: asked, hostConfig: body.HostConfig,
		image: body.Image, command: append(body.Entrypoint, body.Cmd...), labels: body.Labels, tty: body.Tty,
		networks: json.RawMessage(`{}`), nextExit: make(chan struct{}), removed: make(chan struct{}),
	}
	if c.name == "" {
		c.name = "recorded_" + c.id[:6]
	} else if !validName.MatchString(c.name) {
		return failure(http.StatusBadRequest, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", c.name)
	}
	var host struct{ AutoRemove bool }
	if isNull(c.hostConfig) {
		c.hostConfig = json.RawMessage(`{"NetworkMode":"default"}`)
	} else if err := json.Unmarshal(c.hostConfig, &host); err != nil {
		return failure(http.StatusBadRequest, "invalid JSON: HostConfig: %v", err)
	}
	c.autoRemove = host.AutoRemove
	if !isNull(body.Networking) {
		var networking struct{ EndpointsConfig json.RawMessage }
		if err := json.Unmarshal(body.Networking, &networking); err != nil {
			return failure(http.StatusBadRequest, "invalid JSON: NetworkingConfig: %v", err)
		}
		if !isNull(networking.EndpointsConfig) {
			c.networks = networking.EndpointsConfig
		}
	}
	if err := e.addContainer(c); err != nil {
		return err
	}
	e.addImage(c.image)
	e.events.add("container", "create", c.id, c.attributes(nil))
	return writeJSON(w, http.StatusCreated, map[string]any{"Id": c.id, "Warnings": []string{}})
}

func (e *Engine) addContainer(c *container) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, other := range e.containers {
		if other.name == c.name {
			return failure(http.StatusConflict, `Conflict. The container name "/%s" is already in use by container "%s". `+
				"You have to remove (or rename) that container to be able to reuse that name.", c.name, other.id)
		}
	}
	e.containers = append(e.containers, c)
	return nil
}

// find looks a container up by ID, name, or the beginning of an ID. The lock must be held.
func (e *Engine) find(ref string) (*container, error) {
	ref = strings.TrimPrefix(ref, "/")
	var found *container
	for _, c := range e.containers {
		switch {
		case c.id == ref || c.name == ref:
			return c, nil
		case strings.HasPrefix(c.id, ref):
			if found != nil {
				return nil, failure(http.StatusBadRequest, "multiple IDs found with provided prefix: %s", ref)
			}
			found = c
		}
	}
	if found == nil {
		return nil, failure(http.StatusNotFound, "No such container: %s", ref)
	}
	return found, nil
}

func (e *Engine) inspectContainer(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(call.ResourceID)
	if err != nil {
		return err
	}
	path, args := "", []string{}
	if len(c.command) > 0 {
		path, args = c.command[0], c.command[1:]
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"Id": c.id, "Created": stamp(c.created), "Path": path, "Args": args, "Name": "/" + c.name, "Image": imageID(c.image),
		"State": map[string]any{
			"Status": c.state(), "Running": false, "Paused": false, "Restarting": false, "OOMKilled": false, "Dead": false, "Pid": 0,
			"ExitCode": 0, "Error": "", "StartedAt": stamp(c.started), "FinishedAt": stamp(c.finished),
		},
		"ResolvConfPath": "", "HostnamePath": "", "HostsPath": "", "LogPath": "", "RestartCount": 0, "Driver": "none", "Platform": "linux",
		"MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "", "ExecIDs": nil, "HostConfig": c.hostConfig,
		"GraphDriver": map[string]any{"Name": "none", "Data": map[string]string{}}, "Mounts": []any{}, "Config": c.asked,
		"NetworkSettings": map[string]any{"Ports": map[string]any{}, "Networks": c.networks},
	})
}

func (e *Engine) listContainers(w http.ResponseWriter, r *http.Request, _ *dockerapi.Call) error {
	f, err := parseFilters(r, "id", "name", "label", "status", "ancestor")
	if err != nil {
		return err
	}
	// No container ever runs, so only those who ask for all, or for a status, get to see any.
	all := isTrue(r, "all") || len(f["status"]) > 0
	e.mu.Lock()
	defer e.mu.Unlock()
	list := []any{}
	for _, c := range slices.Backward(e.containers) {
		if !all || !f.containerMatches(c) {
			continue
		}
		var host struct{ NetworkMode string }
		_ = json.Unmarshal(c.hostConfig, &host) // it was read on create
		status := "Created"
		if c.starts > 0 {
			status = fmt.Sprintf("Exited (0) %s ago", time.Since(c.finished).Round(time.Second))
		}
		list = append(list, map[string]any{
			"Id": c.id, "Names": []string{"/" + c.name}, "Image": c.image, "ImageID": imageID(c.image), "Command": strings.Join(c.command, " "),
			"Created": c.created.Unix(), "Ports": []any{}, "Labels": c.labels, "State": c.state(), "Status": status,
			"HostConfig": map[string]string{"NetworkMode": host.NetworkMode}, "NetworkSettings": map[string]any{"Networks": c.networks}, "Mounts": []any{},
		})
	}
	return writeJSON(w, http.StatusOK, list)
}

// startContainer lets a container print its line and end.
func (e *Engine) startContainer(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	c, err := e.find(call.ResourceID)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	c.starts++
	c.started = time.Now().UTC()
	line := logLine{c.started, Notice}
	c.log = append(c.log, line)
	attached := c.attached
	c.attached = nil
	c.finished = time.Now().UTC()
	e.events.add("container", "start", c.id, c.attributes(nil))
	e.mu.Unlock()

	// Without the lock: a client may be slow to read.
	for _, a := range attached {
		a.finish(line, c.tty)
	}

	e.mu.Lock()
	e.events.add("container", "die", c.id, c.attributes(map[string]string{"exitCode": "0"}))
	close(c.nextExit)
	c.nextExit = make(chan struct{})
	e.mu.Unlock()
	if c.autoRemove {
		e.remove(c)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *Engine) stopContainer(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.find(call.ResourceID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNotModified)
	return nil
}

func (e *Engine) notRunning(_ http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(call.ResourceID)
	if err != nil {
		return err
	}
	return failure(http.StatusConflict, "container %s is not running: the %s runs none", c.name, Name)
}

func (e *Engine) resizeContainer(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.find(call.ResourceID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (e *Engine) renameContainer(w http.ResponseWriter, r *http.Request, call *dockerapi.Call) error {
	name := strings.TrimPrefix(r.URL.Query().Get("name"), "/")
	if !validName.MatchString(name) {
		return failure(http.StatusBadRequest, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(call.ResourceID)
	if err != nil {
		return err
	}
	for _, other := range e.containers {
		if other.name == name {
			return failure(http.StatusConflict, "Error when allocating new name: Conflict. The container name %q is already in use by container %s.", "/"+name, other.id)
		}
	}
	e.events.add("container", "rename", c.id, c.attributes(map[string]string{"oldName": "/" + c.name, "name": name}))
	c.name = name
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *Engine) deleteContainer(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	c, err := e.find(call.ResourceID)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	e.remove(c)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// remove forgets a container and lets go of everybody who waits for it. Removing it again does nothing.
func (e *Engine) remove(c *container) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.Index(e.containers, c)
	if i < 0 {
		return
	}
	e.containers = slices.Delete(e.containers, i, i+1)
	close(c.removed)
	for _, a := range c.attached {
		a.end()
	}
	c.attached = nil
	e.events.add("container", "destroy", c.id, c.attributes(nil))
}

func (c *container) state() string {
	if c.starts == 0 {
		return "created"
	}
	return "exited"
}

// attributes are what events tell about a container.
func (c *container) attributes(more map[string]string) map[string]string {
	a := map[string]string{"image": c.image, "name": c.name}
	for k, v := range c.labels {
		a[k] = v
	}
	for k, v := range more {
		a[k] = v
	}
	return a
}

// stringOrList is a Cmd or Entrypoint, which may be a string or a list of them.
type stringOrList []string

func (s *stringOrList) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*s = make([]string, 1)
		return json.Unmarshal(b, &(*s)[0])
	}
	return json.Unmarshal(b, (*[]string)(s))
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
