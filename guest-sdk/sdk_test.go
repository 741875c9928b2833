package sluice_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

const create = "/v1.41/containers/create?name=web"

// play registers f as the module's filter and plays one case.
func play[C any](t *testing.T, f sluice.Filter[C], c filtertest.Case) {
	t.Helper()
	hostapi.Reset()
	sluice.Register(f)
	if c.Name == "" {
		c.Name = "case"
	}
	filtertest.Run(t, filtertest.Suite{Cases: []filtertest.Case{c}})
}

type (
	none     = struct{}
	request  = func(*none, *sluice.Request) sluice.Verdict
	response = func(*none, *sluice.Response) sluice.Verdict
)

func TestOnlyAnHonestAllowAllows(t *testing.T) {
	for name, c := range map[string]struct {
		check  request
		reason string
		status int
	}{
		"a forgotten branch":         {func(*none, *sluice.Request) sluice.Verdict { return sluice.Verdict{} }, "no verdict", 500},
		"an error":                   {func(*none, *sluice.Request) sluice.Verdict { return sluice.Fail(errors.New("lost the list")) }, "the filter failed: lost the list", 500},
		"an error without a text":    {func(*none, *sluice.Request) sluice.Verdict { return sluice.Fail(nil) }, "the filter failed", 500},
		"a reason":                   {func(*none, *sluice.Request) sluice.Verdict { return sluice.Deny("because") }, "because", 403},
		"a reason with a status":     {func(*none, *sluice.Request) sluice.Verdict { return sluice.DenyWith(429, "slowly") }, "slowly", 429},
		"a status that is no denial": {func(*none, *sluice.Request) sluice.Verdict { return sluice.DenyWith(200, "fine") }, "fine", 403},
		"no reason":                  {func(*none, *sluice.Request) sluice.Verdict { return sluice.Deny("") }, "gave no reason", 403},
		"allowed after a lookup that was ambiguous": {func(_ *none, r *sluice.Request) sluice.Verdict {
			r.JSON().Get("a").Bool()
			return sluice.Allow()
		}, "both mean a", 400},
		"denied after a lookup that was ambiguous": {func(_ *none, r *sluice.Request) sluice.Verdict {
			r.JSON().Get("a").Bool()
			return sluice.Deny("because")
		}, "because", 403},
		"allowed after a setter that failed": {func(_ *none, r *sluice.Request) sluice.Verdict {
			r.Set("empty", "")
			return sluice.Allow()
		}, "keep the value empty", 500},
		"allowed after an edit that failed": {func(_ *none, r *sluice.Request) sluice.Verdict {
			r.JSON().Get("nope").Replace("1")
			return sluice.Allow()
		}, "cannot be replaced", 400},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, sluice.Filter[none]{RequestBody: c.check}, filtertest.Case{
				Request: filtertest.Post(create, `{"a":1,"A":2}`),
				Want:    filtertest.Want{Denied: c.reason, Status: c.status},
			})
		})
	}
}

func TestOnTheResponsesWayEverythingFailsClosedToo(t *testing.T) {
	for name, c := range map[string]struct {
		check  response
		reason string
		status int
	}{
		"a forgotten branch": {func(*none, *sluice.Response) sluice.Verdict { return sluice.Verdict{} }, "no verdict", 502},
		"a reason":           {func(*none, *sluice.Response) sluice.Verdict { return sluice.Deny("secret") }, "secret", 403},
		"an unreadable body": {func(_ *none, r *sluice.Response) sluice.Verdict { r.JSON(); return sluice.Allow() }, "not a JSON document", 502},
		"a request that is sent already": {func(_ *none, r *sluice.Response) sluice.Verdict {
			r.Request().SetHeader("a", "b")
			return sluice.Allow()
		}, "set the header a", 502},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, sluice.Filter[none]{ResponseBody: c.check}, filtertest.Case{
				Request: filtertest.Get("/v1.41/containers/json"), Response: filtertest.OK("no JSON"),
				Want: filtertest.Want{Denied: c.reason, Status: c.status},
			})
		})
	}
}

