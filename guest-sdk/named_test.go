package sluice_test

import (
	"fmt"
	"strings"
	"testing"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

// replaceAll puts the id of one container in the place of everything that a request names in these parts of it.
func replaceAll(parts ...string) func(*none, *sluice.Request) sluice.Verdict {
	return func(_ *none, r *sluice.Request) sluice.Verdict {
		for _, n := range r.Named() {
			for _, part := range parts {
				if n.In == part {
					n.Replace("ID")
				}
			}
		}
		return sluice.Allow()
	}
}

func TestWhatARequestNamesIsReplacedInItsPlace(t *testing.T) {
	all := sluice.Filter[none]{RequestHeaders: replaceAll("query"), RequestBody: replaceAll("body"), RequestBodyFor: []sluice.Operation{"ContainerCreate", "NetworkConnect"}}
	create := func(body, want string) filtertest.Case {
		return filtertest.Case{Request: filtertest.Post("/v1.41/containers/create", body), Want: filtertest.Want{RequestBody: want}}
	}
	denied := func(c filtertest.Case) filtertest.Case {
		c.Want = filtertest.Want{Denied: "a reference cannot be replaced there", Status: 500}
		return c
	}
	for _, c := range []filtertest.Case{
		create(`{"HostConfig":{"VolumesFrom":["a","b:ro"],"NetworkMode":"container:c","Links":["d"]}}`, `{"HostConfig":{"VolumesFrom":["ID","ID:ro"],"NetworkMode":"container:ID","Links":["ID:d"]}}`),
		create(`{"hostconfig":{"MOUNTS":[{"source":"v","type":"volume"}]}}`, `{"HostConfig":{"Mounts":[{"Source":"ID","Type":"volume"}]}}`),
		denied(create(`{"NetworkingConfig":{"EndpointsConfig":{"n":{}}}}`, "")),
		{Request: filtertest.Post("/v1.41/commit?container=a%20b&tag=", ""), Want: filtertest.Want{Path: "/v1.41/commit?container=ID&tag="}},
		denied(filtertest.Case{Request: filtertest.Get("/v1.41/images/get?names=a&names=b")}),
		denied(filtertest.Case{Request: filtertest.Post("/v1.41/images/create?fromImage=a&tag=b", "")}),
		{Request: filtertest.Post("/v1.41/networks/n/connect", `{"Container":"c"}`), Want: filtertest.Want{RequestBody: `{"Container":"ID"}`}},
	} {
		play(t, all, c)
	}
}

func TestARequestThatNamesTooMuchIsDenied(t *testing.T) {
	play(t, sluice.Filter[none]{RequestBody: func(_ *none, r *sluice.Request) sluice.Verdict {
		if n := len(r.Named()); n > 0 {
			return sluice.Deny(fmt.Sprintf("told %d", n))
		}
		return sluice.Allow()
	}}, filtertest.Case{
		Request: filtertest.Post("/v1.41/containers/create", `{"HostConfig":{"VolumesFrom":["a"`+strings.Repeat(`,"a"`, 2000)+`]}}`),
		Want:    filtertest.Want{Denied: "read the property docker.references", Status: 500},
	})
}

func TestParametersThatAreListsAndBooleans(t *testing.T) {
	play(t, sluice.Filter[none]{RequestHeaders: func(_ *none, r *sluice.Request) sluice.Verdict {
		if !r.QueryBool("force") || r.QueryBool("noprune") || r.QueryBool("nothing") {
			return sluice.Deny("read wrongly: " + r.Path())
		}
		r.AddQuery("platforms", "a b")
		return sluice.Allow()
	}}, filtertest.Case{
		Request: filtertest.Request{Method: "DELETE", Path: "/v1.41/images/x?force=yes&noprune=no"},
		Want:    filtertest.Want{Path: "/v1.41/images/x?force=1&noprune=0&platforms=a+b"},
	})
	play(t, sluice.Filter[none]{RequestHeaders: func(_ *none, r *sluice.Request) sluice.Verdict {
		r.AddQuery("changes", "x")
		return sluice.Allow()
	}}, filtertest.Case{Request: filtertest.Post("/v1.41/commit", ""), Want: filtertest.Want{Path: "/v1.41/commit?changes=x"}})
}
