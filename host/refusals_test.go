package host

import (
	"fmt"
	"testing"
)

func TestNobodyPushesOutWhatOthersWereDenied(t *testing.T) {
	for name, c := range map[string]struct{ one, many func(i int) refusedClient }{
		"tenants": {
			func(int) refusedClient { return refusedClient{"a", "1"} },
			func(i int) refusedClient { return refusedClient{"b", fmt.Sprint(i)} },
		},
		"users": {
			func(int) refusedClient { return refusedClient{"", "1"} },
			func(int) refusedClient { return refusedClient{"", "2"} },
		},
	} {
		var r refusals
		for i := range 3 {
			r.add(fmt.Sprint("one", i), c.one(i), "request")
		}
		for i := range 3 * maxRefusals {
			r.add(fmt.Sprint("many", i), c.many(i), "request")
		}
		for i := range 3 {
			if r.find(fmt.Sprint("one", i), c.one(i), true) == "" {
				t.Errorf("%s: exec %d is forgotten", name, i)
			}
		}
		last := 3*maxRefusals - 1
		if r.find(fmt.Sprint("many", last), c.many(last), true) == "" || r.find("many0", c.many(0), true) != "" {
			t.Errorf("%s: of many, want the last and not the first", name)
		}
		if r.find(fmt.Sprint("many", last-1), c.one(0), true) != "" {
			t.Errorf("%s: one is told of what another was denied", name)
		}
	}
}
