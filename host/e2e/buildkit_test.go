package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pluginCLI is a command line that takes plugins and does not do BuildKit by itself, so that `docker build` is buildx.
func pluginCLI(t testing.TB) cli {
	t.Helper()
	for _, c := range clis(t) {
		if !c.buildKit() {
			return c
		}
	}
	missing(t, "there is no docker command line here that builds by buildx")
	return cli{}
}

// A builder is one way to ask for a build with BuildKit.
type builder struct {
	name  string
	build func(d *docker, args ...string) *exec.Cmd
}

// builders are the docker command line that does BuildKit by itself, over /session and /build, and buildx, over /grpc and /session.
func builders() []builder {
	return []builder{
		{"cli", func(d *docker, args ...string) *exec.Cmd {
			for _, c := range clis(d) {
				if c.buildKit() {
					command := d.program(c.path, append([]string{"build", "--progress", "plain", "--no-cache"}, args...)...)
					command.Env = append(command.Env, "DOCKER_BUILDKIT=1")
					return command
				}
			}
			missing(d, "no docker command line here can do BuildKit builds by itself (20.10 can)")
			return nil
		}},
		{"buildx", (*docker).buildx},
	}
}

// buildx is Docker's plugin, ready to build.
func (d *docker) buildx(args ...string) *exec.Cmd {
	d.Helper()
	plugins := filepath.Join(d.dir, ".docker", "cli-plugins")
	if err := os.MkdirAll(plugins, 0o700); err != nil {
		d.Fatal(err)
	}
	if err := os.Symlink(built(d, "docker-buildx"), filepath.Join(plugins, "docker-buildx")); err != nil && !os.IsExist(err) {
		d.Fatal(err)
	}
	return d.program(pluginCLI(d).path, append([]string{"buildx", "build", "--progress", "plain", "--no-cache"}, args...)...)
}

// dockerfile is a folder with a Dockerfile.
func (d *docker) dockerfile(lines ...string) string {
	d.Helper()
	dir, err := os.MkdirTemp(d.dir, "build")
	if err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		d.Fatal(err)
	}
	return dir
}

// shows plays a build and returns all that it showed.
func (d *docker) shows(command *exec.Cmd, code int) string {
	d.Helper()
	r := d.finish(command, command.Args[1:])
	if r.code != code {
		d.Errorf("at %s: %s ended with %d, want %d:\n%s%s", d.address, strings.Join(command.Args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r.stdout + r.stderr
}

// Builds by buildx, whose every call passes the filters, are the same as on the engine's socket.
func TestBuildx(t *testing.T) {
	sameWith(t, []cli{pluginCLI(t)}, func(d *docker) {
		tag := d.name + ":built"
		out := d.shows(d.buildx("--build-arg", "WORD=buildx", "-t", tag, d.buildContext()), 0)
		d.wantIn(out, " 307200\n")
		var steps []string
		for line := range strings.SplitSeq(out, "\n") {
			if _, step, found := strings.Cut(line, " "); found && strings.HasPrefix(step, "[") {
				steps = append(steps, step)
			}
		}
		slices.Sort(steps)
		d.note("%s\n", strings.Join(slices.Compact(steps), "\n"))
		d.run("run", "--rm", "--name", d.name, "--network", "none", tag).want(d, "buildx\n", 0)

		files := filepath.Join(d.dir, "files")
		d.shows(d.buildx("--output", "type=local,dest="+files, d.dockerfile("FROM scratch", "COPY Dockerfile /copied")), 0)
		if _, err := os.Stat(filepath.Join(files, "copied")); err != nil {
			d.Errorf("at %s: files for the client: %v", d.address, err)
		}
		d.wantIn(d.shows(d.buildx(d.dockerfile("FROM "+image, "RUN exit 5")), 1), "exit code: 5")
	})
}

// interfaces tells how many network interfaces a build's step sees: the loopback and one, or all that the host has.
const interfaces = "RUN echo seen: $(ls /sys/class/net | wc -l) interfaces"

// ran matches what such a step says, and not the step's own text.
var ran = regexp.MustCompile(`seen: \d+ interfaces`)

// Of a Dockerfile's own word for the host's network newer engines say that the build was not given it, and 20.10 does not know the word.
var notEntitled = regexp.MustCompile(`network\.host is not allowed|Unknown flag: network`)

func TestBuildsWithTheHostsNetworkAreDenied(t *testing.T) {
	for _, b := range builders() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			quickstart, _ := sharedGateways(t)
			d := newDocker(t, clis(t)[0], quickstart.address)
			args := []string{"--network", "host"}
			if b.name == "buildx" {
				args = append(args, "--allow", "network.host")
			}
			out := d.shows(b.build(d, append(args, d.dockerfile("FROM "+image, interfaces))...), 1)
			d.wantIn(out, `denied by filter "no-privileged": `)
			if ran.MatchString(out) {
				d.Errorf("a step ran:\n%s", out)
			}
			out = d.shows(b.build(d, d.dockerfile("FROM "+image, strings.Replace(interfaces, "RUN", "RUN --network=host", 1))), 1)
			if !notEntitled.MatchString(out) || ran.MatchString(out) {
				d.Errorf("got %s\nwant no step that ran, and words of %s", out, notEntitled)
			}
			if b.name == "buildx" {
				out = d.shows(b.build(d, "--allow", "security.insecure", d.dockerfile("FROM "+image, "RUN --security=insecure true")), 1)
				d.wantIn(out, "Entitlements security.insecure is not allowed")
			}
			// On the engine's own socket the same build sees the host's interfaces: so it is the filter that held it back.
			direct := newDocker(t, clis(t)[0], engine(t))
			if out := direct.shows(b.build(direct, append(args, direct.dockerfile("FROM "+image, interfaces))...), 0); !ran.MatchString(out) {
				t.Errorf("the step did not run on the engine's own socket:\n%s", out)
			}
		})
	}
}