func TestABodyIsSeenWholeOrNotAtAll(t *testing.T) {
	const body = `{"Image":"x"}`
	var seen []string
	whole := func(_ *none, r *sluice.Request) sluice.Verdict {
		seen = append(seen, string(r.Body()))
		return sluice.Allow()
	}
	for name, c := range map[string]struct {
		filter  sluice.Filter[none]
		request filtertest.Request
		want    []string
	}{
		"a unary operation":         {sluice.Filter[none]{RequestBody: whole}, filtertest.Post(create, body), []string{body}},
		"without a body":            {sluice.Filter[none]{RequestBody: whole}, filtertest.Get("/v1.41/info"), []string{""}},
		"a stream is not held":      {sluice.Filter[none]{RequestBody: whole}, filtertest.Post("/v1.41/build", "tar"), nil},
		"unless it is asked for":    {sluice.Filter[none]{RequestBody: whole, RequestBodyFor: []sluice.Operation{"ImageBuild"}}, filtertest.Post("/v1.41/build", "tar"), []string{"tar"}},
		"an operation not listed":   {sluice.Filter[none]{RequestBody: whole, Operations: []sluice.Operation{"ImageBuild"}}, filtertest.Post(create, body), nil},
		"an operation listed":       {sluice.Filter[none]{RequestBody: whole, Operations: []sluice.Operation{"ContainerCreate"}}, filtertest.Post(create, body), []string{body}},
		"listed for all but bodies": {sluice.Filter[none]{RequestBody: whole, Operations: []sluice.Operation{"ContainerCreate"}, RequestBodyFor: []sluice.Operation{"ImageBuild"}}, filtertest.Post(create, body), nil},
	} {
		t.Run(name, func(t *testing.T) {
			seen = nil
			play(t, c.filter, filtertest.Case{Request: c.request})
			if !slices.Equal(seen, c.want) {
				t.Errorf("the filter saw %q, want %q", seen, c.want)
			}
		})
	}
}

func TestChunksPassOneByOne(t *testing.T) {
	var pieces []string
	ends := 0
	play(t, sluice.Filter[none]{
		ResponseChunk: func(_ *none, r *sluice.Response, end bool) sluice.Verdict {
			pieces = append(pieces, string(r.Body()))
			if end {
				ends++
			}
			r.SetBody([]byte(strings.ToUpper(string(r.Body()))))
			return sluice.Allow()
		},
	}, filtertest.Case{
		Request:  filtertest.Get("/v1.41/containers/c/logs?follow=1"),
		Response: &filtertest.Response{Status: 200, Body: "abcdef"},
		Want:     filtertest.Want{ResponseBody: "ABCDEF"},
	})
	if !slices.Equal(pieces, []string{"abc", "def"}) || ends != 1 {
		t.Errorf("pieces %q, %d ends; want two and one", pieces, ends)
	}
}

