package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// gatedBy plays a scenario with each command line through a gateway with these filters, on each kind of listener.
func gatedBy(t *testing.T, filters string, scenario func(d, direct *docker)) {
	t.Helper()
	upstream := engine(t)
	_, ways := startWithDoors(t, upstream, filters)
	for _, c := range clis(t) {
		for _, way := range ways {
			t.Run("cli"+c.version+" "+way.name, func(t *testing.T) {
				t.Parallel()
				d := newDocker(t, c, way.address)
				direct := *d // the same names on the engine's own socket, to see what has become of them
				direct.address = upstream
				scenario(d, &direct)
			})
		}
	}
}

func TestPrivilegesAreDeniedWithTheirReason(t *testing.T) {
	gatedBy(t, `
  - name: no-privileged
    module: {filter:no-privileged}
    config: {allow_binds: [/srv/ci]}
`, func(d, direct *docker) {
		for _, denied := range []struct {
			field string
			flags []string
		}{
			{"Privileged", []string{"--privileged"}},
			{"PidMode", []string{"--pid", "host"}},
			{"IpcMode", []string{"--ipc", "host"}},
			{"NetworkMode", []string{"--network", "host"}},
			{"UTSMode", []string{"--uts", "host"}},
			{"CapAdd", []string{"--cap-add", "SYS_ADMIN"}},
			{"Devices", []string{"--device", "/dev/null"}},
			{"Binds", []string{"-v", "/etc:/host"}},
			{"Binds", []string{"-v", "/srv/ci/../../etc:/host"}},
			{"Mounts", []string{"--mount", "type=bind,source=/etc,target=/host"}},
		} {
			args := append(append([]string{"run", "--rm", "--name", d.name}, denied.flags...), image, "true")
			r := d.run(args...)
			if r.code != 125 && r.code != 126 || !strings.Contains(r.stderr, `denied by filter "no-privileged": `) || !strings.Contains(r.stderr, denied.field) {
				d.Errorf("docker %v: exit %d, %q; want a denial that names %s", args, r.code, r.stderr, denied.field)
			}
			if names := direct.prepare("ps", "-a", "--filter", "name=^/"+d.name, "--format", "{{.Names}}"); names != "" {
				d.Errorf("docker %v: the engine made %s", args, names)
			}
		}
		// Created only: the engine would make the folder on the host when it starts the container.
		d.prepare("create", "--name", d.name, "--network", "none", "-v", "/srv/ci:/host", image, "true")
	})
}

func TestCreatedContainersCarryTheLabel(t *testing.T) {
	gatedBy(t, `
  - name: owner-label
    module: {filter:owner-label}
    config: {labels: {team: ci}}
`, func(d, direct *docker) {
		d.prepare("create", "--name", d.name, "--network", "none", "--label", "own=1", image, "true")
		direct.run("inspect", "--format", `{{.Config.Labels.team}} {{.Config.Labels.own}}`, d.name).want(d, "ci 1\n", 0)
		if names := d.prepare("ps", "-a", "--filter", "label=team=ci", "--filter", "name=^/"+d.name, "--format", "{{.Names}}"); names != d.name {
			d.Errorf("ps by label shows %q", names)
		}
		// A tenant's own value does not stand against the operator's.
		d.prepare("create", "--name", d.name+"-2", "--network", "none", "--label", "team=other", image, "true")
		direct.run("inspect", "--format", `{{.Config.Labels.team}}`, d.name+"-2").want(d, "ci\n", 0)
	})
}

func TestNameIsReversed(t *testing.T) {
	gatedBy(t, `
  - name: owner-label
    module: {filter:owner-label}
    config: {labels: {}, reverse_name: true}
`, func(d, direct *docker) {
		reversed := []rune(d.name)
		for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
			reversed[i], reversed[j] = reversed[j], reversed[i]
		}
		d.Cleanup(func() { removeAll(d, d.cli, string(reversed)) })
		d.prepare("create", "--name", d.name, "--network", "none", image, "true")
		direct.run("inspect", "--format", "{{.Name}}", string(reversed)).want(d, "/"+string(reversed)+"\n", 0)
	})
}