func TestSecretsOfABuildNeedAGrant(t *testing.T) {
	g := startGateway(t, engine(t), "\n  - {name: no-privileged, module: {filter:no-privileged}}\nbuildkit: {secrets: [granted], ssh: [work]}\n")
	step := func(id string) string {
		return "RUN --mount=type=secret,id=" + id + ",required=true cat /run/secrets/" + id
	}
	const agent = "RUN --mount=type=ssh,id=work,required=true test -S $SSH_AUTH_SOCK && echo agent $((40 + 2))"
	for _, b := range builders() {
		t.Run(b.name, func(t *testing.T) {
			d := newDocker(t, clis(t)[0], g.address)
			secret := filepath.Join(d.dir, "secret")
			if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			with := func(id string, lines ...string) *exec.Cmd {
				return b.build(d, "--secret", "id="+id+",src="+secret, d.dockerfile(append([]string{"FROM " + image}, lines...)...))
			}
			d.wantIn(d.shows(with("granted", step("granted")), 0), "s3cret")
			out := d.shows(with("other", step("other")), 1)
			d.wantIn(out, `the secret "other" is not granted to builds: add it to buildkit.secrets`)
			if strings.Contains(out, "s3cret") {
				t.Error("the secret got out")
			}

			environment := sshAgent(d)
			forward := func(id string) *exec.Cmd {
				command := b.build(d, "--ssh", id, d.dockerfile("FROM "+image, strings.Replace(agent, "work", id, 1)))
				command.Env = append(command.Env, environment)
				return command
			}
			d.wantIn(d.shows(forward("work"), 0), "agent 42")
			if out := d.shows(forward("other"), 1); strings.Contains(out, "agent 42") {
				t.Errorf("an agent that is not granted was handed out:\n%s", out)
			}
		})
	}
}

// sshAgent starts an ssh agent for the test and returns the variable that names its socket.
func sshAgent(d *docker) string {
	d.Helper()
	socket := filepath.Join(d.dir, "agent")
	agent := d.program(installed(d, "ssh-agent", "openssh-client"), "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		_ = agent.Process.Kill()
		_ = agent.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return "SSH_AUTH_SOCK=" + socket
		}
		if time.Now().After(deadline) {
			d.Fatal("the ssh agent did not come up")
		}
	}
}

