package filters_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/filters"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/vm"

	"github.com/sluice-gateway/sluice/abi"
)

func newEngine(tb testing.TB) *vm.Engine {
	tb.Helper()
	engine, err := vm.NewEngine(tb.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return engine
}

// ordinary is an engine in which there is whatever is asked for, and nothing with powers.
type ordinary struct{}

func (ordinary) Resolve(_ context.Context, kind reference.Kind, ref string) (*reference.Reference, error) {
	return &reference.Reference{Kind: kind, ID: ref, Name: ref, HostConfig: []byte(`{"Privileged":false}`), Mounts: []byte(`[]`)}, nil
}

// quickstart is the chain of the named filters, or of all, with the quickstart's configuration.
func quickstart(tb testing.TB, names ...string) *chain.Chain {
	tb.Helper()
	engine := newEngine(tb)
	references := reference.NewFunctions(ordinary{}, 0, nil)
	c := &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 10 * time.Second, References: references}
	for _, f := range filters.Catalog() {
		if len(names) > 0 && !slices.Contains(names, f.Name) || len(names) == 0 && f.Optional {
			continue
		}
		code, err := filters.Module(f.Name)
		if err != nil {
			tb.Fatal(err)
		}
		p, err := plugin.New(tb.Context(), engine, plugin.Options{
			Name: f.Name, Code: code, Config: f.Config, Instances: 1, CallTimeout: 10 * time.Second,
			Functions: (*foreign.Registry)(nil).With(references.Own()),
		})
		if err != nil {
			tb.Fatalf("%s does not start with the quickstart's configuration: %v", f.Name, err)
		}
		tb.Cleanup(func() { p.Close(context.Background()) })
		c.Filters = append(c.Filters, chain.Filter{Plugin: p})
	}
	return c
}

