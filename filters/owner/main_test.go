package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func owned(by string) map[string]string {
	if by == "" {
		return nil
	}
	return map[string]string{"sluice.owner": by}
}

// id is a full id that ends in the letter.
func id(letter string) string { return strings.Repeat(letter, 64) }

// engine is what there is: ci's own, ops' own, and what belongs to nobody.
var engine = []filtertest.Reference{
	{Kind: sluice.Container, ID: id("a"), Name: "web", Labels: owned("ci"), Running: true},
	{Kind: sluice.Container, ID: id("b"), Name: "db", Aliases: []string{"web/db"}, Labels: owned("ops")},
	{Kind: sluice.Container, ID: id("c"), Name: "stray"},
	{Kind: sluice.Container, ID: id("d"), Name: "mounts", Labels: owned("ci"), Mounts: `[{"Type":"bind","Source":"/x"},{"Type":"volume","Name":"data"},{"Type":"volume","Name":"` + id("f") + `"}]`},
	{Kind: sluice.Container, ID: id("e"), Name: "swapped", Labels: owned("ci"), Mounts: `[{"Type":"volume","Name":"theirs"}]`},
	{Kind: sluice.Volume, Name: "data", Labels: owned("ci")},
	{Kind: sluice.Volume, Name: "theirs", Labels: owned("ops")},
	{Kind: sluice.Volume, Name: "nobodys"},
	{Kind: sluice.Volume, Name: "cache"},
	{Kind: sluice.Volume, Name: id("f")},
	{Kind: sluice.Network, ID: id("1"), Name: "front", Labels: owned("ci")},
	{Kind: sluice.Network, ID: id("2"), Name: "back", Labels: owned("ops")},
	{Kind: sluice.Network, ID: id("3"), Name: "bridge"},
	{Kind: sluice.Network, ID: id("4"), Name: "host"},
	{Kind: sluice.Network, ID: id("5"), Name: "none"},
	{Kind: sluice.Exec, ID: id("6"), Container: id("a"), Labels: owned("ci")},
	{Kind: sluice.Exec, ID: id("7"), Container: id("b"), Labels: owned("ops")},
	{Kind: sluice.Image, ID: "sha256:" + id("8"), Tags: []string{"app:1", "app:latest", "app"}, Labels: owned("ci")},
	{Kind: sluice.Image, ID: "sha256:" + id("9"), Tags: []string{"theirs:1"}, Labels: owned("ops")},
	{Kind: sluice.Image, ID: "sha256:" + id("0"), Tags: []string{"busybox", "busybox:1"}},
	{Kind: sluice.Service, ID: "s1", Name: "mine", Labels: owned("ci")},
	{Kind: sluice.Service, ID: "s2", Name: "yours", Labels: owned("ops")},
	{Kind: sluice.Task, ID: "t1", Service: "s1", Labels: owned("ci")},
	{Kind: sluice.Task, ID: "t2", Service: "s2", Labels: owned("ops")},
	{Kind: sluice.Secret, ID: "k1", Name: "key", Labels: owned("ci")},
	{Kind: sluice.Secret, ID: "k2", Name: "otherkey", Labels: owned("ops")},
	{Kind: sluice.SwarmConfig, ID: "c1", Name: "conf", Labels: owned("ci")},
	{Kind: sluice.SwarmConfig, ID: "c2", Name: "otherconf", Labels: owned("ops")},
	{Kind: sluice.Plugin, ID: "p1", Name: "sshfs"},
}

// on is a case on that engine. The line is a method and a target below /v1.41.
func on(name, line, body string, want filtertest.Want) filtertest.Case {
	method, target, _ := strings.Cut(line, " ")
	request := filtertest.Post("/v1.41"+target, body)
	request.Method = method
	return filtertest.Case{Name: name, Request: request, References: engine, Want: want}
}

func allowed(name, line, body string) filtertest.Case {
	return on(name, line, body, filtertest.Want{})
}

// becomes is a request whose target is another for the engine.
func becomes(name, line, target string) filtertest.Case {
	return on(name, line, "", filtertest.Want{Path: "/v1.41" + target})
}

func denied(name, line, body string, status int, reason string) filtertest.Case {
	return on(name, line, body, filtertest.Want{Denied: reason, Status: status})
}

// with is a case with another configuration.
func with(config string, c filtertest.Case) filtertest.Case {
	c.Config = config
	return c
}

// to is a case whose request has another target for the engine.
func to(target string, c filtertest.Case) filtertest.Case {
	c.Want.Path = "/v1.41" + target
	return c
}

// creates is a request whose body is another for the engine.
func creates(name, line, body, want string) filtertest.Case {
	return on(name, line, body, filtertest.Want{RequestBody: want})
}

const (
	create = "POST /containers/create?name=x"
	mark   = `"Labels":{"sluice.owner":"ci"}`
)

// filters is the query parameter with which a list shows ci's own only, and what else is asked for.
func filters(more string) string {
	return "filters=" + url.QueryEscape(`{`+more+`"label":{"sluice.owner=ci":true}}`)
}

