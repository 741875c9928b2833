package identity

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Ids of containers in these tests: one letter each, 64 times.
func id(letter string) string { return strings.Repeat(letter, idLength) }

// The paths in which engines put the groups of their containers.
func TestContainersAreKnownByThePathsOfTheirGroups(t *testing.T) {
	for name, c := range map[string]struct {
		file string // A to F stand for ids
		own  string
		want string // the innermost first
	}{
		"version 2, cgroupfs":          {"0::/docker/A\n", "0::/\n", "A"},
		"version 2, systemd":           {"0::/system.slice/docker-A.scope\n", "0::/system.slice/sluice.service\n", "A"},
		"version 1":                    {"3:memory:/docker/A\n2:cpu,cpuacct:/docker/A\n1:name=systemd:/docker/A\n", "1:name=systemd:/\n", "A"},
		"version 1, hybrid":            {"2:memory:/docker/A\n1:name=systemd:/docker/A\n0::/docker/A\n", "0::/\n", "A"},
		"hybrid, unified left alone":   {"1:name=systemd:/docker/A\n0::/\n", "0::/\n", "A"},
		"another parent":               {"0::/ci/jobs/A\n", "0::/\n", "A"},
		"inside of the container":      {"0::/docker/A/init.scope/x\n", "0::/\n", "A"},
		"podman, systemd":              {"0::/machine.slice/libpod-A.scope/container\n", "0::/\n", "A"},
		"podman, cgroupfs":             {"0::/libpod_parent/libpod-A\n", "0::/\n", "A"},
		"podman, rootless":             {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope\n", "0::/\n", "A"},
		"docker, rootless":             {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-A.scope\n", "0::/\n", "A"},
		"containerd":                   {"0::/default/A\n", "0::/\n", "A"},
		"nerdctl":                      {"0::/system.slice/nerdctl-A.scope\n", "0::/\n", "A"},
		"Kubernetes, cgroupfs":         {"0::/kubepods/burstable/pod0a1b/A\n", "0::/\n", "A"},
		"Kubernetes, systemd":          {"0::/kubepods.slice/kubepods-pod0a1b.slice/cri-containerd-A.scope\n", "0::/\n", "A"},
		"Kubernetes, mixed drivers":    {"0::/system.slice/containerd.service/kubepods-pod0a1b.slice:cri-containerd:A\n", "0::/\n", "A"},
		"CRI-O":                        {"0::/kubepods.slice/kubepods-pod0a1b.slice/crio-A.scope\n", "0::/\n", "A"},
		"an engine in a container":     {"0::/docker/A/docker/B\n", "0::/\n", "B A"},
		"the same, systemd":            {"0::/system.slice/docker-A.scope/system.slice/docker-B.scope\n", "0::/\n", "B A"},
		"kind":                         {"0::/docker/A/kubelet/kubepods/pod0a1b/B\n", "0::/\n", "B A"},
		"a namespace of the gateway's": {"0::/../A\n", "0::/\n", "A"},
		"the same, systemd's":          {"0::/../docker-A.scope\n", "0::/\n", "A"},
		"the same, further up":         {"0::/../../docker/A\n", "0::/\n", "A"},
		"a group that was removed":     {"0::/docker/A (deleted)\n", "0::/\n", "A"},

		"the gateway's own container":    {"0::/docker/A\n", "0::/docker/A\n", ""},
		"a neighbour of the gateway's":   {"0::/docker/B\n", "0::/docker/A\n", "B"},
		"an engine around the gateway":   {"0::/docker/A/docker/B\n", "0::/docker/A/init\n", "B"},
		"the host":                       {"0::/user.slice/user-0.slice/session-1.scope\n", "0::/\n", ""},
		"the root":                       {"0::/\n", "0::/\n", ""},
		"who watches over a container":   {"0::/machine.slice/libpod-conmon-A.scope\n", "0::/\n", ""},
		"the same, CRI-O's":              {"0::/kubepods.slice/crio-conmon-A.scope\n", "0::/\n", ""},
		"an image builder's step":        {"0::/docker/buildkit/0123456789abcdefghijklmno\n", "0::/\n", ""},
		"too short":                      {"0::/docker/" + id("a")[1:] + "\n", "0::/\n", ""},
		"too long":                       {"0::/docker/" + id("a") + "a\n", "0::/\n", ""},
		"upper case":                     {"0::/docker/" + id("A") + "\n", "0::/\n", ""},
		"not at the end of the name":     {"0::/docker/x-" + id("a") + "-y\n", "0::/\n", ""},
		"an id alone as a unit":          {"0::/system.slice/" + id("a") + ".scope\n", "0::/\n", ""},
		"nothing before the mark":        {"0::/system.slice/-" + id("a") + ".scope\n", "0::/\n", ""},
		"one that repeats itself":        {"0::/docker/A/docker/A\n", "0::/\n", "A"},
		"one that is put below another":  {"0::/docker/A/B\n", "0::/\n", "B A"},
		"hierarchies that tell a part":   {"2:memory:/docker/A/docker/B\n1:cpu:/docker/A\n", "0::/\n", "B A"},
		"colons in a path":               {"1:name=systemd:/a:b/docker-A.scope\n", "0::/\n", "A"},
		"the gateway elsewhere, deeper":  {"0::/docker/B\n", "0::/a/b/c/d\n", "B"},
		"no hierarchy of the gateway's":  {"5:pids:/docker/B\n", "0::/docker/B\n", "B"},
		"a slice that the gateway is in": {"0::/system.slice/docker-B.scope\n", "0::/system.slice/docker-A.scope\n", "B"},
	} {
		t.Run(name, func(t *testing.T) {
			peer, own := groups(t, c.file), groups(t, c.own)
			got, err := claimsOf(peer, own)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, claim := range got.containers {
				ids = append(ids, strings.ToUpper(claim.id[:1]))
			}
			if strings.Join(ids, " ") != c.want {
				t.Errorf("got %v, want %s", ids, c.want)
			}
		})
	}
}

// groups parses a file in which capital letters by themselves stand for ids.
func groups(t *testing.T, file string) cgroups {
	t.Helper()
	for _, letter := range []string{"A", "B", "C", "D", "E", "F"} {
		for _, before := range []string{"/", "-", ":"} {
			for _, after := range []string{"/", "\n", ".", " "} {
				file = strings.ReplaceAll(file, before+letter+after, before+id(strings.ToLower(letter))+after)
			}
		}
	}
	parsed, err := parseCgroups(file)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestAFileThatIsNotUnderstoodIsAFailure(t *testing.T) {
	for _, file := range []string{"", "\n", "0::\n", "0::docker\n", "docker\n", "0:/docker\n", strings.Repeat("0::/\n", 3) + "x\n"} {
		if got, err := parseCgroups(file); err == nil {
			t.Errorf("%q: got %v, want an error", file, got)
		}
	}
	var many strings.Builder
	for i := range maxHierarchies + 1 {
		fmt.Fprintf(&many, "%d:c%d:/\n", i, i)
	}
	if _, err := parseCgroups(many.String()); err == nil {
		t.Error("any number of hierarchies is read")
	}
}

func TestContainersInsideOfEachOtherHaveALimit(t *testing.T) {
	path := "/docker"
	for i := range maxClaims + 1 {
		path += fmt.Sprintf("/%064x", i)
	}
	if _, err := claimsOf(cgroups{"": path}, cgroups{"": "/"}); !errors.Is(err, errTooDeep) {
		t.Errorf("got %v, want %v", err, errTooDeep)
	}
}

// A machine is what an engine, and /proc, know of containers.
type machine map[string]struct {
	pid    int
	groups string // of the first process
	id     string // "" for the key
	err    error
}

func (m machine) Address() string { return "unix:///engine.sock" }

func (m machine) Container(_ context.Context, wanted string) (*Container, error) {
	for letter, c := range m {
		if id(letter) != wanted {
			continue
		}
		found := &Container{ID: wanted, Name: letter, PID: c.pid}
		if c.id != "" {
			found.ID = id(c.id)
		}
		return found, c.err
	}
	return nil, nil
}

// A path is a claim. Whoever makes control groups, or chooses below which his
// container is put, can claim what he likes; the engine decides.
func TestTheEngineConfirmsWhichContainerItIs(t *testing.T) {
	type known = map[string]struct {
		pid    int
		groups string
		id     string
		err    error
	}
	victim := struct {
		pid    int
		groups string
		id     string
		err    error
	}{pid: 1, groups: "0::/docker/A\n"}
	with := victim
	with.groups = "0::/docker/A/B\n"
	with.pid = 2
	for name, c := range map[string]struct {
		peer    string
		known   known
		want    string
		failure string
	}{
		"it is":                   {"0::/docker/A\n", known{"a": victim}, "a", ""},
		"a process further in":    {"0::/docker/A/x/y\n", known{"a": victim}, "a", ""},
		"nobody claims anything":  {"0::/user.slice\n", nil, "", ""},
		"another engine's":        {"0::/docker/B\n", known{"a": victim}, "", ""},
		"another engine's inside": {"0::/docker/A/docker/B\n", known{"a": victim}, "a", ""},
		"systemd inside":          {"0::/docker/A/system.slice\n", known{"a": {pid: 1, groups: "0::/docker/A/init.scope\n"}}, "a", ""},

		"a user's unit of that name":          {"0::/user.slice/user-1000.slice/docker-A.scope\n", known{"a": victim}, "", "is elsewhere"},
		"a group made inside of one's own":    {"0::/docker/B/docker/A\n", known{"a": victim, "b": {pid: 2, groups: "0::/docker/B\n"}}, "", "is elsewhere"},
		"a container put below another":       {"0::/docker/A/B\n", known{"a": victim, "b": with}, "b", ""},
		"the same, when it has just ended":    {"0::/docker/A/B\n", known{"a": victim, "b": {pid: 0}}, "", "does not run"},
		"a name that looks like an id":        {"0::/docker/A\n", known{"a": {pid: 1, groups: "0::/docker/B\n", id: "b"}}, "", ""},
		"hierarchies that say different":      {"2:memory:/docker/A\n1:cpu:/docker/B\n", known{"a": {pid: 1, groups: "2:memory:/docker/A\n1:cpu:/docker/A\n"}}, "", "disagree"},
		"one that is so in one hierarchy":     {"2:memory:/docker/A\n1:cpu:/x/docker-A.scope\n", known{"a": {pid: 1, groups: "2:memory:/docker/A\n1:cpu:/docker/A\n"}}, "", "is elsewhere"},
		"a path that only begins like it":     {"0::/docker/A\n", known{"a": {pid: 1, groups: "0::/docker/A0\n"}}, "", "is elsewhere"},
		"an engine that does not answer":      {"0::/docker/A\n", known{"a": {err: errors.New("no answer")}}, "", "no answer"},
		"a first process that nobody can see": {"0::/docker/A\n", known{"a": {pid: 99}}, "", "no such process"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := claimsOf(groups(t, c.peer), cgroups{"": "/"})
			if err != nil {
				t.Fatal(err)
			}
			m := machine(c.known)
			got, err := confirm(t.Context(), found, m, func(process string) (cgroups, error) {
				for _, container := range m {
					if fmt.Sprint(container.pid) == process && container.groups != "" {
						return groups(t, container.groups), nil
					}
				}
				return nil, errors.New("no such process")
			})
			switch {
			case c.failure != "":
				if err == nil || !strings.Contains(err.Error(), c.failure) {
					t.Errorf("got %+v, %v, want a failure with %q", got, err, c.failure)
				}
			case err != nil:
				t.Error(err)
			case got == nil && c.want != "" || got != nil && got.Name != c.want:
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}

func TestWithoutAnEngineAClaimIsAFailure(t *testing.T) {
	found, err := claimsOf(cgroups{"": "/docker/" + id("a")}, cgroups{"": "/"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := confirm(t.Context(), found, nil, nil); err == nil {
		t.Errorf("got %+v", got)
	}
	if got, err := confirm(t.Context(), claims{}, nil, nil); got != nil || err != nil {
		t.Errorf("without a claim: got %+v, %v, want nothing to be asked", got, err)
	}
}

// A connection may outlive the engine that was asked about its client.
func TestWhatOneEngineSaidDoesNotHoldForAnother(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	known := &Container{ID: id("a")}
	c := &Client{conn: conn, accepted: time.Now(), container: known, asked: "unix:///engine.sock"}
	if got, err := c.Container(t.Context(), machine{}); got != known || err != nil {
		t.Errorf("the same engine: got %+v, %v, want what it said", got, err)
	}
	c.asked = "tcp://another:2375"
	if got, err := c.Container(t.Context(), machine{}); got != nil || err != nil {
		t.Errorf("another engine: got %+v, %v, want none: this process is in no container of its", got, err)
	}
}

// What a process can call its control groups must not crash or hang the gateway,
// and what is claimed is always a part of what it said.
func FuzzClaims(f *testing.F) {
	f.Add("0::/docker/"+id("a")+"\n", "0::/\n")
	f.Add("2:memory:/docker/"+id("a")+"/docker/"+id("b")+"\n0::/../x\n", "0::/docker/"+id("a")+"\n")
	f.Add("0::///\n", "0:::\n")
	f.Fuzz(func(t *testing.T, peer, own string) {
		p, err := parseCgroups(peer)
		if err != nil {
			return
		}
		o, _ := parseCgroups(own)
		got, err := claimsOf(p, o)
		if err != nil {
			return
		}
		for _, claim := range got.containers {
			if len(claim.groups) == 0 || len(claim.groups) > got.hierarchies {
				t.Fatalf("%+v of %d hierarchies", claim, got.hierarchies)
			}
			for hierarchy, path := range claim.groups {
				if !strings.HasPrefix(p[hierarchy], path) || !strings.Contains(path, claim.id) {
					t.Fatalf("%q of %q", path, p[hierarchy])
				}
			}
		}
	})
}