func TestInspectShowsRedactedValues(t *testing.T) {
	gatedBy(t, `
  - name: redact-env
    module: {filter:redact-env}
    config: {names: [PASSWORD, ^TOKEN$]}
`, func(d, direct *docker) {
		d.prepare("create", "--name", d.name, "--network", "none", "-e", "DB_PASSWORD=s3cret", "-e", "TOKEN=s3cret", "-e", "PLAIN=shown", image, "sh", "-c", "echo $DB_PASSWORD")
		r := d.run("inspect", d.name)
		if r.code != 0 || strings.Contains(r.stdout, "s3cret") || !strings.Contains(r.stdout, "DB_PASSWORD=") || !strings.Contains(r.stdout, "PLAIN=shown") {
			d.Errorf("inspect shows %s", r.stdout)
		}
		d.wantIn(direct.run("inspect", d.name).stdout, "DB_PASSWORD=s3cret")
		d.run("start", "-a", d.name).want(d, "s3cret\n", 0) // what the container itself gets is untouched
	})
}

func TestResponseHeadersAreChanged(t *testing.T) {
	g := startGateway(t, engine(t), `
  - name: response-headers
    module: {filter:response-headers}
    config: {set: {Server: hidden}, add: {X-Team: ci}, remove: [Docker-Experimental]}
`)
	response, err := client(g.socket).Get("http://docker/version")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	for name, want := range map[string]string{"Server": "hidden", "X-Team": "ci", "Docker-Experimental": "", "Ostype": "linux"} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestGuardAllowsOnlyWhatItLists(t *testing.T) {
	gatedBy(t, `
  - name: request-guard
    module: {filter:request-guard}
    config:
      default: deny
      allow:
        - {methods: [GET, HEAD]}
        - {operations: [ContainerCreate]}
      deny:
        - {operations: [ContainerInspect]}
`, func(d, direct *docker) {
		d.prepare("version")
		d.prepare("create", "--name", d.name, "--network", "none", image, "true")
		for _, args := range [][]string{{"start", d.name}, {"rm", d.name}, {"inspect", "--type", "container", d.name}} {
			r := d.run(args...)
			if r.code == 0 || !strings.Contains(r.stderr, `denied by filter "request-guard": `) {
				d.Errorf("docker %v: exit %d, %q", args, r.code, r.stderr)
			}
		}
		direct.run("inspect", "--format", "{{.State.Status}}", d.name).want(d, "created\n", 0)
	})
}

// A filter that fails on one request has failed on that one, whether it traps, never comes to an end or takes too much memory: the request is denied,
// by an answer that names the filter, and those before, beside and after it are served.
func TestAFailingFilterDeniesItsOwnRequestOnly(t *testing.T) {
	for _, story := range []struct{ name, guest, header string }{
		{"it traps", "trap-on-header", "X-Trap"},
		{"it loops", "loop-on-header", "X-Loop"},
		{"it takes all memory that it can get", "grow-on-header", "X-Grow"},
	} {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			_, ways := startWithDoors(t, engine(t), "\n  - name: broken\n    module: {guest:"+story.guest+"}\n")
			for _, way := range ways {
				t.Run(way.name, func(t *testing.T) { failsOnlyFor(t, way, story.header) })
			}
		})
	}
}

func failsOnlyFor(t *testing.T, way door, header string) {
	c := client(way.address)
	defer c.CloseIdleConnections()
	get := func(name string) (status int, message string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://docker/version", nil)
		if err != nil {
			t.Fatal(err)
		}
		if name != "" {
			request.Header.Set(name, "1")
		}
		response, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Message string }
		jsonBody(t, response, &body)
		return response.StatusCode, body.Message
	}
	var beside sync.WaitGroup
	over := make(chan struct{})
	beside.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				if response, err := c.Get("http://docker/_ping"); err != nil || response.StatusCode != http.StatusOK {
					t.Errorf("a request beside them: %v, %v", response, err)
					return
				} else {
					_ = response.Body.Close()
				}
			}
		}
	})
	for range 5 {
		if status, message := get(""); status != http.StatusOK {
			t.Errorf("a plain request got %d %q", status, message)
		}
		status, message := get(header)
		if status < 500 || !strings.Contains(message, `"broken"`) {
			t.Errorf("the crafted request got %d %q; want a failure that names the filter", status, message)
		}
	}
	close(over)
	beside.Wait()
	if status, message := get(""); status != http.StatusOK {
		t.Errorf("after them a plain request got %d %q", status, message)
	}
}