func TestFilter(t *testing.T) {
	cases := slices.Concat(targets(), containers(), images(), builds(), lists(), views(), others())
	filtertest.Run(t, filtertest.Suite{
		Module: "../owner.wasm",
		Config: `{"owner":"ci"}`,
		Cases:  cases,
		Refused: map[string]string{
			`{}`:                                     "give either owner, a name, or owner_from",
			`{"owner":"a","owner_from":"x"}`:         "give either owner, a name, or owner_from",
			`{"owner":"a b"}`:                        "owner: a b has other characters",
			`{"owner":"a","label":"x=y"}`:            "label: x=y has other characters",
			`{"owner":"a","images":"own"}`:           `images: is "own", want shared or apart`,
			`{"owner":"a","shared_networks":"host"}`: "shared_networks: is a string, want a list of strings",
			`{"owner":"a","shared":[]}`:              "shared: unknown key",
		},
	})
}

// targets are all operations on one thing: with one's own they go on to its id, and with others' they do not.
func targets() []filtertest.Case {
	var cases []filtertest.Case
	add := func(line, own, path, others, ownID, reason string) {
		method, pattern, _ := strings.Cut(line, " ")
		target := func(ref string) string { return method + " " + strings.Replace(pattern, "*", ref, 1) }
		body := ""
		if strings.HasPrefix(pattern, "/containers/*/exec") || strings.HasSuffix(path, "body") {
			body = `{}`
		}
		want := on("own: "+line, target(own), body, filtertest.Want{Path: "/v1.41" + strings.Replace(pattern, "*", ownID, 1)})
		cases = append(cases, want,
			denied("other's: "+line, target(others), body, 403, reason),
			denied("nobody's at all: "+line, target("nothing"), body, 404, "No such "))
	}
	for _, line := range []string{
		"GET /containers/*/json", "GET /containers/*/top", "GET /containers/*/logs?stdout=1", "GET /containers/*/changes", "GET /containers/*/export",
		"GET /containers/*/stats", "POST /containers/*/resize?h=1&w=1", "POST /containers/*/start", "POST /containers/*/stop", "POST /containers/*/restart",
		"POST /containers/*/kill", "POST /containers/*/update", "POST /containers/*/rename?name=y", "POST /containers/*/pause", "POST /containers/*/unpause",
		"POST /containers/*/attach?stdout=1", "GET /containers/*/attach/ws", "POST /containers/*/wait", "DELETE /containers/*?force=1",
		"HEAD /containers/*/archive?path=%2F", "GET /containers/*/archive?path=%2F", "PUT /containers/*/archive?path=%2F", "POST /containers/*/exec",
		"GET /containers/*/checkpoints", "POST /containers/*/checkpoints", "DELETE /containers/*/checkpoints/x",
	} {
		add(line, "web", "", "db", id("a"), `container "db" belongs to another owner`)
		cases = append(cases, denied("without an owner: "+line, strings.Replace(line, "*", "stray", 1), "", 403, `container "stray" has no owner (label sluice.owner)`))
	}
	for _, line := range []string{"POST /exec/*/start", "POST /exec/*/resize?h=1&w=1", "GET /exec/*/json"} {
		add(line, id("6"), "", id("7"), id("6"), "belongs to another owner")
	}
	for _, line := range []string{"GET /networks/*", "DELETE /networks/*"} {
		add(line, "front", "", "back", id("1"), `network "back" belongs to another owner`)
	}
	for _, line := range []string{"GET /volumes/*", "DELETE /volumes/*", "PUT /volumes/*?version=1"} {
		add(line, "data", "", "theirs", "data", `volume "theirs" belongs to another owner`)
	}
	for _, line := range []string{"GET /services/*", "DELETE /services/*", "GET /services/*/logs?stdout=1"} {
		add(line, "mine", "", "yours", "s1", `service "yours" belongs to another owner`)
	}
	for _, line := range []string{"GET /tasks/*", "GET /tasks/*/logs?stdout=1"} {
		add(line, "t1", "", "t2", "t1", `task "t2" belongs to another owner`)
	}
	for _, line := range []string{"GET /secrets/*", "DELETE /secrets/*"} {
		add(line, "key", "", "otherkey", "k1", `secret "otherkey" belongs to another owner`)
	}
	for _, line := range []string{"GET /configs/*", "DELETE /configs/*"} {
		add(line, "conf", "", "otherconf", "c1", `config "otherconf" belongs to another owner`)
	}
	return append(cases,
		becomes("by the beginning of its id", "GET /containers/aaaa/json", "/containers/"+id("a")+"/json"),
		denied("another's by the beginning of its id", "GET /containers/bbbb/json", "", 403, "belongs to another owner"),
		denied("another's by a link of one's own container", "POST /containers/web/db/exec", `{"Cmd":["id"]}`, 403, "belongs to another owner"),
		denied("a link", "DELETE /containers/web/db?link=1", "", 403, "links cannot be removed"),
		with(`{"owner":"ci","hide":true}`, denied("what is another's may be told not to exist", "GET /containers/db/json", "", 404, "No such container: db")),
	)
}
