package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/identity"
)

// serving is a gateway with a whole configuration of the test's own, in which {socket}, {dir} and {certs} stand for paths, and the modules as
// in prepareGateway.
func serving(t testing.TB, upstream, text string) *gateway {
	t.Helper()
	dir := filepath.Join(scratch, fmt.Sprintf("g%d", gateways.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	g := newGateway(sluice(t), dir)
	text = strings.NewReplacer("{socket}", g.socket, "{dir}", dir, "{certs}", certificates(t).dir).Replace(text)
	text = fmt.Sprintf("upstream: %s\n%s", upstream, expandModules(t, text))
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.run(t)
	return g
}

// peer is testdata/peer, which any container can run.
func peer(t testing.TB) string {
	t.Helper()
	path, err := buildPeer()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildPeer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "peer")
	build := exec.Command("go", "build", "-o", path, "./testdata/peer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build testdata/peer: %w\n%s", err, out)
	}
	return path, nil
})

const containerTenants = `
listeners: [{address: 'unix://{socket}', mode: 0666}]
tenants:
  - {name: build, match: {containers: {labels: {sluice-e2e.team: build}}}}
  - {name: test, match: {containers: {labels: {sluice-e2e.team: test}}}}
  - {name: anyone, match: {uids: [4242]}}
filters: [{name: property, module: '{guest:property}'}]
`

// A container that was given the gateway's socket is known by what the engine says of it, whoever it runs as.
func TestAContainerIsKnownAsTheEngineKnowsIt(t *testing.T) {
	g := serving(t, engine(t), containerTenants)
	d := newDocker(t, clis(t)[0], engine(t))
	inside := func(args ...string) []string {
		return append(append([]string{"run", "--rm", "--network", "none", "-v", g.socket + ":/gateway.sock", "-v", peer(t) + ":/peer:ro"}, args...), image, "/peer", "/gateway.sock")
	}
	properties := []string{"peer.uid", "peer.gid", "peer.groups", "peer.container.name", "peer.container.labels.sluice-e2e.team", "peer.tenant"}

	name := d.name + "-one"
	got := d.prepare(append(inside("--name", name, "-u", "1234:77", "-l", "sluice-e2e.team=build"), properties...)...)
	want := "peer.uid 200 1234\npeer.gid 200 77\npeer.groups 200 [77]\npeer.container.name 200 " + name + "\n" +
		"peer.container.labels.sluice-e2e.team 200 build\npeer.tenant 200 build"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// It is the process that connected, and not the container's first: an exec, of another user.
	d.prepare("run", "-d", "--init", "--name", d.name, "--network", "none", "-l", "sluice-e2e.team=test",
		"-v", g.socket+":/gateway.sock", "-v", peer(t)+":/peer:ro", image, "sleep", "600")
	id := d.prepare("inspect", "--format", "{{.Id}}", d.name)
	got = d.prepare("exec", "-u", "4321", d.name, "/peer", "/gateway.sock", "peer.uid", "peer.container.id", "peer.tenant")
	if want := "peer.uid 200 4321\npeer.container.id 200 " + id + "\npeer.tenant 200 test"; got != want {
		t.Errorf("an exec: got\n%s\nwant\n%s", got, want)
	}

	// Other containers are somebody else, or nobody.
	got = d.prepare(append(inside("--name", d.name+"-two"), "peer.tenant")...)
	if !regexp.MustCompile(`^peer.tenant 403 .*no tenant is configured for this client: listener unix://.*, uid 0, gid 0, container [0-9a-f]{12}, no token`).MatchString(got) {
		t.Errorf("a container without the label: got %s", got)
	}
	got = d.prepare(append(inside("--name", d.name+"-three", "-u", "4242"), "peer.tenant", "peer.container.labels.sluice-e2e.team")...)
	if want := "peer.tenant 200 anyone\npeer.container.labels.sluice-e2e.team 404"; !strings.HasPrefix(got, want) {
		t.Errorf("a container with a uid: got\n%s", got)
	}

	// A process of the host is in none.
	out, err := exec.CommandContext(t.Context(), peer(t), g.socket, "peer.tenant").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "403") || !strings.Contains(string(out), "no container, no token") {
		t.Errorf("a process of the host: got %s, %v", out, err)
	}
}

