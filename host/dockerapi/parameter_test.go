package dockerapi_test

import (
	"bufio"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// engineRoute is a line of testdata/engines.txt, which .ci/schema reads out of the engines' sources.
type engineRoute struct {
	engine, method, pattern string
	parameters              map[string]string // how the engine reads them: bool, parsebool, list, filters, text
}

func engineRoutes(t *testing.T) []engineRoute {
	t.Helper()
	f, err := os.Open("testdata/engines.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var routes []engineRoute
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		words := strings.Fields(s.Text())
		r := engineRoute{words[0], words[1], words[2], map[string]string{}}
		for _, w := range words[3:] {
			name, kind, _ := strings.Cut(w, "=")
			r.parameters[name] = kind
		}
		if strings.HasPrefix(r.pattern, "/pprof") || r.pattern == "/vars" {
			r.pattern = "/debug" + r.pattern // 20.10 puts it in front elsewhere
		}
		routes = append(routes, r)
	}
	count := map[string]int{}
	for _, r := range routes {
		count[r.engine]++
	}
	// 121 and OPTIONS: as many as its router registers.
	if count["29"] < 122 || count["28"] < 117 || count["20.10"] < 117 {
		t.Fatalf("engines.txt leaves routes out: %v", count)
	}
	return routes
}

// routeOf is the table's route for an engine's.
func routeOf(t *testing.T, r engineRoute) dockerapi.Route {
	t.Helper()
	for _, target := range []string{
		placeholder.ReplaceAllString(r.pattern, "x"), "/v1.41" + placeholder.ReplaceAllString(r.pattern, "x"),
		strings.ReplaceAll(strings.ReplaceAll(r.pattern, "{name:.*}", "a/b"), "{id:.*}", "a/b"),
	} {
		if strings.Contains(target, "{") {
			continue
		}
		call, err := dockerapi.Classify(r.method, target)
		if err != nil || call.Operation == dockerapi.Unknown {
			t.Errorf("engine %s serves %s %s; here it is %s, %v", r.engine, r.method, target, call.Operation, err)
		}
	}
	call, _ := dockerapi.Classify(r.method, placeholder.ReplaceAllString(r.pattern, "x"))
	for _, route := range dockerapi.Routes() {
		if route.Operation == call.Operation && route.Method == r.method {
			return route
		}
	}
	return dockerapi.Route{Operation: call.Operation}
}

func TestEveryRouteOfTheEnginesIsInTheTable(t *testing.T) {
	served := map[dockerapi.Operation]bool{}
	for _, r := range engineRoutes(t) {
		served[routeOf(t, r).Operation] = true
	}
	for _, op := range dockerapi.Operations() {
		if !served[op] && op != dockerapi.Unknown && !slices.Contains(dockerapi.GRPCOperations(), op) {
			t.Errorf("no engine serves %s", op)
		}
	}
}

// What an engine reads as a boolean or as a list, and nothing else, has its mark in the table.
func TestParametersAreReadAsTheEnginesReadThem(t *testing.T) {
	marks := map[string]string{"bool": "?", "parsebool": "!", "list": "*"}
	want := map[dockerapi.Operation]map[string]bool{}
	for _, r := range engineRoutes(t) {
		op := routeOf(t, r).Operation
		if want[op] == nil {
			want[op] = map[string]bool{}
		}
		for name, kind := range r.parameters {
			if marks[kind] != "" {
				want[op][name+marks[kind]] = true
			}
		}
	}
	for _, route := range dockerapi.Routes() {
		got := strings.Fields(route.Query)
		slices.Sort(got)
		if wanted := slices.Sorted(maps.Keys(want[route.Operation])); !slices.Equal(got, wanted) {
			t.Errorf("%s %s: the table has %q, the engines %q", route.Method, route.Operation, got, wanted)
		}
	}
}

func TestBooleansHaveOneForm(t *testing.T) {
	for _, test := range []struct{ target, want string }{
		// DOCKER.md 2, row 25.
		{"/containers/json?all=off", "/containers/json?all=1"},
		{"/containers/json?all=n", "/containers/json?all=1"},
		{"/containers/json?all=null", "/containers/json?all=1"},
		{"/containers/json?all=2&size=True", "/containers/json?all=1&size=1"},
		{"/containers/json?all=%C2%A0No%09&size=x", "/containers/json?all=0&size=1"},
		{"/containers/json?all=FALSE&size=None", "/containers/json?all=0&size=0"},
		{"/containers/json?all=0&size=1", "/containers/json?all=0&size=1"},
		{"/containers/json?all=+&limit=off", "/containers/json?all=0&limit=off"},
		{"/containers/json?all", "/containers/json?all="}, // false here; of pause, engines make either
		{"/networks/x?verbose=t&scope=True", "/networks/x?verbose=1&scope=True"},
		{"/networks/x?verbose=F", "/networks/x?verbose=0"},
		{"/networks/x?verbose=no", "/networks/x?verbose=no"}, // the engine refuses it
		{"/unheard/of?all=off", "/unheard/of?all=off"},
	} {
		call, err := dockerapi.Classify("GET", test.target)
		if err != nil || call.Target() != test.want {
			t.Errorf("%s: got %q, %v; want %q", test.target, call.Target(), err, test.want)
		}
		if again, err := dockerapi.Classify("GET", call.Target()); err != nil || again.Target() != call.Target() {
			t.Errorf("%s: classified again it is %q, %v", test.target, again.Target(), err)
		}
	}
}
