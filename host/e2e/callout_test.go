package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An authorizer outside, as OPA is one: what it is asked says what the command line
// wants, and what it answers is what the command line prints.
func TestAnAuthorizerOutsideDecides(t *testing.T) {
	policy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct {
			Input struct {
				Method, Path, Operation string
				Resource                struct{ Kind, ID string }
				Body                    struct {
					Image      string
					HostConfig struct{ Privileged bool }
				}
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			t.Errorf("the question is no JSON: %v", err)
		}
		switch in := question.Input; {
		case in.Operation == "ContainerCreate" && in.Body.HostConfig.Privileged:
			fmt.Fprintf(w, `{"result": {"allow": false, "reason": "%s is not trusted so far"}}`, in.Body.Image)
		case in.Operation == "ContainerDelete" && strings.HasSuffix(in.Resource.ID, "-kept"):
			fmt.Fprint(w, `{"result": false}`)
		default:
			fmt.Fprint(w, `{"result": true}`)
		}
	}))
	t.Cleanup(policy.Close)
	gatedBy(t, `
  - name: external-authz
    module: {filter:external-authz}
    config: {upstream: opa}
    callouts: [opa]
upstreams:
  - {name: opa, address: "tcp://`+policy.Listener.Addr().String()+`"}
`, func(d, direct *docker) {
		r := d.run("run", "--rm", "--privileged", "--name", d.name, image, "true")
		if want := `denied by filter "external-authz": ` + image + ` is not trusted so far`; r.code != 125 && r.code != 126 || !strings.Contains(r.stderr, want) {
			d.Errorf("exit %d, %q; want %s", r.code, r.stderr, want)
		}
		d.run("run", "--rm", "--name", d.name, image, "echo", "allowed").want(d, "allowed\n", 0)
		d.prepare("create", "--name", d.name+"-kept", "--network", "none", image, "true")
		if r := d.run("rm", d.name+"-kept"); r.code == 0 || !strings.Contains(r.stderr, "the policy does not allow it") {
			d.Errorf("exit %d, %q; want a denial", r.code, r.stderr)
		}
		if names := direct.prepare("ps", "-a", "--filter", "name=^/"+d.name+"-kept", "--format", "{{.Names}}"); names != d.name+"-kept" {
			d.Errorf("the engine has %q", names)
		}
	})
}

// The guest relay asks the engine what it is asked itself, and answers with that. Through the chain its calls are its clients' requests, for
// the filters that come after it and for those before; straight they are nobody's.
func TestAFiltersCallsToTheEngine(t *testing.T) {
	for _, through := range []string{"chain", "straight"} {
		t.Run(through, func(t *testing.T) {
			gatedBy(t, `
  - {name: relay, module: {guest:relay}, callouts: [docker]}
  - {name: request-guard, module: {filter:request-guard}, config: {default: allow, deny: [{operations: [ImageList]}]}}
upstreams: [{name: docker, through: `+through+`}]
`, func(d, direct *docker) {
				d.configure(map[string]string{"X-Relay": "1"})
				direct.prepare("create", "--name", d.name, "--network", "none", image, "true") // the guest's calls have no body
				want := direct.prepare("ps", "-a", "--filter", "name=^/"+d.name+"$", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
				d.run("ps", "-a", "--filter", "name=^/"+d.name+"$", "--no-trunc", "--format", "{{.ID}} {{.Names}}").want(d, want+"\n", 0)
				r := d.run("images")
				switch denied := strings.Contains(r.stderr, "ImageList is denied by a rule"); through {
				case "chain":
					if r.code == 0 || !denied {
						d.Errorf("exit %d, %q; want the chain's denial", r.code, r.stderr)
					}
				default:
					if r.code != 0 || denied || !strings.Contains(r.stdout, "sluice-busybox") {
						d.Errorf("exit %d, %q, %q; want the engine's answer", r.code, r.stdout, r.stderr)
					}
				}
				if through == "chain" {
					d.configure(map[string]string{"X-Relay": "9"})
					if r := d.run("ps"); r.code == 0 || !strings.Contains(r.stderr, "too many calls inside of each other") {
						d.Errorf("exit %d, %q; want the end of calls inside of calls", r.code, r.stderr)
					}
				}
			})
		})
	}
}
