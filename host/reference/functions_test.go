package reference_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/reference"
)

// table is a source that knows some references and counts what it is asked.
type table struct {
	known map[string]*reference.Reference
	asked []string
	takes time.Duration // what each question takes
}

func (x *table) Resolve(ctx context.Context, kind reference.Kind, ref string) (*reference.Reference, error) {
	x.asked = append(x.asked, string(kind)+" "+ref)
	select {
	case <-time.After(x.takes):
	case <-ctx.Done():
		return nil, &reference.Error{Kind: kind, Ref: ref, Reason: reference.ErrEngine, Message: "too slow", Err: ctx.Err()}
	}
	switch {
	case strings.HasPrefix(ref, "broken"):
		return nil, errors.New("something that nobody expected")
	case ref == "nothing":
		return nil, nil
	case ref == "two":
		return nil, &reference.Error{Kind: kind, Ref: ref, Reason: reference.ErrBadReference, Message: "ambiguous"}
	case x.known[ref] == nil:
		return nil, &reference.Error{Kind: kind, Ref: ref, Reason: reference.ErrNotFound, Message: "No such thing"}
	}
	return x.known[ref], nil
}

// stream is a request on its way, as functions see it.
type stream struct {
	method string
	call   dockerapi.Call
	target string // that was set
	late   bool
	kept   map[any]any
}

func request(t testing.TB, method, target string) *stream {
	t.Helper()
	call, err := dockerapi.Classify(method, target)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{method: method, call: call, kept: map[any]any{}}
}

func (s *stream) RequestID() string                    { return "r-1" }
func (s *stream) Method() string                       { return s.method }
func (s *stream) Call() *dockerapi.Call                { return &s.call }
func (s *stream) Property(string) ([]byte, abi.Status) { return nil, abi.StatusNotFound }

func (s *stream) SetTarget(target string) abi.Status {
	if s.late {
		return abi.StatusBadArgument
	}
	s.target = target
	return abi.StatusOK
}

func (s *stream) Keep(key any, make func() any) any {
	if _, ok := s.kept[key]; !ok && make != nil {
		s.kept[key] = make()
	}
	return s.kept[key]
}

// fuel counts what is charged.
type fuel struct{ left int64 }

func (f *fuel) Charge(units int64) bool {
	f.left -= units
	return f.left >= 0
}

func known() *table {
	return &table{known: map[string]*reference.Reference{
		"web": {
			Kind: reference.Container, ID: id, Name: "web", Owner: "me", Labels: map[string]string{"sluice.owner": "me", "a.b": "<c>"},
			HostConfig: json.RawMessage(`{"Privileged":true}`), Mounts: json.RawMessage(`[]`),
		},
		"busybox": {Kind: reference.Image, ID: "sha256:aa", Tags: []string{"busybox:latest"}},
		"data":    {Kind: reference.Volume, ID: "data", Name: "data", Options: map[string]string{"o": "bind"}},
		"front":   {Kind: reference.Network, ID: "n1", Name: "front"},
		"e1":      {Kind: reference.Exec, ID: "e1", Container: id, TTY: true},
		"huge":    {Kind: reference.Container, ID: "x", Name: strings.Repeat("x", foreign.MaxResultBytes)},
	}}
}

// registry is the functions as filters reach them.
func registry(source reference.Source, timeout time.Duration) *foreign.Registry {
	var none *foreign.Registry
	return none.With(reference.NewFunctions(source, timeout, nil).Own())
}

func call(t testing.TB, r *foreign.Registry, s foreign.Stream, name, arguments string) (string, abi.Status) {
	t.Helper()
	result, status := r.Call(foreign.Call{
		Context: t.Context(), Name: name, Arguments: []byte(arguments), Filter: "f", Fuel: &fuel{1 << 30}, Stream: s,
	})
	return string(result), status
}

