package host

import (
	"fmt"
	"testing"
)

func TestNobodyPushesOutWhatOthersWereDenied(t *testing.T) {
	for name, c := range map[string]struct{ one, many func(i int) execClient }{
		"tenants": {
			func(int) execClient { return execClient{"a", "1"} },
			func(i int) execClient { return execClient{"b", fmt.Sprint(i)} },
		},
		"users": {
			func(int) execClient { return execClient{"", "1"} },
			func(int) execClient { return execClient{"", "2"} },
		},
	} {
		var r refusedExecs
		for i := range 3 {
			r.add(fmt.Sprint("one", i), c.one(i), "request")
		}
		for i := range 3 * maxRefusedExecs {
			r.add(fmt.Sprint("many", i), c.many(i), "request")
		}
		for i := range 3 {
			if r.find(fmt.Sprint("one", i), c.one(i), true) == "" {
				t.Errorf("%s: exec %d is forgotten", name, i)
			}
		}
		last := 3*maxRefusedExecs - 1
		if r.find(fmt.Sprint("many", last), c.many(last), true) == "" || r.find("many0", c.many(0), true) != "" {
			t.Errorf("%s: of many, want the last and not the first", name)
		}
		if r.find(fmt.Sprint("many", last-1), c.one(0), true) != "" {
			t.Errorf("%s: one is told of what another was denied", name)
		}
	}
}
