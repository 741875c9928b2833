package meter_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// configurations are what the bundled filters are told, for those that want to be told something.
var configurations = map[string]string{
	"build-guard":      `{"sources": ["docker-image://registry.example.org/*"], "exporters": ["moby"]}`,
	"external-authz":   `{"upstream": "opa"}`,
	"no-privileged":    `{"allow_binds": ["/srv/ci"]}`,
	"owner":            `{"owner_from": "peer.tenant"}`,
	"owner-label":      `{"labels": {"team": "ci"}}`,
	"redact-env":       `{"names": ["(?i)password|secret|token", "^AWS_"]}`,
	"redact-output":    `{"patterns": ["AKIA[0-9A-Z]{16}", "(?i)password=\\S+"]}`,
	"request-guard":    `{"default": "deny", "allow": [{"methods": ["GET", "HEAD"]}, {"operations": ["ContainerCreate"]}]}`,
	"response-headers": `{"set": {"X-Sluice": "metered"}}`,
}

// What the filters are shown.
const (
	createBody = `{"Image":"busybox","Cmd":["sh","-c","echo $DB_PASSWORD"],"Env":["DB_PASSWORD=hunter2","LANG=C","AWS_KEY=AKIAABCDEFGHIJKLMNOP"],` +
		`"Labels":{"a":"b"},"HostConfig":{"Binds":["/srv/ci:/work:ro"],"NetworkMode":"bridge","RestartPolicy":{"Name":"no","MaximumRetryCount":0}}}`
	inspectBody = `{"Id":"0123456789abcdef","Name":"/db","Config":{"Image":"busybox","Env":["DB_PASSWORD=hunter2","LANG=C","PATH=/bin"],"Labels":{"team":"ci"}}}` + "\n"
)

var requestFields = [][2]string{
	{":method", "POST"},
	{":path", "/v1.41/containers/create?name=db"},
	{":authority", "docker"},
	{"content-type", "application/json"},
	{"user-agent", "Docker-Client/20.10.24 (linux)"},
}

var responseFields = [][2]string{{":status", "200"}, {"content-type", "application/json"}, {"server", "Docker/20.10.24 (linux)"}}

var properties = map[string]string{
	"plugin_name": "filter", "plugin_root_id": "filter", "docker.operation": "ContainerCreate", "docker.api_version": "1.41",
	"docker.transport": "unary", "docker.path": "/containers/create", "request.id": "r-1", "request.method": "POST", "peer.tenant": "ci",
	"docker.references": "[]",
}

// A filterHost is a host for a filter alone, the same for both of its forms: it answers by rote and notes what it was asked.
type filterHost struct {
	module  api.Module
	alloc   api.Function
	config  string
	notes   []string // nil: none are taken
	quiet   bool
	scratch [1]uint64
}

func newFilterHost(t testing.TB, code []byte, config string) *filterHost {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	h := &filterHost{config: config}
	compiled, err := r.CompileModule(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	wasi := r.NewHostModuleBuilder("wasi_snapshot_preview1")
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(wasi)
	wasi.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) {
		panic(sys.NewExitError(uint32(stack[0])))
	}), []api.ValueType{api.ValueTypeI32}, nil).Export("proc_exit")
	if _, err := wasi.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	env := r.NewHostModuleBuilder("env")
	for _, f := range compiled.ImportedFunctions() {
		if module, name, _ := f.Import(); module == "env" {
			env.NewFunctionBuilder().WithGoModuleFunction(h.serve(name, len(f.ParamTypes())), f.ParamTypes(), f.ResultTypes()).Export(name)
		}
	}
	if _, err := env.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	// The clock and the randomness of this are the same each time.
	h.module, err = r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(new(sequence)))
	if err != nil {
		t.Fatal(err)
	}
	h.refuel()
	if start := h.module.ExportedFunction("_start"); start != nil {
		if _, err := start.Call(ctx); err != nil && !strings.Contains(err.Error(), "exit_code(0)") {
			t.Fatal(err)
		}
	}
	h.alloc = h.module.ExportedFunction("proxy_on_memory_allocate")
	h.call(t, "proxy_on_context_create", 1, 0)
	h.call(t, "proxy_on_vm_start", 1, 0)
	h.call(t, "proxy_on_configure", 1, uint64(len(config)))
	return h
}