func TestWhatAFilterIsTold(t *testing.T) {
	const container = `"kind":"container","id":"` + id + `","name":"web","labels":{"a.b":"\u003cc\u003e","sluice.owner":"me"},"owner":"me"`
	for _, test := range []struct {
		arguments string
		want      string
		status    abi.Status
	}{
		{`{"kind":"container","ref":"web"}`, `{"found":true,` + container + `}`, abi.StatusOK},
		{`{"kind":"container","ref":"web","details":true}`, `{"found":true,` + container + `,"host_config":{"Privileged":true},"mounts":[]}`, abi.StatusOK},
		{``, `{"found":true,` + container + `}`, abi.StatusOK}, // the resource in the path
		{`{"details":false}`, `{"found":true,` + container + `}`, abi.StatusOK},
		{`{"kind":"volume","ref":"data"}`, `{"found":true,"kind":"volume","id":"data","name":"data","options":{"o":"bind"}}`, abi.StatusOK},
		{`{"kind":"container","ref":"gone"}`, `{"found":false,"problem":"not_found","message":"container \"gone\": No such thing"}`, abi.StatusOK},
		{`{"kind":"container","ref":"two"}`, `{"found":false,"problem":"bad_reference","message":"container \"two\": ambiguous"}`, abi.StatusOK},
		{`{"kind":"container","ref":"broken"}`, "", abi.StatusBrokenConnection},
		{`{"kind":"container","ref":"nothing"}`, "", abi.StatusBrokenConnection},
		{`{"kind":"container","ref":"huge"}`, "", abi.StatusBrokenConnection},
		{`{"kind":"session","ref":"web"}`, "", abi.StatusBadArgument},
		{`{"kind":"container"}`, "", abi.StatusBadArgument},
		{`{"ref":"web"}`, "", abi.StatusBadArgument},
		{`{"kind":"container","ref":"web","pin":true}`, "", abi.StatusBadArgument},
		{`{"kind":"container","ref":7}`, "", abi.StatusBadArgument},
		{`{"kind":"container","ref":"web"} {}`, "", abi.StatusBadArgument},
		{`web`, "", abi.StatusBadArgument},
	} {
		got, status := call(t, registry(known(), 0), request(t, "POST", "/v1.41/containers/web/start"), reference.ResolveFunction, test.arguments)
		if got != test.want || status != test.status {
			t.Errorf("%s: got %s, %v; want %s, %v", test.arguments, got, status, test.want, test.status)
		}
	}
	// Nothing in the path that could be asked for.
	for _, target := range []string{"/v1.41/containers/json", "/v1.41/distribution/busybox/json", "/v1.41/nobody/knows"} {
		for _, name := range []string{reference.ResolveFunction, reference.PinFunction} {
			if got, status := call(t, registry(known(), 0), request(t, "GET", target), name, ""); status != abi.StatusBadArgument {
				t.Errorf("%s for %s: got %s, %v; want BAD_ARGUMENT", name, target, got, status)
			}
		}
	}
}

func TestAStreamAsksOnce(t *testing.T) {
	source := known()
	r := registry(source, 0)
	s := request(t, "POST", "/v1.41/containers/web/start")
	for range 3 {
		for _, arguments := range []string{
			"", `{"kind":"container","ref":"web","details":true}`, `{"kind":"container","ref":"` + id + `"}`,
			`{"kind":"container","ref":"gone"}`, `{"kind":"container","ref":"broken"}`, `{"kind":"image","ref":"gone"}`,
		} {
			call(t, r, s, reference.ResolveFunction, arguments)
		}
	}
	want := []string{"container web", "container gone", "container broken", "image gone"}
	if !slices.Equal(source.asked, want) {
		t.Errorf("asked for %q, want %q", source.asked, want)
	}
	call(t, r, request(t, "POST", "/v1.41/containers/web/start"), reference.ResolveFunction, "")
	if len(source.asked) != len(want)+1 {
		t.Error("another stream was told what this one knew")
	}
	// Outside of a stream nothing is kept.
	for range 2 {
		if got, status := call(t, r, nil, reference.ResolveFunction, `{"kind":"network","ref":"front"}`); status != abi.StatusOK || !strings.Contains(got, `"id":"n1"`) {
			t.Errorf("outside of a stream: got %s, %v", got, status)
		}
	}
	if len(source.asked) != len(want)+3 {
		t.Errorf("asked for %q", source.asked)
	}
	for _, name := range []string{reference.ResolveFunction, reference.PinFunction} {
		if _, status := call(t, r, nil, name, ""); status != abi.StatusBadArgument {
			t.Errorf("%s of a resource outside of a stream: %v, want BAD_ARGUMENT", name, status)
		}
	}
}

