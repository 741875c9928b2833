package capability_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/capability"
)

func set(grants ...any) *capability.Set {
	var s capability.Set
	for i := 0; i < len(grants); i += 2 {
		s.Grant(grants[i].(capability.Capability), grants[i+1].(string))
	}
	return &s
}

func TestWhatANameMeans(t *testing.T) {
	for _, c := range []struct {
		of             capability.Capability
		granted        string
		means, notThat string
	}{
		{capability.ReadRequestHeaders, "x-ci-*", "x-ci-job X-CI-Job x-ci-", "x-ci x-cj-job"},
		{capability.ReadRequestHeaders, "X-CI", "x-ci X-Ci", "x-ci2"},
		{capability.ReadRequestHeaders, "*", "user-agent :path x", "authorization Authorization cookie X-Registry-Auth x-registry-config proxy-authorization"},
		{capability.ReadRequestHeaders, "*auth*", "x-auth", "authorization x-registry-auth"},
		{capability.ReadRequestHeaders, "Authorization", "authorization AUTHORIZATION", "x-registry-auth proxy-authorization"},
		{capability.ReadProperties, "docker.*", "docker.operation docker.resource.id", "docker peer.uid"},
		{capability.ReadProperties, "docker.*.id", "docker.resource.id docker.a.b.id", "docker.id docker.resource.name"},
		{capability.WriteSharedData, "a*b*c", "abc axbxc abbc", "ab abcd Abc"},
		{capability.Callouts, "opa", "opa", "OPA op opaa"},
		{capability.Metrics, "*", "anything", ""},
	} {
		g, err := set(c.of, c.granted).Compile()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(c.means) {
			if !g.Allows(c.of, name) {
				t.Errorf("%s %q does not mean %q", c.of, c.granted, name)
			}
		}
		for _, name := range strings.Fields(c.notThat) {
			if g.Allows(c.of, name) {
				t.Errorf("%s %q means %q", c.of, c.granted, name)
			}
		}
	}
}

func TestACeilingCoversWhatItMeansAndNoMore(t *testing.T) {
	for _, c := range []struct {
		of             capability.Capability
		ceiling        string
		covers, beyond string
	}{
		{capability.ReadRequestHeaders, "x-*", "x-a x-ci-* x-* X-A", "* x* authorization"},
		{capability.ReadRequestHeaders, "*", "* x-a", "authorization X-Registry-Auth"},
		{capability.ReadRequestHeaders, "authorization", "Authorization", "*"},
		{capability.ReadRequestBody, "/HostConfig", "/HostConfig /HostConfig/Memory /HostConfig/*", "/Host /* *"},
		{capability.ReadRequestBody, "/*/Id", "/0/Id /*/Id /a/Id/x", "/*/* /Id /0"},
		{capability.ReadRequestBody, "*", "* /a", ""},
		{capability.Metrics, "ci_*_total", "ci_a_total ci_*_total", "ci_* ci_total *"},
	} {
		for _, name := range strings.Fields(c.covers) {
			if beyond := set(c.of, c.ceiling).Covers(set(c.of, name)); len(beyond) > 0 {
				t.Errorf("%s: %q does not cover %q", c.of, c.ceiling, name)
			}
		}
		for _, name := range strings.Fields(c.beyond) {
			if beyond := set(c.of, c.ceiling).Covers(set(c.of, name)); len(beyond) != 1 || beyond[0].Capability != c.of {
				t.Errorf("%s: %q covers %q", c.of, c.ceiling, name)
			}
		}
	}
	everything := &capability.Set{Everything: true}
	if len(everything.Covers(everything)) > 0 || len(everything.Covers(set(capability.Log, "*"))) > 0 {
		t.Error("everything does not cover what there is")
	}
	if got := len(set(capability.Log, "*").Covers(everything)); got != capability.Count-1 {
		t.Errorf("everything goes beyond a log by %d capabilities, want all others", got)
	}
	// What may be written is seen.
	if beyond := set(capability.WriteRequestBody, "/Labels").Covers(set(capability.ReadRequestBody, "/Labels/a")); len(beyond) > 0 {
		t.Errorf("what may be written may not be read: %v", beyond)
	}
}

func TestLinesGrantWhatTheySay(t *testing.T) {
	for want, got := range map[string]string{
		`request_headers: {read: [authorization, ":path", "x-*"]}`: capability.ReadRequestHeaders.Line("authorization", ":path", "x-*"),
		`request_body: {write: all}`:                               capability.WriteRequestBody.Line(),
		`request_body: {read: all}`:                                capability.ReadRequestBody.Line("*"),
		`connection: {read: all}`:                                  capability.ReadConnection.Line(),
		`timers: true`:                                             capability.Timers.Line(),
		`callouts: [NAME]`:                                         capability.Callouts.Line(),
		`metrics: ["a\nb"]`:                                        capability.Metrics.Line("a\nb"),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	s := set(capability.Log, "*", capability.ReadRequestHeaders, "*", capability.ReadRequestHeaders, "authorization",
		capability.ReadRequestBody, "/Image", capability.WriteRequestBody, "/Labels", capability.Callouts, "opa")
	if got, want := s.String(), `request_headers: {read: ["*", authorization]}; request_body: {read: [/Image], write: [/Labels]}; callouts: [opa]; log: true`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := fmt.Sprint(set(), "; ", &capability.Set{Everything: true}); got != "nothing; everything" {
		t.Errorf("got %s", got)
	}
}