func TestARequestTellsWhatItIs(t *testing.T) {
	type facts struct {
		method, path, name, empty, accept, transport, version, kind, id, route, reqID, uid string
		op                                                                                 sluice.Operation
		hasNope                                                                            bool
		status                                                                             int
	}
	var got facts
	look := func(r *sluice.Request) {
		got.method, got.path, got.op, got.transport = r.Method(), r.Path(), r.Operation(), r.Transport()
		got.version, got.kind, got.id, got.route, got.reqID = r.APIVersion(), r.ResourceKind(), r.ResourceID(), r.RoutePath(), r.ID()
		got.name, _ = r.Query("a b")
		got.empty, _ = r.Query("empty")
		_, got.hasNope = r.Query("nope")
		got.accept, _ = r.Header("ACCEPT")
		got.uid, _ = r.Property("peer", "uid")
	}
	request := filtertest.Request{
		Method: "GET", Path: "/v1.41/containers/my%20web/json?empty=&a+b=1%2B+2", Headers: [][2]string{{"Accept", "x"}},
		Properties: map[string]string{"peer.uid": "1000"},
	}
	want := facts{
		method: "GET", path: "/v1.41/containers/my%20web/json?empty=&a+b=1%2B+2", name: "1+ 2", accept: "x", transport: "unary",
		version: "1.41", kind: "container", id: "my web", route: "/containers/my%20web/json", reqID: "filtertest", uid: "1000",
		op: "ContainerInspect", status: 418,
	}
	play(t, sluice.Filter[none]{
		RequestHeaders: func(_ *none, r *sluice.Request) sluice.Verdict {
			r.Set("seen", "yes")
			return sluice.Allow()
		},
		ResponseHeaders: func(_ *none, r *sluice.Response) sluice.Verdict {
			look(r.Request())
			got.status = r.Status()
			if seen, _ := r.Request().Get("seen"); seen != "yes" {
				return sluice.Deny("the value is lost")
			}
			return sluice.Allow()
		},
	}, filtertest.Case{Request: request, Response: &filtertest.Response{Status: 418}, Want: filtertest.Want{Path: got.path}})
	call, err := dockerapi.Classify(request.Method, request.Path)
	if err != nil {
		t.Fatal(err)
	}
	want.path, want.route = call.Target(), call.RoutePath // the gateway's canonical form
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAQueryParameterIsSetInItsPlace(t *testing.T) {
	for path, want := range map[string]string{
		"/v1.41/containers/create":                 "/v1.41/containers/create?name=a+%26b",
		"/v1.41/containers/create?name=x":          "/v1.41/containers/create?name=a+%26b",
		"/v1.41/containers/create?platform=l&name": "/v1.41/containers/create?platform=l&name=a+%26b",
	} {
		call, err := dockerapi.Classify("POST", path)
		if err != nil {
			t.Fatal(err)
		}
		play(t, sluice.Filter[none]{RequestHeaders: func(_ *none, r *sluice.Request) sluice.Verdict {
			r.SetQuery("name", "a &b")
			if got, ok := r.Query("name"); got != "a &b" || !ok {
				return sluice.Deny("read back " + got)
			}
			return sluice.Allow()
		}}, filtertest.Case{Request: filtertest.Post(call.Target(), ""), Want: filtertest.Want{Path: want}})
	}
}

func TestAFilterThatRegistersTwiceDoesNotStart(t *testing.T) {
	hostapi.Reset()
	sluice.Register(sluice.Filter[none]{Name: "a"})
	sluice.Register(sluice.Filter[none]{Name: "b"})
	filtertest.Run(t, filtertest.Suite{Refused: map[string]string{"{}": "more than one filter"}})
}

func TestAConfigurationIsReadStrictly(t *testing.T) {
	type config struct{ n int64 }
	hostapi.Reset()
	sluice.Register(sluice.Filter[config]{
		Parse: func(c *sluice.Config) config {
			limits := c.Object("limits")
			return config{n: limits.Int("cpus", 2, 1, 64)}
		},
		RequestHeaders: func(c *config, _ *sluice.Request) sluice.Verdict {
			return sluice.Deny("cpus " + strings.Repeat("I", int(c.n)))
		},
	})
	play := func(config, reason string) filtertest.Case {
		return filtertest.Case{Name: config, Config: config, Request: filtertest.Get("/info"), Want: filtertest.Want{Denied: reason}}
	}
	filtertest.Run(t, filtertest.Suite{
		Cases: []filtertest.Case{play(`{"limits":{"cpus":3}}`, "cpus III"), play(`{}`, "cpus II"), play(` null `, "cpus II"), play(`{"limits":null}`, "cpus II")},
		Refused: map[string]string{
			`{"limits":{"cpus":65}}`:         "limits.cpus: is 65, want 1 to 64",
			`{"limits":{"cpus":1.5}}`:        "limits.cpus: is a number, want an integer",
			`{"limits":{"cpus":"3"}}`:        "limits.cpus: is a string, want an integer",
			`{"limits":{"cpu":3},"x":1}`:     "x: unknown key; the keys are limits; limits.cpu: unknown key, did you mean cpus?",
			`{"limits":3}`:                   "limits: is a number, want an object",
			`{"limits":{"cpus":1,"cpus":2}}`: "limits.cpus: is there twice",
			`{"limits":`:                     "not valid JSON",
			`"limits"`:                       "the configuration is a string, want an object",
		},
	})
	hostapi.Reset()
	sluice.Register(sluice.Filter[none]{})
	filtertest.Run(t, filtertest.Suite{Refused: map[string]string{`{"a":1}`: "a: unknown key; this filter takes no configuration"}})
}

func TestTheOperationsAreTheGatewaysOwn(t *testing.T) {
	known := map[sluice.Operation]bool{}
	for _, op := range dockerapi.Operations() {
		known[sluice.Operation(op)] = true
		if !sluice.Operation(op).Known() {
			t.Errorf("%s is missing in operation.go", op)
		}
	}
	for _, op := range sluice.Operations() {
		if !known[op] {
			t.Errorf("%s is in operation.go, but not an operation of the gateway", op)
		}
	}
}
