//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A sandbox is a real Docker Engine that belongs to one test: what the corpus does to it, privileged containers, pruning, swarms, it must
// not do to an engine that others use. Its network is a loopback interface of its own, and what is in it at the beginning of each case is what testdata/bypass/README.md
// says.
type sandbox struct {
	testing.TB
	address string
	client  *http.Client
	folder  string            // of the host's, which the container strong and the volume hostdir have mounted
	known   map[string]string // ids of the containers that are there from the beginning, and their names
	volumes []string          // those that are there from the beginning
	before  facts
	now     facts // since the last request
	swarm   bool
	version string // as the cases name engines: 20.10, and from 23 on the first number alone
}

var sandboxes atomic.Int64

// startSandbox starts an engine of this machine's dockerd with the image of the other one.
func startSandbox(t *testing.T) *sandbox {
	t.Helper()
	source := engine(t)
	if _, err := exec.LookPath("dockerd"); err != nil || os.Getuid() != 0 {
		if os.Getenv("SLUICE_E2E") == "required" {
			t.Fatal("SLUICE_E2E=required, but the corpus needs an engine of its own, which needs root and dockerd")
		}
		t.Skip("SKIPPED, the corpus needs an engine of its own, which needs root and dockerd")
	}
	dir := filepath.Join(scratch, fmt.Sprintf("engine%d", sandboxes.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	s := &sandbox{TB: t, address: "unix://" + socket, client: client(socket), folder: filepath.Join(dir, "host")}
	if err := os.Mkdir(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	// It has a network namespace to itself: without a bridge it would remove docker0, which may be another engine's.
	process := exec.Command("dockerd", "--host", s.address, "--pidfile", filepath.Join(dir, "pid"), "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--shutdown-timeout", "1", "--default-cgroupns-mode", "private", "--log-level", "error")
	process.Stdout, process.Stderr = &log, &log
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the tests, which then stop it
	if err := startInOwnNetwork(process); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- process.Wait() }()
	t.Cleanup(func() {
		s.clear()
		_ = process.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(patience):
			_ = process.Process.Kill()
			t.Error("the engine did not end on SIGTERM")
			<-exited
		}
		// It leaves its network namespaces mounted.
		_ = syscall.Unmount(filepath.Join(dir, "exec", "netns", "default"), syscall.MNT_DETACH)
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if answer, err := s.client.Get("http://docker/_ping"); err == nil {
			_ = answer.Body.Close()
			break
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("dockerd ended with %v\n%s", err, &log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer\n%s", &log)
		}
	}
	s.load(source)
	s.rebuild()
	var version struct{ Version string }
	s.do("GET", "/version", nil, &version, 200)
	numbers := strings.SplitN(version.Version, ".", 3)
	if s.version = numbers[0]; s.version == "20" {
		s.version += "." + numbers[1]
	}
	return s
}

// startInOwnNetwork starts a process in a network namespace that has a loopback interface and nothing else. A child gets the namespaces of
// the thread that starts it.
func startInOwnNetwork(process *exec.Cmd) error {
	started := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this goroutine, so that nobody else gets into its namespace.
		runtime.LockOSThread()
		started <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("make a network namespace: %w", err)
			}
			socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(socket) }()
			loopback, err := unix.NewIfreq("lo")
			if err != nil {
				return err
			}
			loopback.SetUint16(unix.IFF_UP)
			if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
				return fmt.Errorf("bring lo up: %w", err)
			}
			return process.Start()
		}()
	}()
	return <-started
}

// load copies the image out of the engine at source.
func (s *sandbox) load(source string) {
	s.Helper()
	saved, err := client(strings.TrimPrefix(source, "unix://")).Get("http://docker/v1.41/images/get?names=" + image)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = saved.Body.Close() }()
	s.do("POST", "/images/load", saved.Body, nil, 200)
	s.do("POST", "/images/"+image+"/tag?repo=busybox&tag=local", nil, nil, 201)
}