func TestAStreamAsksForSoMuchOnly(t *testing.T) {
	source := known()
	r := registry(source, 0)
	s := request(t, "GET", "/v1.41/info")
	for i := range reference.MaxPerStream {
		if _, status := call(t, r, s, reference.ResolveFunction, fmt.Sprintf(`{"kind":"container","ref":"c%d"}`, i)); status != abi.StatusOK {
			t.Fatalf("reference %d: %v", i, status)
		}
	}
	if _, status := call(t, r, s, reference.ResolveFunction, `{"kind":"container","ref":"web"}`); status != abi.StatusInternalFailure {
		t.Errorf("one more: %v, want INTERNAL_FAILURE", status)
	}
	if _, status := call(t, r, s, reference.ResolveFunction, `{"kind":"container","ref":"c0"}`); status != abi.StatusOK {
		t.Errorf("one that is known: %v, want OK", status)
	}
	if len(source.asked) != reference.MaxPerStream {
		t.Errorf("asked %d times", len(source.asked))
	}
}

func TestASlowEngineGetsTheTimeOfOneStreamOnce(t *testing.T) {
	source := known()
	source.takes = time.Hour
	r := registry(source, 20*time.Millisecond)
	s := request(t, "GET", "/v1.41/info")
	for i := range 3 {
		if _, status := call(t, r, s, reference.ResolveFunction, fmt.Sprintf(`{"kind":"container","ref":"c%d"}`, i)); status != abi.StatusBrokenConnection {
			t.Errorf("reference %d: %v, want BROKEN_CONNECTION", i, status)
		}
	}
	if len(source.asked) != 1 {
		t.Errorf("asked for %q, want one question", source.asked)
	}
}

func TestAskingIsPaidFor(t *testing.T) {
	source := known()
	r := registry(source, 0)
	s := request(t, "POST", "/v1.41/containers/web/start")
	ask := func(s foreign.Stream, left int64) abi.Status {
		_, status := r.Call(foreign.Call{
			Context: t.Context(), Name: reference.ResolveFunction, Arguments: []byte(`{"kind":"container","ref":"web"}`), Fuel: &fuel{left}, Stream: s,
		})
		return status
	}
	for _, s := range []foreign.Stream{s, nil} {
		if status := ask(s, 1000); status != abi.StatusInternalFailure || len(source.asked) != 0 {
			t.Errorf("without fuel: %v, asked for %q", status, source.asked)
		}
	}
	if status := ask(s, 1<<20); status != abi.StatusOK || len(source.asked) != 1 {
		t.Errorf("with fuel: %v, asked for %q", status, source.asked)
	}
	if status := ask(s, 10_000); status != abi.StatusOK {
		t.Errorf("what is known: %v, want OK", status)
	}
	if status := ask(s, 1000); status != abi.StatusInternalFailure {
		t.Errorf("arguments that nobody pays for: %v, want INTERNAL_FAILURE", status)
	}
}

// resting notes whether others were let compute.
type resting struct {
	fuel
	rested bool
}

func (r *resting) Rest() { r.rested = true }

func TestOthersComputeWhileTheEngineIsAsked(t *testing.T) {
	r := registry(known(), 0)
	s := request(t, "GET", "/v1.41/info")
	for _, test := range []struct {
		arguments string
		stream    foreign.Stream
		want      bool
	}{
		{`{"kind":"container","ref":"web"}`, s, true},
		{`{"kind":"container","ref":"web"}`, s, false}, // known
		{`{"kind":"container","ref":"web"}`, nil, true},
		{`{"kind":"container","reference":"web"}`, s, false},
	} {
		units := &resting{fuel: fuel{1 << 30}}
		r.Call(foreign.Call{Context: t.Context(), Name: reference.ResolveFunction, Arguments: []byte(test.arguments), Fuel: units, Stream: test.stream})
		if units.rested != test.want {
			t.Errorf("%s: others computed meanwhile: %t, want %t", test.arguments, units.rested, test.want)
		}
	}
}

// turns are a tenant's; an error says that there is none.
type turns struct {
	err    error
	begun  int
	inside int
}

func (x *turns) BeginQuestion(context.Context) error {
	if x.err == nil {
		x.begun++
		x.inside++
	}
	return x.err
}

func (x *turns) EndQuestion(units int64) { x.inside-- }

// inTurns is a stream that is asked for in turns.
type inTurns struct {
	*stream
	*turns
}

// paying is a stream that pays for what is done ahead of its filter.
type paying struct {
	*stream
	*fuel
}

