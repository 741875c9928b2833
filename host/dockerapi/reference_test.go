package dockerapi_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestInspectTarget(t *testing.T) {
	for _, test := range []struct{ kind, ref, want string }{
		{"container", "web", "/v1.41/containers/web/json"},
		{"container", "allowed/al", "/v1.41/containers/allowed/al/json"},
		{"container", "json", "/v1.41/containers/json/json"},
		{"container", "web/json", "/v1.41/containers/web/json/json"},
		{"container", "web?all=1", "/v1.41/containers/web%3Fall=1/json"},
		{"container", "web#x", "/v1.41/containers/web%23x/json"},
		{"container", "web%2fjson", "/v1.41/containers/web%252fjson/json"},
		{"container", "wéb", "/v1.41/containers/w%C3%A9b/json"},
		{"container", "a b", "/v1.41/containers/a%20b/json"},
		{"container", "...", "/v1.41/containers/.../json"},
		{"image", "registry.example:5000/a/b:1@sha256:ab", "/v1.41/images/registry.example:5000/a/b:1@sha256:ab/json"},
		{"image", "x/history", "/v1.41/images/x/history/json"},
		{"volume", "data", "/v1.41/volumes/data"},
		{"volume", "create", "/v1.41/volumes/create"},
		{"network", "prune", "/v1.41/networks/prune"},
		{"exec", "abc", "/v1.41/exec/abc/json"},
		{"service", "web", "/v1.41/services/web"},
		{"node", "self", "/v1.41/nodes/self"},
		{"task", "t", "/v1.41/tasks/t"},
		{"secret", "s", "/v1.41/secrets/s"},
		{"config", "c", "/v1.41/configs/c"},
		{"plugin", "vieux/sshfs:latest", "/v1.41/plugins/vieux/sshfs:latest/json"},
	} {
		got, err := dockerapi.InspectTarget(test.kind, test.ref, "1.41")
		if err != nil || got != test.want {
			t.Errorf("%s %q: got %q, %v; want %q", test.kind, test.ref, got, err, test.want)
		}
	}
}

func TestAReferenceNeverBecomesAnotherPath(t *testing.T) {
	for _, test := range []struct{ kind, ref string }{
		{"container", ""},
		{"container", "."},
		{"container", ".."},
		{"container", "../images/x"},
		{"container", "a/../b"},
		{"container", "a//b"},
		{"container", "/a"},
		{"container", "a/"},
		{"container", "a\x00"},
		{"container", "a\nb"},
		{"container", "a\xff"},
		{"container", strings.Repeat("a", dockerapi.MaxReferenceBytes+1)},
		{"service", "a/b"},    // the route takes one segment
		{"service", "a/logs"}, // another route
		{"plugin", ".."},
		{"privileges", "x"},
		{"", "x"},
		{"distribution", "x"},
	} {
		if got, err := dockerapi.InspectTarget(test.kind, test.ref, "1.41"); err == nil {
			t.Errorf("%s %q: got %q, want an error", test.kind, test.ref, got)
		}
	}
	// GET /plugins/privileges has no {name}, and no /json behind it: the name is free.
	if got, err := dockerapi.InspectTarget("plugin", "privileges", "1.41"); err != nil || got != "/v1.41/plugins/privileges/json" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzInspectTarget: whatever a reference is, the engine's router, which decodes a path once and redirects where cleaning
// changes it, finds the whole reference in the place of the name, and so does Classify.
func FuzzInspectTarget(f *testing.F) {
	for _, ref := range []string{"web", "a/b", "..", "a?b", "a#b", "%2f", "a%", "é", "a/json", "json", "/", "", "./x", "a;b", "a+b"} {
		for _, kind := range []string{"container", "image", "volume", "network", "exec", "service", "plugin"} {
			f.Add(kind, ref)
		}
	}
	f.Fuzz(func(t *testing.T, kind, ref string) {
		target, err := dockerapi.InspectTarget(kind, ref, "1.41")
		if err != nil {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatalf("%s %q: %q cannot be parsed: %v", kind, ref, target, err)
		}
		if u.RawQuery != "" || u.Fragment != "" || u.Host != "" {
			t.Fatalf("%s %q: %q has more than a path", kind, ref, target)
		}
		if clean := path.Clean(u.Path); clean != u.Path {
			t.Fatalf("%s %q: the engine would redirect %q to %q", kind, ref, u.Path, clean)
		}
		call, err := dockerapi.Classify("GET", target)
		if err != nil || call.ResourceID != ref || call.ResourceKind != kind || call.Target() != target || call.Query != "" {
			t.Fatalf("%s %q: %q is classified as %+v, %v", kind, ref, target, call, err)
		}
		head, tail := "/v1.41/"+map[string]string{"exec": "exec"}[kind], ""
		if kind != "exec" {
			head = "/v1.41/" + kind + "s"
		}
		switch kind {
		case "container", "image", "exec", "plugin":
			tail = "/json"
		}
		if u.Path != head+"/"+ref+tail {
			t.Fatalf("%s %q: the engine decodes %q to %q", kind, ref, target, u.Path)
		}
	})
}

func TestWithResource(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, test := range []struct{ method, target, ref, want string }{
		{"POST", "/v1.41/containers/web/start", id, "/v1.41/containers/" + id + "/start"},
		{"POST", "/containers/web/start", id, "/containers/" + id + "/start"},
		{"POST", "/v1.041/containers/web/start", id, "/v1.41/containers/" + id + "/start"},
		{"GET", "/v1.41/containers/a/al/logs?follow=1&tail=3", id, "/v1.41/containers/" + id + "/logs?follow=1&tail=3"},
		{"GET", "/v1.41/containers/w%c3%a9b/json?size=1", id, "/v1.41/containers/" + id + "/json?size=1"},
		{"DELETE", "/v1.41/containers/a%2Fb", id, "/v1.41/containers/" + id},
		{"DELETE", "/v1.41/containers/web/checkpoints/c%C3%A9", id, "/v1.41/containers/" + id + "/checkpoints/c%C3%A9"},
		{"GET", "/v1.41/images/a/b:1/json", "sha256:" + id, "/v1.41/images/sha256:" + id + "/json"},
		{"DELETE", "/v1.41/networks/n", id, "/v1.41/networks/" + id},
		{"POST", "/v1.41/services/s/update?version=3", id, "/v1.41/services/" + id + "/update?version=3"},
		{"DELETE", "/v1.41/volumes/v", "a b", "/v1.41/volumes/a%20b"},
	} {
		call, err := dockerapi.Classify(test.method, test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := call.WithResource(test.method, test.ref); err != nil || got != test.want {
			t.Errorf("%s %s: got %q, %v; want %q", test.method, test.target, got, err, test.want)
		}
	}
	for _, test := range []struct{ method, target, ref string }{
		{"POST", "/v1.41/containers/create", id},
		{"GET", "/v1.41/nobody/knows", id},
		{"POST", "/v1.41/containers/web/start", ""},
		{"POST", "/v1.41/containers/web/start", ".."},
		{"POST", "/v1.41/containers/web/start", "a/../../x"},
		{"GET", "/v1.41/services/web", "a/logs"}, // would be ServiceLogs of a
		{"POST", "/v1.41/services/web/update", "a/b"},
	} {
		call, err := dockerapi.Classify(test.method, test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := call.WithResource(test.method, test.ref); err == nil {
			t.Errorf("%s %s with %q: got %q, want an error", test.method, test.target, test.ref, got)
		}
	}
}