// Whoever may create containers can put his below the control group of another one, and is still himself.
func TestAContainerPutBelowAnotherIsItself(t *testing.T) {
	g := serving(t, engine(t), containerTenants)
	d := newDocker(t, clis(t)[0], engine(t))
	victim := d.name + "-victim"
	d.prepare("run", "-d", "--init", "--name", victim, "--network", "none", "-l", "sluice-e2e.team=build", image, "sleep", "600")
	parent := cgroupOf(t, d, victim)
	if !strings.Contains(parent, "/docker/") {
		// With systemd's driver a parent has to be a slice, and so cannot be a container.
		t.Logf("the engine puts containers into %s, below which it puts no others", parent)
		return
	}
	got := d.prepare("run", "--rm", "--network", "none", "--name", d.name, "--cgroup-parent", parent, "-l", "sluice-e2e.team=test",
		"-v", g.socket+":/gateway.sock", "-v", peer(t)+":/peer:ro", image, "/peer", "/gateway.sock", "peer.container.name", "peer.tenant")
	if want := "peer.container.name 200 " + d.name + "\npeer.tenant 200 test"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A control group can be made by others than the engine, and be named like one of the engine's.
func TestAControlGroupWithTheNameOfAContainerIsNobody(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make control groups here")
	}
	g := serving(t, engine(t), containerTenants)
	d := newDocker(t, clis(t)[0], engine(t))
	d.prepare("run", "-d", "--init", "--name", d.name, "--network", "none", "-l", "sluice-e2e.team=build", image, "sleep", "600")
	id := d.prepare("inspect", "--format", "{{.Id}}", d.name)
	made := filepath.Join(cgroupMount(t), d.name, "docker-"+id+".scope")
	if err := os.MkdirAll(made, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, dir := range []string{made, filepath.Dir(made)} {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		}
	})
	// The shell moves itself there and becomes the peer.
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `echo $$ >"$1/cgroup.procs" && shift && exec "$@"`, "sh", made, peer(t), g.socket, "peer.tenant").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := string(out)
	if !strings.HasPrefix(got, "peer.tenant 503 ") || !strings.Contains(got, "its control group names container "+id[:12]) {
		t.Errorf("got %s, want a failure", got)
	}
}

// cgroupOf is the path of a container's control group.
func cgroupOf(t *testing.T, d *docker, container string) string {
	t.Helper()
	pid, err := strconv.Atoi(d.prepare("inspect", "--format", "{{.State.Pid}}", container))
	if err != nil {
		t.Fatal(err)
	}
	id := d.prepare("inspect", "--format", "{{.Id}}", container)
	for line := range strings.Lines(string(readFile(t, fmt.Sprintf("/proc/%d/cgroup", pid)))) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && strings.Contains(parts[2], id) {
			return parts[2]
		}
	}
	t.Fatalf("no control group of process %d names the container", pid)
	return ""
}

// cgroupMount is where one of the hierarchies of control groups is mounted that systemd, and so its users, have something to say in.
func cgroupMount(t *testing.T) string {
	t.Helper()
	var named string
	for line := range strings.Lines(string(readFile(t, "/proc/self/mountinfo"))) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		switch {
		case len(fields) < 5 || len(kind) < 3:
		case kind[0] == "cgroup2":
			return fields[4]
		case kind[0] == "cgroup" && strings.Contains(kind[2], "name=systemd"):
			named = fields[4]
		}
	}
	if named == "" {
		t.Fatal("no control groups are mounted")
	}
	return named
}

// tokens are known to a gateway that listens on a unix socket and, without asking for certificates, on TCP with TLS.
const tokenTenants = `
listeners:
  - {address: 'unix://{socket}'}
  - {address: 'tcp://127.0.0.1:0', tls: {cert: '{certs}/server.pem', key: '{certs}/server-key.pem'}}
tokens: {header: X-Sluice-Token, url: true}
tenants: [{name: ci, match: {tokens: ["file:{dir}/tokens"]}}]
filters: [{name: no-privileged, module: '{filter:no-privileged}', match: {tenants: [ci]}}]
`