func TestAQuestionThatIsAskedAheadIsPaidFor(t *testing.T) {
	source := known()
	f := reference.NewFunctions(source, 0, nil)
	poor, rich := &fuel{100_000}, &fuel{300_000}
	s := request(t, "POST", "/v1.41/containers/web/start")
	f.Prefetch(t.Context(), paying{s, poor})
	if len(source.asked) != 0 {
		t.Errorf("asked for %q, which nobody paid for", source.asked)
	}
	for range 2 {
		f.Prefetch(t.Context(), paying{s, rich})
	}
	if len(source.asked) != 1 || rich.left != 100_000 {
		t.Errorf("asked for %q, and %d units are left; want one question and 100000", source.asked, rich.left)
	}
}

func TestAQuestionIsAskedInTheFiltersTurn(t *testing.T) {
	source, log := known(), &strings.Builder{}
	f := reference.NewFunctions(source, 0, slog.New(slog.NewTextHandler(log, nil)))
	var none *foreign.Registry
	r := none.With(f.Own())
	ask := func(x *turns, s foreign.Stream) abi.Status {
		_, status := r.Call(foreign.Call{
			Context: t.Context(), Name: reference.ResolveFunction, Arguments: []byte(`{"kind":"container","ref":"web"}`),
			Filter: "f", Fuel: &fuel{1 << 30}, Turns: x, Stream: s,
		})
		return status
	}
	busy, free := &turns{err: errors.New("too many")}, &turns{}
	for _, s := range []foreign.Stream{nil, request(t, "GET", "/v1.41/info")} {
		if status := ask(busy, s); status != abi.StatusBrokenConnection {
			t.Errorf("without a turn: %v, want BROKEN_CONNECTION", status)
		}
	}
	ahead := request(t, "POST", "/v1.41/containers/web/start")
	f.Prefetch(t.Context(), inTurns{ahead, busy})
	if _, ok := f.Property(ahead, "full_id"); ok || len(source.asked) != 0 || log.Len() != 0 {
		t.Errorf("without a turn: asked for %q, and it is known: %t; %s", source.asked, ok, log)
	}
	for _, s := range []foreign.Stream{nil, request(t, "GET", "/v1.41/info")} {
		if status := ask(free, s); status != abi.StatusOK {
			t.Errorf("in a turn: %v, want OK", status)
		}
	}
	ahead = request(t, "POST", "/v1.41/containers/web/start")
	f.Prefetch(t.Context(), inTurns{ahead, free})
	if status := ask(busy, ahead); status != abi.StatusOK { // it is known
		t.Errorf("what is known: %v, want OK", status)
	}
	if len(source.asked) != 3 || free.begun != 3 || free.inside != 0 {
		t.Errorf("%d questions in %d turns, %d of which did not end; want 3, 3, 0", len(source.asked), free.begun, free.inside)
	}
}

// A filter that asks on and on, or an engine that answers none of it, is one line of the log for each request.
func TestAStreamsQuestionsEndAndAreOneLine(t *testing.T) {
	for _, ref := range []string{"many", "broken"} {
		source, log := known(), &strings.Builder{}
		var none *foreign.Registry
		r := none.With(reference.NewFunctions(source, 0, slog.New(slog.NewTextHandler(log, nil))).Own())
		s := request(t, "GET", "/v1.41/info")
		for i := range 10 * reference.MaxPerStream {
			arguments := fmt.Sprintf(`{"kind":"container","ref":"many%d"}`, i)
			if ref == "broken" {
				arguments = fmt.Sprintf(`{"kind":"container","ref":"broken%d"}`, i)
			}
			call(t, r, s, reference.ResolveFunction, arguments)
		}
		want := 1
		if ref == "broken" {
			want = 2 // that it failed, and that there were too many
		}
		if got := strings.Count(log.String(), "\n"); got != want || len(source.asked) != reference.MaxPerStream {
			t.Errorf("%s: %d lines and %d questions, want %d and %d:\n%s", ref, got, len(source.asked), want, reference.MaxPerStream, log)
		}
	}
}