// sequence is randomness that is the same each time.
type sequence struct{ next byte }

func (s *sequence) Read(p []byte) (int, error) {
	for i := range p {
		s.next += 37
		p[i] = s.next
	}
	return len(p), nil
}

func (h *filterHost) refuel() {
	if h.module.ExportedGlobal(meter.FuelGlobal) != nil {
		refuel(h.module, plenty, meter.DefaultStack)
	}
}

func (h *filterHost) note(format string, args ...any) {
	if !h.quiet {
		h.notes = append(h.notes, fmt.Sprintf(format, args...))
	}
}

// call calls a callback, if the filter has it, and notes what it answered.
func (h *filterHost) call(t testing.TB, name string, args ...uint64) {
	f := h.module.ExportedFunction(name)
	if f == nil {
		return
	}
	result, err := f.Call(context.Background(), args[:len(f.Definition().ParamTypes())]...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for i := range result {
		result[i] = uint64(uint32(result[i])) // TinyGo leaves garbage above
	}
	h.note("%s = %d", name, result)
}

// stream is the life of a request and its response.
func (h *filterHost) stream(t testing.TB, id uint64) {
	h.refuel()
	h.call(t, "proxy_on_context_create", id, 1)
	h.call(t, "proxy_on_request_headers", id, uint64(len(requestFields)), 0)
	h.call(t, "proxy_on_request_body", id, uint64(len(createBody)), 1)
	h.call(t, "proxy_on_response_headers", id, uint64(len(responseFields)), 0)
	h.call(t, "proxy_on_response_body", id, uint64(len(inspectBody)), 1)
	h.call(t, "proxy_on_done", id)
	h.call(t, "proxy_on_log", id)
	h.call(t, "proxy_on_delete", id)
}

// give lends memory from the guest for data.
func (h *filterHost) give(memory api.Memory, data string, at, size uint64) uint64 {
	ptr := uint32(0)
	if data != "" {
		h.scratch[0] = uint64(len(data))
		if err := h.alloc.CallWithStack(context.Background(), h.scratch[:]); err != nil {
			panic(err)
		}
		ptr = uint32(h.scratch[0])
		memory.WriteString(ptr, data)
	}
	memory.WriteUint32Le(uint32(at), ptr)
	memory.WriteUint32Le(uint32(size), uint32(len(data)))
	return 0
}

// serve is a function of the host. Statuses: 0 is OK, 1 NOT_FOUND.
func (h *filterHost) serve(name string, params int) api.GoModuleFunc {
	text := func(memory api.Memory, at, size uint64) string {
		view, _ := memory.Read(uint32(at), uint32(size))
		return string(view)
	}
	return func(_ context.Context, module api.Module, stack []uint64) {
		memory := module.Memory()
		if !h.quiet {
			args := make([]uint32, params)
			for i := range args {
				args[i] = uint32(stack[i])
			}
			h.note("%s %d", name, args)
		}
		switch name {
		case "proxy_get_buffer_bytes":
			content := map[uint32]string{0: createBody, 1: inspectBody, 7: h.config}[uint32(stack[0])]
			from := min(int(uint32(stack[1])), len(content))
			stack[0] = h.give(memory, content[from:min(len(content), from+int(uint32(stack[2])))], stack[3], stack[4])
		case "proxy_get_header_map_pairs":
			stack[0] = h.give(memory, encoded(fieldsOf(stack[0])), stack[1], stack[2])
		case "proxy_get_header_map_value":
			fields, key := fieldsOf(stack[0]), text(memory, stack[1], stack[2])
			i := slices.IndexFunc(fields, func(f [2]string) bool { return f[0] == key })
			if i < 0 {
				stack[0] = 1
				return
			}
			stack[0] = h.give(memory, fields[i][1], stack[3], stack[4])
		case "proxy_get_property":
			value, ok := properties[strings.ReplaceAll(text(memory, stack[0], stack[1]), "\x00", ".")]
			if !ok {
				stack[0] = 1
				return
			}
			stack[0] = h.give(memory, value, stack[2], stack[3])
		case "proxy_log":
			h.note("log %q", text(memory, stack[1], stack[2]))
			stack[0] = 0
		case "proxy_set_buffer_bytes":
			h.note("set %q", text(memory, stack[3], stack[4]))
			stack[0] = 0
		case "proxy_call_foreign_function":
			stack[0] = 1
		case "proxy_get_log_level":
			memory.WriteUint32Le(uint32(stack[0]), 2)
			stack[0] = 0
		default:
			stack[0] = 0
		}
	}
}

func fieldsOf(mapType uint64) [][2]string {
	if uint32(mapType) == 2 {
		return responseFields
	}
	return requestFields
}

// encoded is a map as the ABI has it.
func encoded(fields [][2]string) string {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(fields)))
	for _, f := range fields {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(f[0])))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(f[1])))
	}
	for _, f := range fields {
		out = append(append(append(append(out, f[0]...), 0), f[1]...), 0)
	}
	return string(out)
}