// do asks the engine itself. The answer's status has to be one of those given.
func (s *sandbox) do(method, path string, body, into any, statuses ...int) {
	s.Helper()
	var content io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case io.Reader:
		content, kind = b, "application/x-tar"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	// The test's own context is already done when it cleans up.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://docker/v1.41"+path, content)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	answer, err := s.client.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !slices.Contains(statuses, answer.StatusCode) {
		s.Fatalf("%s %s: %s %s, %v; want %d", method, path, answer.Status, text, err, statuses)
	}
	if into != nil && answer.StatusCode < 300 {
		if err := json.Unmarshal(text, into); err != nil {
			s.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

// removeNew removes containers and volumes that were not there from the beginning.
func (s *sandbox) removeNew() {
	s.Helper()
	var containers []struct{ Id string } // the engine's spelling
	s.do("GET", "/containers/json?all=1", nil, &containers, 200)
	for _, c := range containers {
		if s.known[c.Id] == "" {
			s.do("DELETE", "/containers/"+c.Id+"?force=1&v=1", nil, nil, 204)
		}
	}
	var volumes struct{ Volumes []struct{ Name string } }
	s.do("GET", "/volumes", nil, &volumes, 200)
	for _, v := range volumes.Volumes {
		if !slices.Contains(s.volumes, v.Name) {
			s.do("DELETE", "/volumes/"+v.Name+"?force=1", nil, nil, 204)
		}
	}
	s.empty()
}

// empty removes what is in the folder of the host's.
func (s *sandbox) empty() {
	s.Helper()
	for _, file := range s.files() {
		if err := os.RemoveAll(filepath.Join(s.folder, file)); err != nil {
			s.Fatal(err)
		}
	}
}

// files are those in the folder of the host's.
func (s *sandbox) files() (names []string) {
	s.Helper()
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// clear removes all that there is but the image.
func (s *sandbox) clear() {
	s.Helper()
	s.do("POST", "/swarm/leave?force=1", nil, nil, 200, 503)
	s.swarm = false
	s.known, s.volumes = nil, nil
	s.removeNew()
	var networks []struct{ Name string }
	s.do("GET", "/networks", nil, &networks, 200)
	for _, n := range networks {
		if n.Name != "host" && n.Name != "none" {
			s.do("DELETE", "/networks/"+n.Name, nil, nil, 204, 404)
		}
	}
	var images []struct {
		Id       string //nolint:revive // the engine's spelling
		RepoTags []string
	}
	s.do("GET", "/images/json", nil, &images, 200)
	for _, i := range images {
		for _, tag := range i.RepoTags {
			switch tag {
			case image, "busybox:local":
			case "<none>:<none>":
				s.do("DELETE", "/images/"+i.Id, nil, nil, 200)
			default:
				s.do("DELETE", "/images/"+tag, nil, nil, 200)
			}
		}
	}
}

// rebuild makes the engine again what the cases expect.
func (s *sandbox) rebuild() {
	s.Helper()
	s.clear()
	s.known = map[string]string{}
	create := func(name, owner string, hostConfig map[string]any) {
		var created struct{ Id string }
		s.do("POST", "/containers/create?name="+name, map[string]any{
			"Image": "busybox:local", "Cmd": []string{"cat"}, "OpenStdin": true, "Labels": map[string]string{"owner": owner}, "HostConfig": hostConfig,
		}, &created, 201)
		s.known[created.Id] = name
	}
	owned := func(owner string, more map[string]any) map[string]any {
		made := map[string]any{"Labels": map[string]string{"owner": owner}}
		maps.Copy(made, more)
		return made
	}
	create("other", "you", nil)
	create("theirs", "you", nil)
	create("c1", "me", nil)
	create("c2", "me", nil)
	create("strong", "me", map[string]any{"Binds": []string{s.folder + ":/host"}})
	for _, name := range []string{"other", "c1", "strong"} {
		s.do("POST", "/containers/"+name+"/start", nil, nil, 204)
	}
	create("mine", "me", map[string]any{"Links": []string{"other:db"}})
	s.volumes = []string{"theirs-data", "hostdir"}
	s.do("POST", "/volumes/create", owned("you", map[string]any{"Name": "theirs-data"}), nil, 201)
	s.do("POST", "/volumes/create", owned("me", map[string]any{"Name": "hostdir", "DriverOpts": map[string]string{"type": "none", "o": "bind", "device": s.folder}}), nil, 201)
	s.do("POST", "/networks/create", owned("you", map[string]any{"Name": "theirs-net"}), nil, 201)
	s.do("POST", "/networks/create", owned("me", map[string]any{"Name": "my-net"}), nil, 201)
	s.do("POST", "/commit?container=theirs&repo=theirs&tag=1&changes=LABEL+owner%3Dyou", nil, nil, 201)
	s.before = s.facts()
	s.now = s.before
}

// restore undoes what a case has done.
func (s *sandbox) restore(swarm bool) {
	s.Helper()
	if s.swarm && !swarm {
		s.rebuild()
	}
	changes := s.before.diff(s.now)
	// What has come is quickly removed; what has gone, or has been done to what is there, is not.
	if len(changes) > 0 && !slices.ContainsFunc(changes, func(change string) bool {
		return !strings.HasPrefix(change, "+ container new: ") && !strings.HasPrefix(change, "+ volume ")
	}) {
		s.removeNew()
		s.now = s.facts()
		changes = s.before.diff(s.now)
	}
	if len(changes) > 0 {
		s.rebuild()
	}
	if swarm && !s.swarm {
		const address = "127.0.0.1:2377"
		s.do("POST", "/swarm/init", map[string]any{"ListenAddr": address, "AdvertiseAddr": address}, nil, 200)
		s.swarm = true
		s.before = s.facts()
		s.now = s.before
	}
}

// facts are what there is in an engine, a sentence each. Those that no client of the policy may bring about are true.
type facts map[string]bool

// diff tells what has come (+) and what has gone (-), in order.
func (f facts) diff(after facts) []string {
	var changes []string
	for fact := range f {
		if _, ok := after[fact]; !ok {
			changes = append(changes, "- "+fact)
		}
	}
	for fact := range after {
		if _, ok := f[fact]; !ok {
			changes = append(changes, "+ "+fact)
		}
	}
	slices.Sort(changes)
	return changes
}

func (s *sandbox) facts() facts {
	s.Helper()
	f := facts{}
	var containers []struct{ Id string }
	s.do("GET", "/containers/json?all=1", nil, &containers, 200)
	for _, c := range containers {
		s.containerFacts(f, c.Id)
	}
	var volumes struct {
		Volumes []struct {
			Name, Driver string
			Options      map[string]string
			Labels       map[string]string
		}
	}
	s.do("GET", "/volumes", nil, &volumes, 200)
	for _, v := range volumes.Volumes {
		if slices.Contains(s.volumes, v.Name) {
			f["volume "+v.Name] = false
			continue
		}
		f[fmt.Sprintf("volume %s: driver %s", v.Name, v.Driver)] = v.Driver != "local"
		for key, value := range v.Options {
			f[fmt.Sprintf("volume %s: %s=%s", v.Name, key, value)] = true
		}
		f.labels("volume "+v.Name+": label ", v.Labels)
	}
	s.networkFacts(f)
	var images []struct {
		RepoTags []string
		Labels   map[string]string
	}
	s.do("GET", "/images/json", nil, &images, 200)
	for _, i := range images {
		at := fmt.Sprintf("image %s", i.RepoTags)
		f[at] = false
		if !slices.Contains(i.RepoTags, "theirs:1") {
			f.labels(at+": label ", i.Labels)
		}
	}
	for _, file := range s.files() {
		f["file of the host's: "+file] = true
	}
	var plugins []struct{ Name string }
	s.do("GET", "/plugins", nil, &plugins, 200)
	for _, p := range plugins {
		f["plugin "+p.Name] = true
	}
	s.swarmFacts(f)
	return f
}

func (s *sandbox) networkFacts(f facts) {
	s.Helper()
	var networks []struct {
		Id, Name, Driver string //nolint:revive // the engine's spelling
		Labels           map[string]string
	}
	s.do("GET", "/networks", nil, &networks, 200)
	for _, n := range networks {
		// A swarm brings two networks, in its own time.
		if !s.swarm || n.Name != "ingress" && n.Name != "docker_gwbridge" {
			f[fmt.Sprintf("network %s: driver %s", n.Name, n.Driver)] = !slices.Contains([]string{"host", "null", "bridge", "overlay"}, n.Driver)
		}
		theirs := n.Name == "theirs-net"
		if !theirs {
			f.labels("network "+n.Name+": label ", n.Labels)
		}
		var members struct {
			Containers map[string]struct{ Name string }
		}
		s.do("GET", "/networks/"+n.Id, nil, &members, 200)
		for id, member := range members.Containers {
			if member.Name == "ingress-endpoint" || strings.HasSuffix(member.Name, "-sbox") {
				continue // an end of the swarm's own
			}
			name := s.known[id]
			if name == "" {
				name = "new"
			}
			f["network "+n.Name+": joined by "+name] = theirs
		}
	}
}

// labels are facts about what a case has created: it may have no other owner.
func (f facts) labels(at string, labels map[string]string) {
	for key, value := range labels {
		f[at+key+"="+value] = key == "owner" && value != "me"
	}
}

func (s *sandbox) swarmFacts(f facts) {
	s.Helper()
	var info struct {
		Swarm struct{ LocalNodeState string }
	}
	s.do("GET", "/info", nil, &info, 200)
	f["swarm: "+info.Swarm.LocalNodeState] = info.Swarm.LocalNodeState != "inactive" && !s.swarm
	if info.Swarm.LocalNodeState != "active" {
		return
	}
	var services []struct {
		Spec struct {
			Name         string
			Labels       map[string]string
			Networks     []struct{ Target string }
			TaskTemplate struct {
				Networks      []struct{ Target string }
				LogDriver     struct{ Name string }
				ContainerSpec struct {
					Labels map[string]string
					Mounts []struct{ Type, Source string }
				}
			}
		}
	}
	s.do("GET", "/services", nil, &services, 200)
	for _, v := range services {
		at := "service " + v.Spec.Name + ": "
		f[at+"created"] = false
		f.labels(at+"label ", v.Spec.Labels)
		f.labels(at+"container label ", v.Spec.TaskTemplate.ContainerSpec.Labels)
		for _, m := range v.Spec.TaskTemplate.ContainerSpec.Mounts {
			f[at+"mount "+m.Type+" "+m.Source] = true
		}
		for _, n := range slices.Concat(v.Spec.Networks, v.Spec.TaskTemplate.Networks) {
			var network struct{ Name string }
			s.do("GET", "/networks/"+n.Target, nil, &network, 200)
			f[at+"network "+network.Name] = true
		}
		if driver := v.Spec.TaskTemplate.LogDriver.Name; driver != "" {
			f[at+"log driver "+driver] = true
		}
	}
}

// harmless are the values of those fields of a HostConfig that could be powers: what an ordinary container has.
var harmless = map[string][]string{
	"Privileged": {"false"}, "CapAdd": {"null", "[]"}, "Devices": {"null", "[]"}, "DeviceRequests": {"null", "[]"}, "DeviceCgroupRules": {"null", "[]"},
	"Binds": {"null", "[]"}, "Mounts": {"null", "[]"}, "VolumesFrom": {"null", "[]"}, "VolumeDriver": {`""`}, "SecurityOpt": {"null", "[]"}, "Sysctls": {"null", "{}"},
	"NetworkMode": {`""`, `"default"`, `"none"`, `"bridge"`, `"my-net"`}, "PidMode": {`""`, `"private"`}, "IpcMode": {`""`, `"private"`, `"shareable"`}, "UTSMode": {`""`},
	"UsernsMode": {`""`}, "CgroupnsMode": {`""`, `"private"`}, "Cgroup": {`""`}, "CgroupParent": {`""`}, "Runtime": {`"runc"`, `"io.containerd.runc.v2"`},
	"Links": {"null", "[]", `["/other:/mine/db"]`}, "LogConfig": {`{"Config":{},"Type":"json-file"}`, `{"Config":null,"Type":"json-file"}`},
}

// inOrder is a JSON value with the keys of its objects in order: engines differ in that.
func inOrder(t testing.TB, value json.RawMessage) string {
	t.Helper()
	var decoded any
	if err := json.Unmarshal(value, &decoded); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// containerFacts takes the name of a container that was not there before for new: the engine chooses it.
func (s *sandbox) containerFacts(f facts, id string) {
	s.Helper()
	var c struct {
		Name   string
		State  struct{ Status string }
		Config struct {
			Labels      map[string]string
			Healthcheck json.RawMessage
		}
		HostConfig map[string]json.RawMessage
		ExecIDs    []string
	}
	s.do("GET", "/containers/"+id+"/json", nil, &c, 200)
	name, known := s.known[id]
	if !known {
		name = "new"
	}
	at := "container " + name + ": "
	f[at+c.State.Status] = false
	if known {
		f[at+"name "+strings.TrimPrefix(c.Name, "/")] = false
	}
	for key, value := range c.Config.Labels {
		f[at+"label "+key+"="+value] = !known && key == "owner" && value != "me"
	}
	if !known && c.Config.Labels["owner"] == "" {
		f[at+"without an owner"] = true
	}
	if c.Config.Healthcheck != nil {
		f[at+"Healthcheck "+string(c.Config.Healthcheck)] = false
	}
	for field, values := range harmless {
		value, ok := c.HostConfig[field]
		if ok && !slices.Contains(values, inOrder(s, value)) {
			f[at+field+" "+string(value)] = name != "strong"
		}
	}
	for _, field := range []string{"MaskedPaths", "ReadonlyPaths"} {
		if value := string(c.HostConfig[field]); value == "[]" || value == "null" {
			f[at+field+" "+value] = name != "strong"
		}
	}
	for _, id := range c.ExecIDs {
		var exec struct{ ProcessConfig struct{ Privileged bool } }
		s.do("GET", "/exec/"+id+"/json", nil, &exec, 200)
		fact := "exec in " + name + ": ordinary"
		if exec.ProcessConfig.Privileged {
			fact = "exec in " + name + ": privileged"
		}
		f[fact] = exec.ProcessConfig.Privileged || name == "other" || name == "strong"
	}
}

// forbidden are the facts that no client of the policy may bring about.
func (f facts) forbidden() []string {
	var bad []string
	for fact, forbidden := range f {
		if forbidden {
			bad = append(bad, fact)
		}
	}
	slices.Sort(bad)
	return bad
}
