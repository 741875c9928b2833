package buildkit

import (
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/host/buildkit/message"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// refusedMethods are known and may not be called, by anybody.
var refusedMethods = []string{"/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch"}

func TestEveryMethodOfTheSchemaIsDecidedUpon(t *testing.T) {
	methods := message.Methods()
	operations := map[dockerapi.Operation]bool{}
	for s, list := range map[side]map[string]dockerapi.Operation{engine: onEngine, client: onClient} {
		for path, operation := range list {
			if _, ok := methods[path]; !ok {
				t.Errorf("%s may be called on %s and is not in the schema", path, s)
			}
			if !slices.Contains(dockerapi.GRPCOperations(), operation) {
				t.Errorf("%s has the operation %q, which does not exist", path, operation)
			}
			operations[operation] = true
		}
	}
	for path := range methods {
		_, toEngine := onEngine[path]
		_, toClient := onClient[path]
		if !toEngine && !toClient && path != healthCheck && !slices.Contains(refusedMethods, path) {
			t.Errorf("nobody says whether %s may be called", path)
		}
	}
	for _, operation := range dockerapi.GRPCOperations() {
		if !operations[operation] {
			t.Errorf("no method has the operation %s", operation)
		}
	}
}

// What asks for a thing of the client by its id is decoded: the grants depend on it.
func TestGrantsSeeTheID(t *testing.T) {
	for _, path := range []string{getSecret, checkAgent} {
		if m, ok := findMethod(client, path); !ok || m.Request == nil || m.Stream {
			t.Errorf("the message of %s is not decoded", path)
		}
	}
	for path, id := range map[string]string{getSecret: "x", checkAgent: "x", forwardAgent: "x"} {
		if (&Grants{}).check(path, id) == "" {
			t.Errorf("%s is granted by default", path)
		}
		if why := (&Grants{Secrets: []string{"x"}, SSH: []string{"x"}}).check(path, id); why != "" {
			t.Errorf("%s is not granted: %s", path, why)
		}
	}
}

func TestPatternsOfIDs(t *testing.T) {
	for _, tt := range []struct {
		pattern, id string
		want        bool
	}{
		{"a", "a", true},
		{"a", "A", false},
		{"a", "ab", false},
		{"", "", true},
		{"*", "", true},
		{"*", "x/y", true},
		{"a*", "a", true},
		{"a*", "abc", true},
		{"a*", "ba", false},
		{"*a", "a", true},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "a--b--c", true},
		{"a*b*c", "acb", false},
		{"a*b*b", "ab", false},
		{"a*bc*c", "abc", false},
		{"**", "", true},
		{"a**b", "ab", true},
		{"*x*", "axb", true},
		{"*x*", "ab", false},
	} {
		if got := granted([]string{tt.pattern}, tt.id); got != tt.want {
			t.Errorf("granted(%q, %q) = %v", tt.pattern, tt.id, got)
		}
	}
}