func TestPin(t *testing.T) {
	for _, test := range []struct {
		method, target, arguments string
		want                      string // the target that the engine is to get; "" for the same
		pinned                    bool
	}{
		{"POST", "/v1.41/containers/web/start", "", "/v1.41/containers/" + id + "/start", true},
		{"POST", "/v1.41/containers/web/exec", `{"id":"` + id + `"}`, "/v1.41/containers/" + id + "/exec", true},
		{"DELETE", "/v1.41/containers/web?force=1&link=0", "", "/v1.41/containers/" + id + "?force=1&link=0", true},
		{"DELETE", "/v1.41/networks/front", "", "/v1.41/networks/n1", true},
		{"POST", "/v1.41/exec/e1/start", "", "", true},  // it is its id
		{"DELETE", "/v1.41/volumes/data", "", "", true}, // it has no other
		{"GET", "/v1.41/images/busybox/json", "", "/v1.41/images/sha256:aa/json", true},
		{"POST", "/v1.41/images/busybox/tag?repo=x", "", "/v1.41/images/sha256:aa/tag?repo=x", true},
		{"DELETE", "/v1.41/images/busybox", "", "", false}, // would remove all of its names
		{"POST", "/v1.41/images/busybox/push", "", "", false},
		{"GET", "/v1.41/images/busybox/get", "", "", false},
	} {
		s := request(t, test.method, test.target)
		got, status := call(t, registry(known(), 0), s, reference.PinFunction, test.arguments)
		if status != abi.StatusOK || s.target != test.want || !strings.Contains(got, `"found":true`) ||
			!strings.Contains(got, fmt.Sprintf(`"pinned":%t`, test.pinned)) {
			t.Errorf("%s %s: got %s, %v and the target %q; want pinned %t and %q", test.method, test.target, got, status, s.target, test.pinned, test.want)
		}
	}

	s := request(t, "POST", "/v1.41/containers/web/start")
	r := registry(known(), 0)
	if _, status := call(t, r, s, reference.PinFunction, `{"id":"another"}`); status != abi.StatusBadArgument || s.target != "" {
		t.Errorf("another id: %v, target %q; want BAD_ARGUMENT", status, s.target)
	}
	if _, status := call(t, r, s, reference.PinFunction, `{"ref":"web"}`); status != abi.StatusBadArgument || s.target != "" {
		t.Errorf("other arguments: %v, target %q; want BAD_ARGUMENT", status, s.target)
	}
	s.late = true
	if _, status := call(t, r, s, reference.PinFunction, ""); status != abi.StatusBadArgument {
		t.Errorf("too late: %v, want BAD_ARGUMENT", status)
	}
	for target, want := range map[string]string{
		"/v1.41/containers/gone":       `"problem":"not_found"`,
		"/v1.41/containers/two":        `"problem":"bad_reference"`,
		"/v1.41/containers/web?link=1": `removes a link`,
	} {
		s := request(t, "DELETE", target)
		if got, status := call(t, r, s, reference.PinFunction, ""); status != abi.StatusOK || !strings.Contains(got, `"found":false`) ||
			!strings.Contains(got, want) || s.target != "" {
			t.Errorf("%s: got %s, %v, target %q; want %s", target, got, status, s.target, want)
		}
	}
	if _, status := call(t, r, request(t, "DELETE", "/v1.41/containers/broken"), reference.PinFunction, ""); status != abi.StatusBrokenConnection {
		t.Errorf("an engine that does not answer: %v, want BROKEN_CONNECTION", status)
	}
}

func TestWhatIsKnownAheadIsNotAskedFor(t *testing.T) {
	source := known()
	f := reference.NewFunctions(source, 0, nil)
	s := request(t, "POST", "/v1.41/containers/web/start")
	if _, ok := f.Property(s, "full_id"); ok || len(s.kept) != 0 {
		t.Error("a property is known before anybody asked")
	}
	for range 2 {
		f.Prefetch(t.Context(), s)
	}
	var none *foreign.Registry
	if _, status := call(t, none.With(f.Own()), s, reference.ResolveFunction, ""); status != abi.StatusOK || len(source.asked) != 1 {
		t.Errorf("%v; asked for %q, want one question", status, source.asked)
	}
	properties := map[string]string{"full_id": id, "name": "web", "owner": "me", "labels\x00a.b": "<c>", "labels\x00": "", "labels\x00x": "", "host_config": ""}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if got, ok := f.Property(s, name); got != properties[name] || ok != (got != "") {
			t.Errorf("%q is %q, %t; want %q", name, got, ok, properties[name])
		}
	}
	// A request that names nothing, or something of which nobody knows anything.
	for _, target := range []string{"/v1.41/info", "/v1.41/nobody/knows"} {
		s := request(t, "GET", target)
		if f.Prefetch(t.Context(), s); len(source.asked) != 1 || len(s.kept) != 0 {
			t.Errorf("%s: asked for %q", target, source.asked)
		}
	}
	s = request(t, "GET", "/v1.41/containers/gone/json")
	f.Prefetch(t.Context(), s)
	if _, ok := f.Property(s, "full_id"); ok {
		t.Error("what is not there has an id")
	}
}