func TestTheCatalogIsWhatTheFoldersHold(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders, names []string
	for _, main := range mains {
		folders = append(folders, filepath.Dir(main))
	}
	for _, f := range filters.Catalog() {
		names = append(names, f.Name)
		if f.Description == "" || strings.Contains(f.Description, "\n") {
			t.Errorf("%s: the description %q is not one line", f.Name, f.Description)
		}
		if !json.Valid(f.Config) {
			t.Errorf("%s: the configuration is no JSON", f.Name)
		}
		readme, err := os.ReadFile(filepath.Join(f.Name, "README.md"))
		if err != nil {
			t.Error(err)
		}
		for _, section := range []string{"# " + f.Name, "## Name", "## Description", "## Configuration", "## Examples"} {
			if !strings.Contains(string(readme), section+"\n") {
				t.Errorf("%s/README.md has no section %q", f.Name, section)
			}
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, folders) {
		t.Errorf("catalog %q, folders %q", names, folders)
	}
	if _, err := filters.Module("nope"); err == nil {
		t.Error("a filter that is not there was found")
	}
}

func TestTheModulesAreBuiltAsTheHostWantsThem(t *testing.T) {
	engine := newEngine(t)
	for _, f := range filters.Catalog() {
		code, err := filters.Module(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := engine.Compile(t.Context(), f.Name, code)
		if err != nil {
			t.Fatal(err)
		}
		if m.Asyncify() {
			t.Errorf("%s is built with TinyGo's default scheduler: build with -scheduler=none", f.Name)
		}
		if got := m.ABIMarkers(); !slices.Equal(got, []string{"proxy_abi_version_0_2_0"}) {
			t.Errorf("%s is built for %q", f.Name, got)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

const create = `{"Hostname":"","Cmd":["sh"],"Image":"busybox:local","Labels":{},"HostConfig":{"Binds":null,` +
	`"NetworkMode":"default","AutoRemove":true,"VolumesFrom":null,"CapAdd":null,"CapDrop":null,"CgroupnsMode":"",` +
	`"IpcMode":"","Cgroup":"","PidMode":"","Privileged":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"",` +
	`"CgroupParent":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,"MaskedPaths":null,` +
	`"ReadonlyPaths":null},"NetworkingConfig":{"EndpointsConfig":{}}}`

type exchange struct{ method, path, body, answer string }

// send takes an exchange through the chain and returns the denial, "" for none.
func send(tb testing.TB, c *chain.Chain, e exchange) string {
	call, err := dockerapi.Classify(e.method, e.path)
	if err != nil {
		tb.Fatal(err)
	}
	s := c.Open(tb.Context(), chain.Info{RequestID: "1", Method: e.method, Authority: "docker", Protocol: "HTTP/1.1", Call: call},
		[]abi.Pair{{Key: "User-Agent", Value: "Docker-Client/28.2.2 (linux)"}, {Key: "Content-Type", Value: "application/json"}})
	defer s.Close()
	s.RequestHeaders(e.body == "")
	if e.body != "" && s.Local() == nil {
		s.RequestBody([]byte(e.body), true)
	}
	if s.Local() == nil {
		s.ResponseHeaders("200", []abi.Pair{{Key: "Api-Version", Value: "1.41"}, {Key: "Content-Type", Value: "application/json"}}, e.answer == "", true)
		if e.answer != "" && s.Local() == nil && s.WantsResponseBody() {
			s.ResponseBody([]byte(e.answer), true)
		}
	}
	if l := s.Local(); l != nil {
		return string(l.Body)
	}
	return ""
}

func TestTheQuickstartLetsOrdinaryWorkPass(t *testing.T) {
	c := quickstart(t)
	for _, e := range []exchange{
		{"HEAD", "/_ping", "", ""},
		{"GET", "/v1.41/info", "", `{"Name":"x"}`},
		{"POST", "/v1.41/containers/create?name=web", create, `{"Id":"1","Warnings":[]}`},
		{"POST", "/v1.41/containers/1/start", "", ""},
		{"POST", "/v1.41/containers/1/wait?condition=removed", "", `{"StatusCode":0}`},
		{"GET", "/v1.41/containers/1/json", "", `{"Config":{"Env":["PATH=/bin","PASSWORD=x"]}}`},
		{"POST", "/v1.41/containers/1/exec", `{"Cmd":["sh"],"Privileged":false}`, `{"Id":"2"}`},
		{"PUT", "/v1.41/containers/1/archive?path=/tmp", "tar", ""},
		{"GET", "/v1.41/containers/1/logs?follow=1&stdout=1", "", "line\n"},
		{"GET", "/v1.41/events", "", `{"status":"start"}`},
		{"POST", "/v1.41/build?networkmode=default&t=x", "tar", `{"stream":"Step 1"}`},
		{"POST", "/v1.41/images/load", "tar", `{"stream":"Loaded"}`},
		{"POST", "/v1.41/volumes/create", `{"Name":"v","Driver":"","DriverOpts":null,"Labels":null}`, `{"Name":"v"}`},
	} {
		if denial := send(t, c, e); denial != "" {
			t.Errorf("%s %s is denied: %s", e.method, e.path, denial)
		}
	}
	for _, e := range []exchange{
		{"POST", "/v1.41/containers/create", strings.Replace(create, `"Privileged":false`, `"Privileged":true`, 1), ""},
		{"POST", "/v1.41/swarm/init", `{}`, ""},
	} {
		if send(t, c, e) == "" {
			t.Errorf("%s %s is allowed", e.method, e.path)
		}
	}
}

// The cost of a filter for a whole stream: context, stages, deletion.
func BenchmarkStream(b *testing.B) {
	inspect := exchange{"GET", "/v1.41/containers/1/json", "", `{"Config":{"Env":["PATH=/bin","DB_PASSWORD=x","HOME=/"]},"State":` + strings.Repeat(`{"a":[1,2,3],"b":`, 60) + `{}` + strings.Repeat(`}`, 60) + `}`}
	version := exchange{"GET", "/version", "", "OK"}
	list := exchange{"GET", "/v1.41/containers/json", "", `[]`}
	run := exchange{"POST", "/v1.41/containers/create?name=web", create, `{"Id":"1"}`}
	for _, bench := range []struct {
		name     string
		filters  []string
		exchange exchange
	}{
		{"none/version", []string{"-"}, version},
		{"response-headers/version", []string{"response-headers"}, version},
		{"request-guard/list", []string{"request-guard"}, list},
		{"no-privileged/list", []string{"no-privileged"}, list},
		{"no-privileged/create", []string{"no-privileged"}, run},
		{"owner-label/create", []string{"owner-label"}, run},
		{"redact-env/inspect", []string{"redact-env"}, inspect},
		{"all/list", nil, list},
		{"all/create", nil, run},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := quickstart(b, bench.filters...)
			b.ReportAllocs()
			for b.Loop() {
				if denial := send(b, c, bench.exchange); denial != "" {
					b.Fatal(denial)
				}
			}
		})
	}
}
