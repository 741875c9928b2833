package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/upstream"
)

// things are what there is in the engine for the tests of references. All names begin with that of d.
type things struct {
	*docker
	resolver *reference.Resolver
}

func prepareThings(t *testing.T) *things {
	t.Helper()
	d := newDocker(t, clis(t)[0], engine(t))
	pool, err := upstream.New(d.address, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &things{d, reference.New(pool, reference.Options{})}
}

// remove removes something at the end that removeAll does not find.
func (x *things) remove(args ...string) {
	x.Cleanup(func() {
		if out, err := exec.Command(x.cli.path, append([]string{"-H", x.address}, args...)...).CombinedOutput(); err != nil {
			x.Errorf("docker %s: %v: %s", strings.Join(args, " "), err, out)
		}
	})
}

// container makes a container that runs, owned by somebody.
func (x *things) container(suffix, owner string, flags ...string) (name, id string) {
	x.Helper()
	name = x.name + suffix
	args := append([]string{"run", "-d", "--init", "--name", name, "--label", "sluice.owner=" + owner}, flags...)
	if !strings.Contains(strings.Join(flags, " "), "--network") {
		args = append(args, "--network", "none")
	}
	return name, x.prepare(append(args, image, "sleep", "600")...)
}

// is resolves a reference and compares the id.
func (x *things) is(kind reference.Kind, ref, id string) *reference.Reference {
	x.Helper()
	got, err := x.resolver.Resolve(x.Context(), kind, ref)
	if err != nil {
		x.Fatalf("%s %q: %v", kind, ref, err)
	}
	if got.ID != id {
		x.Errorf("%s %q is %s, want %s", kind, ref, got.ID, id)
	}
	return got
}

func (x *things) fails(kind reference.Kind, ref string, want error) {
	x.Helper()
	if got, err := x.resolver.Resolve(x.Context(), kind, ref); !errors.Is(err, want) {
		x.Errorf("%s %q: got %+v, %v; want %v", kind, ref, got, err, want)
	}
}

// What a name means is what the engine makes of it.
func TestContainersAreFoundAsTheEngineFindsThem(t *testing.T) {
	x := prepareThings(t)
	other, otherID := x.container("-other", "you", "--network", "bridge", "-t", "--pid", "host")
	mine, mineID := x.container("-mine", "me", "--network", "bridge", "--link", other+":al")
	for _, ref := range []string{other, "/" + other, otherID, otherID[:20], mine + "/al", "/" + mine + "/al"} {
		got := x.is(reference.Container, ref, otherID)
		if got.Name != other || got.Owner != "you" || got.Labels["sluice.owner"] != "you" || !got.TTY || !got.Running ||
			!strings.HasPrefix(got.Image, "sha256:") || !strings.Contains(string(got.HostConfig), `"PidMode":"host"`) || string(got.Mounts) != "[]" {
			t.Errorf("%s is %+v", ref, got)
		}
	}
	if got := x.is(reference.Container, mine, mineID); got.Owner != "me" || got.TTY {
		t.Errorf("%s is %+v", mine, got)
	}
	for ref, want := range map[string]error{
		mine + "/nothing": reference.ErrNotFound, mine + "/": reference.ErrBadReference, "//" + mine: reference.ErrBadReference,
		"/" + otherID[:20]: reference.ErrNotFound, "": reference.ErrBadReference, "..": reference.ErrBadReference,
		mine + "?size=1": reference.ErrNotFound, mine + "#": reference.ErrNotFound, mine + "%2fal": reference.ErrNotFound,
		mine + "/../" + mine: reference.ErrBadReference, "a b": reference.ErrNotFound, "\u00fc": reference.ErrNotFound,
	} {
		x.fails(reference.Container, ref, want)
	}

	// Of two ids with one beginning nobody knows which is meant. There is such a beginning among seventeen.
	first := map[byte]bool{otherID[0]: true}
	for i := 0; ; i++ {
		id := x.prepare("create", "--name", fmt.Sprintf("%s-%d", x.name, i), "--network", "none", image, "true")
		if first[id[0]] {
			x.fails(reference.Container, id[:1], reference.ErrBadReference)
			break
		}
		first[id[0]] = true
	}
}

func TestExecsBelongToTheirContainer(t *testing.T) {
	x := prepareThings(t)
	name, id := x.container("", "me")
	var created struct{ ID string }
	response, err := client(x.address).Post("http://docker/v1.41/containers/"+name+"/exec", "application/json",
		strings.NewReader(`{"Cmd":["true"],"Tty":true,"Privileged":true}`))
	if err != nil {
		t.Fatal(err)
	}
	jsonBody(t, response, &created)
	got := x.is(reference.Exec, created.ID, created.ID)
	if got.Container != id || got.Owner != "me" || !got.TTY || !got.Privileged || got.Running {
		t.Errorf("the exec is %+v", got)
	}
	x.fails(reference.Exec, created.ID[:20], reference.ErrNotFound) // the engine takes whole ids only
	x.fails(reference.Exec, name, reference.ErrNotFound)
}

func TestImagesAreFoundByAllOfTheirNames(t *testing.T) {
	x := prepareThings(t)
	container := x.prepare("create", "--name", x.name, image, "true")
	id := x.prepare("commit", "--change", "LABEL sluice.owner=me", container, x.name+":1")
	x.prepare("tag", x.name+":1", x.name+"-also:latest")
	plain := strings.TrimPrefix(id, "sha256:")
	for _, ref := range []string{
		x.name + ":1", "docker.io/library/" + x.name + ":1", "index.docker.io/library/" + x.name + ":1", "library/" + x.name + ":1",
		x.name + "-also", id, plain, plain[:20], id[:30],
	} {
		if got := x.is(reference.Image, ref, id); got.Owner != "me" || len(got.Tags) != 2 {
			t.Errorf("%s is %+v", ref, got)
		}
	}
	x.fails(reference.Image, x.name, reference.ErrNotFound) // there is no :latest of it
	x.fails(reference.Image, "Upper Case", reference.ErrBadReference)

	// A tag is moved to another image in a moment.
	x.prepare("tag", image, x.name+":1")
	if got, err := x.resolver.Resolve(t.Context(), reference.Image, x.name+":1"); err != nil || got.ID == id {
		t.Errorf("the moved tag names %+v, %v", got, err)
	}
}

func TestAVolumeTellsThatItIsAFolderOfTheHosts(t *testing.T) {
	x := prepareThings(t)
	x.prepare("volume", "create", "--label", "sluice.owner=me", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/etc", x.name)
	x.remove("volume", "rm", x.name)
	got := x.is(reference.Volume, x.name, x.name)
	if got.Owner != "me" || got.Driver != "local" || got.Options["o"] != "bind" || got.Options["device"] != "/etc" {
		t.Errorf("the volume is %+v", got)
	}
	x.fails(reference.Volume, x.name[:len(x.name)-2], reference.ErrNotFound)
	x.fails(reference.Volume, x.name+"/../"+x.name, reference.ErrBadReference)
}

func TestNetworksAreFoundByNameAndBeginning(t *testing.T) {
	x := prepareThings(t)
	id := x.prepare("network", "create", "--label", "sluice.owner=me", x.name)
	x.remove("network", "rm", x.name)
	for _, ref := range []string{x.name, id, id[:20]} {
		if got := x.is(reference.Network, ref, id); got.Owner != "me" || got.Driver != "bridge" || got.Name != x.name {
			t.Errorf("%s is %+v", ref, got)
		}
	}
	x.fails(reference.Network, x.name+"-other", reference.ErrNotFound)
}

func TestWithoutASwarmNobodyKnowsItsServices(t *testing.T) {
	x := prepareThings(t)
	x.fails(reference.Service, x.name, reference.ErrEngine)
}

// Between a filter's look at a name and the moment in which the engine acts upon it, somebody gives the name to another container.
// A request that was pinned goes to the one that the filter saw; one that was not goes to the other.
func TestARenameBetweenTheLookAndTheActChangesNothing(t *testing.T) {
	for _, test := range []struct {
		do, log string
		judged  bool // the engine acts upon what was judged
	}{{"pin", "pinned to ", true}, {"look", "looked at ", false}} {
		t.Run(test.do, func(t *testing.T) {
			x := prepareThings(t)
			name, judged := x.container("-web", "me")
			others, other := x.container("-db", "you")
			g := startGateway(t, x.address, fmt.Sprintf(`
  - name: selftest
    module: %s
    config: {do: %s}
`, filepath.Join(root(t), "guest-sdk", "internal", "selftest", "selftest.wasm"), test.do))
			conn, err := connect(g.address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			body := `{"Cmd":["true"]}`
			if _, err := fmt.Fprintf(conn, "POST /v1.41/containers/%s/exec HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", name, len(body)); err != nil {
				t.Fatal(err)
			}
			g.log.await(t, test.log+judged)

			x.prepare("rename", name, name+"-old")
			x.prepare("rename", others, name)

			if _, err := io.WriteString(conn, body); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			var created struct{ ID string }
			jsonBody(t, response, &created)
			want := other
			if test.judged {
				want = judged
			}
			if got := x.is(reference.Exec, created.ID, created.ID); got.Container != want {
				t.Errorf("the exec is in %s, want it in %s", got.Container, want)
			}
		})
	}
}