// The command line carries a token in the header that its configuration names, or in the URL; every call of a run has it, those that become
// streams too.
func TestTheCommandLineCarriesAToken(t *testing.T) {
	token := identity.NewToken()
	g, addresses := servingTokens(t, token)
	for _, c := range clis(t) {
		for kind, address := range addresses {
			for name, way := range map[string]struct {
				headers map[string]string
				inURL   bool
			}{
				"bearer": {map[string]string{"Authorization": "Bearer " + token}, false},
				"header": {map[string]string{"X-Sluice-Token": token}, false},
				"URL":    {nil, true},
			} {
				if way.inURL && kind == "unix" {
					continue // its path is the socket's
				}
				t.Run("cli"+c.version+" "+kind+" "+name, func(t *testing.T) {
					t.Parallel()
					d := newDocker(t, c, address)
					if way.inURL {
						d.address += "/" + token
					}
					d.configure(way.headers)
					d.run("run", "--rm", "--network", "none", "--name", d.name, image, "echo", "hi").want(d, "hi\n", 0)
					d.feed(strings.NewReader("in\n"), "run", "-i", "--rm", "--network", "none", "--name", d.name, image, "cat").want(d, "in\n", 0)
					d.prepare("run", "-d", "--init", "--network", "none", "--name", d.name, image, "sleep", "600")
					d.run("exec", d.name, "echo", "exec").want(d, "exec\n", 0)
					denied := d.run("run", "--rm", "--privileged", "--network", "none", "--name", d.name+"-p", image, "true")
					d.wantIn(denied.stderr, `denied by filter "no-privileged"`)
					if c.buildKit() && !way.inURL {
						build := d.command("build", "-q", "-t", d.name, "-")
						build.Env = append(build.Env, "DOCKER_BUILDKIT=1")
						build.Stdin = strings.NewReader("FROM " + image + "\nLABEL a=b\n")
						if r := d.finish(build, nil); r.code != 0 {
							t.Errorf("build: exit %d: %s", r.code, r.stderr)
						}
					}
				})
			}
		}
	}
	t.Cleanup(func() {
		if strings.Contains(g.log.String(), token) {
			t.Error("the token is in the log")
		}
	})
}

func TestTheCommandLineWithoutATokenShowsWhatIsMissing(t *testing.T) {
	token := identity.NewToken()
	_, addresses := servingTokens(t, token)
	for _, c := range clis(t) {
		for kind, address := range addresses {
			t.Run("cli"+c.version+" "+kind, func(t *testing.T) {
				t.Parallel()
				d := newDocker(t, c, address)
				r := d.run("ps")
				d.wantIn(r.stderr, "no tenant is configured for this client: listener ")
				d.wantIn(r.stderr, "no token (request ")
				d.configure(map[string]string{"X-Sluice-Token": token + "x"})
				r = d.run("run", "--rm", "--network", "none", image, "true")
				d.wantIn(r.stderr, "the token that the request carries is not known (request ")
				if strings.Contains(r.stderr, token) {
					t.Errorf("the token is shown: %s", r.stderr)
				}
			})
		}
	}
}

// servingTokens starts a gateway that knows the token, and returns its addresses by kind.
func servingTokens(t *testing.T, token string) (*gateway, map[string]string) {
	t.Helper()
	upstream := engine(t)
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("# of these tests\n"+identity.DigestOf(token).String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := serving(t, upstream, strings.Replace(tokenTenants, "{dir}/tokens", tokens, 1))
	address, err := g.awaitAddress()
	if err != nil {
		t.Fatal(err)
	}
	return g, map[string]string{"unix": g.address, "tls": address}
}

// configure writes the command line's configuration: fields that it sends with every request.
func (d *docker) configure(headers map[string]string) {
	d.Helper()
	text, err := json.Marshal(map[string]any{"HttpHeaders": headers})
	if err != nil {
		d.Fatal(err)
	}
	dir := filepath.Join(d.dir, ".docker")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		d.Fatal(err)
	}
}

