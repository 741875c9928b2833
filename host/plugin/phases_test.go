package plugin_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What filters share and count can be had in every callback, and not before the
// first one.
func TestSharedDataQueuesAndMetricsInEveryPhase(t *testing.T) {
	var log logged
	space := store.NewMemory(store.Limits{}).Space(store.Namespace{VMID: "vm"})
	p := start(t, "every-phase", plugin.Options{Instances: 1, Logger: log.logger(), Space: space})
	p.Activate()
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	for _, call := range []func(int, bool) (abi.Action, error){s.stream.RequestHeaders, s.stream.RequestBody, s.stream.ResponseHeaders, s.stream.ResponseBody} {
		if _, err := call(1, true); err != nil {
			t.Fatal(err)
		}
	}
	s.stream.Done()
	id, err := space.Resolve("", "q")
	if err != nil {
		t.Fatal(err)
	}
	if err := space.Enqueue(id, nil, 0); err != nil {
		t.Fatal(err)
	}
	for _, phase := range []string{"tick", "queue_ready"} {
		eventually(t, phase, func() bool { return log.count(phase) > 0 })
	}
	p.Close(t.Context())

	lines := log.messages()
	slices.Sort(lines)
	got := strings.ReplaceAll(strings.Join(slices.Compact(lines), "\n"), "msg=", "") + "\n"
	golden := filepath.Join("testdata", "every-phase.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if items, _, _ := space.Depth(id); items != 0 {
		t.Errorf("%d items are left", items)
	}
}