// bundled are the filters that come with the gateway, plain and metered.
func bundled(t testing.TB, each func(name string, plain, metered []byte)) {
	t.Helper()
	files, _ := filepath.Glob("../../../filters/*.wasm")
	if len(files) == 0 {
		t.Fatal("no filters")
	}
	for _, file := range files {
		plain := read(t, file)
		each(strings.TrimSuffix(filepath.Base(file), ".wasm"), plain, instrument(t, plain, meter.Options{Fuel: plenty, Pauses: true}).Code)
	}
}

// Every bundled filter asks the host for the same, answers the same and leaves the same memory behind, metered or not.
func TestBundledFiltersDoTheSameMetered(t *testing.T) {
	bundled(t, func(name string, plain, metered []byte) {
		t.Run(name, func(t *testing.T) {
			config, known := configurations[name]
			if !known {
				t.Fatal("there is no configuration for it in this test")
			}
			sides := []*filterHost{newFilterHost(t, plain, config), newFilterHost(t, metered, config)}
			for _, h := range sides {
				for id := uint64(2); id < 6; id++ {
					h.stream(t, id)
				}
			}
			if !slices.Contains(sides[0].notes, "proxy_on_configure = [1]") {
				t.Errorf("it did not take its configuration: %q", sides[0].notes)
			}
			if len(sides[0].notes) < 40 {
				t.Errorf("it did hardly anything: %q", sides[0].notes)
			}
			for i, note := range sides[0].notes {
				if i >= len(sides[1].notes) || sides[1].notes[i] != note {
					t.Fatalf("step %d is %s, and metered %s", i, note, slices.Concat(sides[1].notes, []string{"missing"})[min(i, len(sides[1].notes))])
				}
			}
			if len(sides[1].notes) != len(sides[0].notes) {
				t.Errorf("%d steps, and metered %d", len(sides[0].notes), len(sides[1].notes))
			}
			if sum(sides[0]) != sum(sides[1]) {
				t.Error("the memories differ")
			}
		})
	})
}

func sum(h *filterHost) uint64 {
	s := fnv.New64a()
	_, _ = s.Write(content(h.module))
	return s.Sum64()
}

// BenchmarkFilters is the life of a request in each bundled filter, host calls included: what fuel costs. Plain and metered take turns in
// short batches, and of each the fastest counts, so that what else the machine does touches both.
func BenchmarkFilters(b *testing.B) {
	const batch, rounds = 10, 400
	var ratios []float64
	bundled(b, func(name string, plain, metered []byte) {
		b.Run(name, func(b *testing.B) {
			sides := [2]*filterHost{newFilterHost(b, plain, configurations[name]), newFilterHost(b, metered, configurations[name])}
			best := [2]time.Duration{time.Hour, time.Hour}
			id := uint64(2)
			for range rounds {
				for i, h := range sides {
					h.quiet = true
					began := time.Now()
					for n := range uint64(batch) {
						h.stream(b, id+n)
					}
					best[i] = min(best[i], time.Since(began))
				}
				id += batch
			}
			for b.Loop() { // what is measured is the batches
			}
			ratios = append(ratios, float64(best[1])/float64(best[0]))
			b.ReportMetric(float64(best[0].Nanoseconds())/batch, "ns/plain")
			b.ReportMetric(float64(best[1].Nanoseconds())/batch, "ns/metered")
			b.ReportMetric(ratios[len(ratios)-1], "ratio")
			b.ReportMetric(0, "ns/op")
		})
	})
	slices.Sort(ratios)
	b.Logf("median %.3f, worst %.3f", ratios[len(ratios)/2], ratios[len(ratios)-1])
}