func BenchmarkResolveFunction(b *testing.B) {
	for _, test := range []struct {
		name string
		s    func() foreign.Stream
	}{
		{"known", func() func() foreign.Stream {
			s := request(b, "POST", "/v1.41/containers/web/start")
			return func() foreign.Stream { return s }
		}()},
		{"asked", func() foreign.Stream { return request(b, "POST", "/v1.41/containers/web/start") }},
	} {
		b.Run(test.name, func(b *testing.B) {
			r := registry(instant{known().known["web"]}, 0)
			b.ReportAllocs()
			for b.Loop() {
				if _, status := call(b, r, test.s(), reference.ResolveFunction, `{"kind":"container","ref":"web"}`); status != abi.StatusOK {
					b.Fatal(status)
				}
			}
		})
	}
}

type instant struct{ known *reference.Reference }

func (i instant) Resolve(context.Context, reference.Kind, string) (*reference.Reference, error) {
	return i.known, nil
}

// What reading the engine's answer costs is known behind the question, and owed for it.
func TestWhatTheEngineAnswersIsPaidFor(t *testing.T) {
	source := known()
	source.known["web"].Read = 1 << 20
	x := &owing{}
	r := registry(source, 0)
	if _, status := r.Call(foreign.Call{
		Context: t.Context(), Name: reference.ResolveFunction, Arguments: []byte(`{"kind":"container","ref":"web"}`), Fuel: &fuel{1 << 30}, Turns: x,
	}); status != abi.StatusOK {
		t.Fatal(status)
	}
	if x.owed < 7<<20 {
		t.Errorf("%d units for an answer of %d bytes", x.owed, 1<<20)
	}
}

// owing are turns that add up what is owed.
type owing struct{ owed int64 }

func (*owing) BeginQuestion(context.Context) error { return nil }
func (x *owing) EndQuestion(units int64)           { x.owed += units }

// A stream keeps what the engine says of one thing once, whatever names it has, and not more of it than it may: who asks for what is
// too long is told so, and nobody that it is not there.
func TestAStreamKeepsSoMuchOfAnswersOnly(t *testing.T) {
	source := known()
	long := json.RawMessage(`"` + strings.Repeat("x", reference.MaxKept*2/3) + `"`)
	for _, name := range []string{"a", "a1", "b"} {
		source.known[name] = &reference.Reference{Kind: reference.Container, ID: name[:1], Name: name, HostConfig: long}
	}
	source.known["labelled"] = &reference.Reference{Kind: reference.Volume, ID: "labelled", Labels: map[string]string{"x": strings.Repeat("x", reference.MaxKept)}}
	r := registry(source, 0)
	s := request(t, "GET", "/v1.41/info")
	for _, test := range []struct {
		arguments string
		want      abi.Status
	}{
		{`{"kind":"container","ref":"a","details":true}`, abi.StatusOK},
		{`{"kind":"container","ref":"a1","details":true}`, abi.StatusOK},
		{`{"kind":"container","ref":"b"}`, abi.StatusOK},
		{`{"kind":"container","ref":"b","details":true}`, abi.StatusInternalFailure},
		{`{"kind":"volume","ref":"labelled"}`, abi.StatusBrokenConnection},
	} {
		if _, status := call(t, r, s, reference.ResolveFunction, test.arguments); status != test.want {
			t.Errorf("%s: %v, want %v", test.arguments, status, test.want)
		}
	}
}

// Outside of a stream, all questions of a callback have the time of one stream's, together: to wait costs a filter nothing, and it
// holds its instance, and who waits for that, as long as it does.
func TestQuestionsOutsideOfAStreamHaveTheTimeOfOneCallback(t *testing.T) {
	source := known()
	source.takes = time.Hour
	r := registry(source, 20*time.Millisecond)
	var waited time.Duration
	ask := func() abi.Status {
		_, status := r.Call(foreign.Call{
			Context: t.Context(), Name: reference.ResolveFunction, Arguments: []byte(`{"kind":"container","ref":"web"}`), Fuel: &fuel{1 << 30}, Waited: &waited,
		})
		return status
	}
	for range 3 {
		if status := ask(); status != abi.StatusBrokenConnection {
			t.Fatalf("got %v, want BROKEN_CONNECTION", status)
		}
	}
	if len(source.asked) != 1 {
		t.Errorf("asked %d times in one callback, want once", len(source.asked))
	}
	source.takes, waited = 0, 0
	if status := ask(); status != abi.StatusOK {
		t.Errorf("in another callback: got %v, want OK", status)
	}
}