// The certificate that the command line shows decides whose requests they are.
func TestTheCommandLinesCertificateIsItsTenant(t *testing.T) {
	const text = `
listeners: [{address: 'unix://{socket}'}, {address: 'tcp://127.0.0.1:0', tls: {cert: '{certs}/server.pem', key: '{certs}/server-key.pem', client_ca: '{certs}/ca.pem'}}]
tenants:
  - {name: tester, match: {certificates: {common_names: [%s]}}}
`
	for who, want := range map[string]string{"tester": "", "somebody": `certificate \"CN=tester\"`} {
		g := serving(t, engine(t), fmt.Sprintf(text, who))
		address, err := g.awaitAddress()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clis(t) {
			d := newDocker(t, c, address)
			r := d.run("ps", "-q", "--filter", "name="+d.name)
			switch {
			case want == "":
				r.want(d, "", 0)
				g.log.await(t, "tenant=tester")
			case r.code == 0:
				t.Errorf("%s: a client that is nobody lists containers", c.version)
			default:
				d.wantIn(r.stderr, strings.ReplaceAll(want, `\"`, `"`))
			}
		}
	}
}

// A page of somebody else can open a WebSocket to any port that its reader's browser reaches.
func TestAWebSocketOfAnotherOriginIsRefusedOnTCP(t *testing.T) {
	_, ways := startWithDoors(t, engine(t), "")
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			d := newDocker(t, clis(t)[0], way.address)
			d.prepare("run", "-di", "--name", d.name, "--network", "none", image, "cat")
			attach := func(origin ...string) result {
				return d.record(d.python("wsattach.py", append([]string{d.name}, origin...)...), origin)
			}
			attach().want(d, `b'hello\n'`+"\n", 0)
			attach("https://"+strings.TrimPrefix(way.address, "tcp://")).want(d, `b'hello\n'`+"\n", 0)
			if way.name == "unix" {
				attach("https://evil.example").want(d, `b'hello\n'`+"\n", 0)
				return
			}
			attach("https://evil.example").want(d, "refused: 403\n", 1)
			attach("null").want(d, "refused: 403\n", 1)
		})
	}
}

// A gateway that runs in a container itself sees the processes of others only in the host's PID namespace, and the paths of their control groups
// from where it is.
func TestAGatewayInAContainerKnowsTheContainersOfItsClients(t *testing.T) {
	d := newDocker(t, clis(t)[0], engine(t))
	enginePath := strings.TrimPrefix(engine(t), "unix://")
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"the host's PID namespace":                {[]string{"--pid=host"}, "peer.tenant 200 build"},
		"and the host's control groups":           {[]string{"--pid=host", "--cgroupns=host"}, "peer.tenant 200 build"},
		"and a control group namespace":           {[]string{"--pid=host", "--cgroupns=private"}, "peer.tenant 200 build"},
		"a PID namespace in which it sees nobody": {nil, `peer.tenant 503 .*run the gateway in the host's \(docker run --pid=host\)`},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp(scratch, "c")
			if err != nil {
				t.Fatal(err)
			}
			module := filepath.Join(root(t), "testdata", "guests", "property.wasm")
			text := strings.NewReplacer("{socket}", "/gateway/s", "{guest:property}", "/gateway/property.wasm").Replace(containerTenants)
			for file, content := range map[string][]byte{"sluice.yaml": []byte(text), "property.wasm": readFile(t, module)} {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			gatewayName := fmt.Sprintf("%s-g%d", d.name, gateways.Add(1))
			run := append([]string{"run", "-d", "--network", "none", "--name", gatewayName}, c.flags...)
			// The gateway as it was built for these tests needs the machine's libraries.
			run = append(run, "-v", dir+":/gateway", "-v", enginePath+":/engine.sock", "-v", sluice(t)+":/sluice:ro", "-v", "/usr:/usr:ro",
				"-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro", image, "/sluice", "serve", "--config", "/gateway/sluice.yaml", "--upstream", "unix:///engine.sock")
			d.prepare(run...)
			for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
				if conn, err := net.Dial("unix", filepath.Join(dir, "s")); err == nil {
					_ = conn.Close()
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the gateway does not listen:\n%s", d.finish(d.command("logs", gatewayName), nil).stderr)
				}
			}
			got := d.prepare("run", "--rm", "--network", "none", "--name", d.name, "-l", "sluice-e2e.team=build", "-v", dir+"/s:/gateway.sock", "-v", peer(t)+":/peer:ro",
				image, "/peer", "/gateway.sock", "peer.tenant")
			if !regexp.MustCompile("^" + c.want).MatchString(got) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