// A builder that is somewhere else has its session inside of a gRPC call.
func TestASessionInsideOfGrpc(t *testing.T) {
	g := startGateway(t, engine(t), "\n  - {name: no-privileged, module: {filter:no-privileged}}\nbuildkit: {secrets: [granted]}\n")
	d := newDocker(t, clis(t)[0], g.address)
	secret := filepath.Join(d.dir, "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	remote := func(id string) *exec.Cmd {
		dir := d.dockerfile("FROM "+image, "COPY Dockerfile /", "RUN --mount=type=secret,id="+id+",required=true cat /run/secrets/"+id)
		return d.program(built(d, "remote-build"), "-secret", id+"="+secret, g.socket, dir)
	}
	d.wantIn(d.shows(remote("granted"), 0), "s3cret")
	d.wantIn(d.shows(remote("other"), 1), `the secret "other" is not granted to builds`)
	g.log.await(t, "op=BuildkitSession")
	g.log.await(t, "op=BuildkitSecret")
}

func TestBuildKitSwitchedOffSaysSo(t *testing.T) {
	g := startGateway(t, engine(t), "\n  - {name: no-privileged, module: {filter:no-privileged}}\nbuildkit: {mode: deny}\n")
	for _, b := range builders() {
		d := newDocker(t, clis(t)[0], g.address)
		d.wantIn(d.shows(b.build(d, d.dockerfile("FROM "+image)), 1), "builds with BuildKit are switched off in this gateway's configuration")
	}
	d := newDocker(t, clis(t)[0], g.address)
	d.wantIn(d.shows(d.command("build", "--network", "none", d.dockerfile("FROM "+image)), 0), "Successfully built")
}

func TestBuildsMakeOnlyWhatIsListed(t *testing.T) {
	g := startGateway(t, engine(t), `
  - name: build-guard
    module: {filter:build-guard}
    config: {exporters: [moby, image, local], frontend_images: ["docker/dockerfile:*"], sources: ["docker-image://registry.example.org/*"]}
`)
	d := newDocker(t, clis(t)[0], g.address)
	dir := d.dockerfile("FROM " + image)
	d.shows(d.buildx("-t", d.name+":guarded", dir), 0)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--output", "type=tar,dest=" + filepath.Join(d.dir, "out.tar")}, " tar is not allowed (exporters)"},
		{[]string{"--build-arg", "BUILDKIT_SYNTAX=evil/frontend"}, "BUILDKIT_SYNTAX evil/frontend is not allowed (frontend_images)"},
		{[]string{"--build-context", "base=docker-image://busybox"}, "is not allowed (sources)"},
	} {
		d.wantIn(d.shows(d.buildx(append(tt.args, dir)...), 1), tt.want)
	}
}

// The files of a build pass at the speed at which the engine takes them, and the gateway holds next to nothing of them.
func TestTheFilesOfABuildPassInFlatMemory(t *testing.T) {
	size := 100 << 20
	if isLong {
		size = 1 << 30
	}
	g := prepareGateway(t, engine(t), "\n  - {name: no-privileged, module: {filter:no-privileged}}\n")
	g.binary = plainSluice(t)
	g.configure(t, engine(t), "\n  - {name: no-privileged, module: {filter:no-privileged}}\n")
	g.run(t)
	d := newDocker(t, clis(t)[0], g.address)
	dir := d.dockerfile("FROM scratch", "COPY noise /")
	d.shows(d.buildx(d.dockerfile("FROM "+image, "RUN true")), 0) // what a first build needs for good
	before := g.restartPeak(t)
	d.noise(filepath.Join(filepath.Base(dir), "noise"), size)
	d.shows(d.buildx(dir), 0)
	after := g.peak(t)
	t.Logf("%d MiB of a context passed: resident before %d KiB, at most %d KiB meanwhile", size>>20, before, after)
	// Twice the windows of HTTP/2, and what a build needs.
	if after > before+16<<10 {
		t.Errorf("the gateway's memory grew from %d KiB to %d KiB", before, after)
	}
}
