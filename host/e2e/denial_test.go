package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// denies is a chain that denies operations.
func denies(operations string) string {
	return `
  - name: guard
    module: {filter:request-guard}
    config: {default: allow, deny: [{operations: [` + operations + `]}]}
`
}

// deniedBy plays a scenario with each command line through a gateway that denies these operations, on each kind of listener.
func deniedBy(t *testing.T, operations string, scenario func(d *docker, way door)) {
	t.Helper()
	_, ways := startWithDoors(t, engine(t), denies(operations))
	for _, c := range clis(t) {
		for _, way := range ways {
			t.Run("cli"+c.version+" "+way.name, func(t *testing.T) {
				t.Parallel()
				scenario(newDocker(t, c, way.address), way)
			})
		}
	}
}

// wantDenial fails unless the command failed and showed the filter's reason.
func (r result) wantDenial(d *docker, what string) {
	d.Helper()
	if r.code == 0 || !denial.MatchString(r.stdout+r.stderr) {
		d.Errorf("%s: exit %d, %q, %q; want it to fail with the reason", what, r.code, r.stdout, r.stderr)
	}
}

var denial = regexp.MustCompile(`denied by filter "guard": .+ \(request .+\)`)

func TestADeniedExecShowsTheReasonAndFails(t *testing.T) {
	deniedBy(t, "ExecStart", func(d *docker, _ door) {
		c := d.sleeper()
		d.run("exec", c, "touch", "/done").wantDenial(d, "exec")
		d.feed(strings.NewReader("input"), "exec", "-i", c, "touch", "/done").wantDenial(d, "exec -i")
		d.run("exec", "-t", c, "touch", "/done").wantDenial(d, "exec -t")
		d.terminal("exec", "-it", c, "touch", "/done").end().wantDenial(d, "exec -it in a terminal")
		d.run("exec", "-d", c, "touch", "/done").wantDenial(d, "exec -d")
		direct := newDocker(d, d.cli, engine(d))
		if r := direct.run("exec", c, "ls", "/done"); r.code == 0 {
			d.Errorf("a denied exec has run: %q", r.stdout)
		}
	})
}

func TestADeniedAttachShowsTheReasonAndFails(t *testing.T) {
	deniedBy(t, "ContainerAttach", func(d *docker, way door) {
		d.run("attach", "--no-stdin", d.sleeper()).wantDenial(d, "attach")
		// The command line attaches before it starts, and starts whatever it read: the start is a request of its own.
		d.run("run", "--rm", "--name", d.name+"-run", "--network", "none", image, "true").wantDenial(d, "run")

		d.prepare("run", "-dit", "--name", d.name+"-tty", "--network", "none", image, "sleep", "600")
		for what, args := range map[string][]string{
			"attach to a terminal": {"attach", "--sig-proxy=false", d.name + "-tty"},
			"run -it":              {"run", "-it", "--rm", "--name", d.name + "-run-it", "--network", "none", image, "sleep", "600"},
		} {
			r := d.terminal(args...).end()
			if way.name == "tls" {
				r.wantDenial(d, what)
			} else if r.code == 0 || !strings.Contains(r.stdout, "unable to upgrade to tcp, received 403") {
				// Over a unix socket no stream for a terminal can be made to fail: see RATIONALE.md.
				d.Errorf("%s: exit %d, %q; want it to fail at once", what, r.code, r.stdout)
			}
		}
	})
}

// A denial answers before the upload is through; the client must still get to read it.
func TestTheDenialOfALargeUploadShowsItsMessage(t *testing.T) {
	deniedBy(t, "ImageLoad, ImageBuild, PutContainerArchive, ImageCreate", func(d *docker, _ door) {
		large := filepath.Join(d.dir, "large")
		if err := os.WriteFile(large, nil, 0o600); err != nil {
			d.Fatal(err)
		}
		if err := os.Truncate(large, 60<<20); err != nil {
			d.Fatal(err)
		}
		folder := filepath.Join(d.dir, "context")
		if err := os.Mkdir(folder, 0o700); err != nil {
			d.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte("FROM "+image+"\n"), 0o600); err != nil {
			d.Fatal(err)
		}
		if err := os.Link(large, filepath.Join(folder, "large")); err != nil {
			d.Fatal(err)
		}
		d.prepare("create", "--name", d.name, "--network", "none", image, "true")
		for range 10 {
			d.run("load", "-i", large).wantDenial(d, "load")
			d.run("build", folder).wantDenial(d, "build")
			d.run("cp", large, d.name+":/large").wantDenial(d, "cp")
			d.run("import", large).wantDenial(d, "import")
		}
	})
}

// What comes to nothing before anything is created: each says why, each time.
func TestADeniedCreateExecOrPullShowsItsMessage(t *testing.T) {
	deniedBy(t, "ContainerCreate, ContainerExec, ImageCreate, ImagePush, NetworkCreate, VolumeCreate, ContainerDelete", func(d *docker, _ door) {
		direct := newDocker(d, d.cli, engine(d))
		c := direct.sleeper()
		for range 10 {
			d.run("run", "--rm", "--name", d.name, "--network", "none", image, "true").wantDenial(d, "run")
			d.run("create", "--name", d.name, "--network", "none", image, "true").wantDenial(d, "create")
			d.run("exec", c, "true").wantDenial(d, "exec")
			d.run("pull", "127.0.0.1:9/none:1").wantDenial(d, "pull")
			d.run("push", image).wantDenial(d, "push")
			d.run("network", "create", d.name).wantDenial(d, "network create")
			d.run("volume", "create", d.name).wantDenial(d, "volume create")
			d.run("rm", "-f", c).wantDenial(d, "rm")
		}
		direct.run("inspect", "--format", "{{.State.Running}}", c).want(d, "true\n", 0)
	})
}
