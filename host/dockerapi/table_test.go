package dockerapi_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// described reads the operations of Docker's API descriptions: "METHOD PATH OPERATION FIRST LAST" a line.
func described(t *testing.T) [][]string {
	t.Helper()
	f, err := os.Open("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		fields := strings.Fields(s.Text())
		if len(fields) != 5 {
			t.Fatalf("operations.txt: malformed line %q", s.Text())
		}
		lines = append(lines, fields)
	}
	if len(lines) < 100 {
		t.Fatalf("operations.txt has %d operations only", len(lines))
	}
	return lines
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func TestEveryDescribedOperationIsInTheTable(t *testing.T) {
	for _, op := range described(t) {
		method, path, want := op[0], op[1], dockerapi.Operation(op[2])
		path = placeholder.ReplaceAllString(path, "x")
		for _, target := range []string{path, "/v1.41" + path} {
			call, err := dockerapi.Classify(method, target)
			if err != nil {
				t.Errorf("%s %s: %v", method, target, err)
			} else if call.Operation != want {
				t.Errorf("%s %s is %s, Docker's description says %s", method, target, call.Operation, want)
			}
		}
	}
}

func TestTheTableInventsNothing(t *testing.T) {
	known := map[dockerapi.Operation]bool{
		// Served by the engine, left out of its description: moby's routers for BuildKit, builds, checkpoints, debugging;
		// and the copy of API versions below 1.24.
		dockerapi.Grpc: true, dockerapi.BuildCancel: true, dockerapi.ContainerCopy: true, dockerapi.Debug: true,
		dockerapi.CheckpointList: true, dockerapi.CheckpointCreate: true, dockerapi.CheckpointDelete: true,
		dockerapi.Options: true, dockerapi.Unknown: true,
	}
	for _, op := range described(t) {
		known[dockerapi.Operation(op[2])] = true
	}
	for _, op := range dockerapi.GRPCOperations() {
		known[op] = true // BuildKit's gRPC has no operations in Docker's description
	}
	for _, op := range dockerapi.Operations() {
		if !known[op] {
			t.Errorf("%s is in no description of the API", op)
		}
		delete(known, op)
	}
	for op := range known {
		t.Errorf("Operations() leaves out %s", op)
	}
}

// TestMatchingAgreesWithTheEnginesPatterns compares the matcher with regular expressions of the kind that the engine's
// router is built of, on paths made of the words that matter. It also shows that the order of the routes does not.
func TestMatchingAgreesWithTheEnginesPatterns(t *testing.T) {
	type pattern struct {
		re    *regexp.Regexp
		route dockerapi.Route
	}
	var patterns []pattern
	words := []string{"x", "a.b", "c:1"}
	for _, r := range dockerapi.Routes() {
		expr := placeholder.ReplaceAllStringFunc(r.Pattern, func(p string) string {
			if strings.HasSuffix(p, "...}") {
				return "(.+)"
			}
			return "([^/]+)"
		})
		patterns = append(patterns, pattern{regexp.MustCompile("^" + expr + "$"), r})
		for w := range strings.SplitSeq(placeholder.ReplaceAllString(r.Pattern, ""), "/") {
			if w != "" && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	methods := []string{"GET", "POST", "DELETE", "PUT", "HEAD", "PATCH"}
	rng := rand.New(rand.NewPCG(1, 2))
	matched := 0
	for range 20_000 {
		method := methods[rng.IntN(len(methods))]
		var path strings.Builder
		// Begin as one of the routes, so that most paths come close to one.
		head := patterns[rng.IntN(len(patterns))].route.Pattern
		path.WriteString(placeholder.ReplaceAllStringFunc(strings.TrimSuffix(head, "/"), func(string) string { return words[rng.IntN(len(words))] }))
		for range rng.IntN(3) {
			path.WriteString("/" + words[rng.IntN(len(words))])
		}
		want, wantID := dockerapi.Unknown, ""
		for _, p := range patterns {
			if p.route.Method != method {
				continue
			}
			m := p.re.FindStringSubmatch(path.String())
			if m == nil {
				continue
			}
			if want == dockerapi.ContainerDelete && p.route.Operation == dockerapi.CheckpointDelete {
				want = dockerapi.Unknown // the engine registers its checkpoints first, because of this overlap
			}
			if want != dockerapi.Unknown {
				if want == p.route.Operation {
					continue
				}
				// A word in the place of a name: the engine has both patterns, and the literal one first.
				if placeholder.MatchString(p.route.Pattern) {
					continue
				}
			}
			want, wantID = p.route.Operation, ""
			if len(m) > 1 {
				wantID = m[1]
			}
		}
		call, err := dockerapi.Classify(method, path.String())
		if err != nil {
			t.Fatalf("%s %s: %v", method, path.String(), err)
		}
		if call.Operation != want || call.ResourceID != wantID && want != dockerapi.Debug {
			t.Fatalf("%s %s is %s of %q, the engine's patterns say %s of %q", method, path.String(), call.Operation, call.ResourceID, want, wantID)
		}
		if want != dockerapi.Unknown {
			matched++
		}
	}
	if matched < 2_000 {
		t.Errorf("only %d paths matched a route", matched)
	}
}

func TestBytesOfARouteTravelAsTheyMust(t *testing.T) {
	want := map[dockerapi.Operation]dockerapi.Transport{
		// Heads come at once, bodies later or for ever: DOCKER.md 1.1. Held back, docker run would never start.
		dockerapi.ContainerWait: dockerapi.Stream, dockerapi.ContainerLogs: dockerapi.Stream, dockerapi.SystemEvents: dockerapi.Stream,
		dockerapi.ContainerStats: dockerapi.Stream, dockerapi.ServiceLogs: dockerapi.Stream, dockerapi.TaskLogs: dockerapi.Stream,
		// Progress, uploads, downloads.
		dockerapi.ImageBuild: dockerapi.Stream, dockerapi.ImageCreate: dockerapi.Stream, dockerapi.ImagePush: dockerapi.Stream,
		dockerapi.ImageLoad: dockerapi.Stream, dockerapi.ImageGet: dockerapi.Stream, dockerapi.ImageGetAll: dockerapi.Stream,
		dockerapi.ContainerExport: dockerapi.Stream, dockerapi.ContainerArchive: dockerapi.Stream, dockerapi.PutContainerArchive: dockerapi.Stream,
		dockerapi.ContainerCopy: dockerapi.Stream, dockerapi.PluginPull: dockerapi.Stream, dockerapi.PluginPush: dockerapi.Stream,
		dockerapi.PluginUpgrade: dockerapi.Stream, dockerapi.PluginCreate: dockerapi.Stream, dockerapi.Debug: dockerapi.Stream,
		// Connections that leave HTTP.
		dockerapi.ContainerAttach: dockerapi.Hijack, dockerapi.ContainerAttachWebsocket: dockerapi.Hijack, dockerapi.ExecStart: dockerapi.Hijack,
		dockerapi.Session: dockerapi.Hijack, dockerapi.Grpc: dockerapi.Hijack,
	}
	for _, r := range dockerapi.Routes() {
		if r.Pattern == "/debug/vars" {
			continue // one JSON document
		}
		if r.Transport != want[r.Operation] {
			t.Errorf("%s is %s, want %s", r.Operation, r.Transport, want[r.Operation])
		}
		if r.Body != dockerapi.BodyNone && (r.Method == "GET" || r.Method == "HEAD" || r.Method == "DELETE") {
			t.Errorf("%s reads a %s body with %s", r.Operation, r.Body, r.Method)
		}
		if r.Body == dockerapi.BodyRaw && r.Transport == dockerapi.Unary {
			t.Errorf("%s has a raw body and is held in memory whole", r.Operation)
		}
	}
}
