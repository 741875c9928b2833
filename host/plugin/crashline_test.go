package plugin_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// crashes opens a stream that crashes its instance.
func crashes(t *testing.T, p *plugin.Plugin) {
	t.Helper()
	if err := serve(t, p, trap); err == nil {
		t.Fatal("the filter did not crash")
	}
}

// toldCrashes counts the lines about crashes, and those that they say were left out.
func toldCrashes(log *logged) (shown, hidden int) {
	for _, line := range log.messages() {
		var entry struct {
			Msg      string
			NotShown int `json:"not_shown"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && strings.HasPrefix(entry.Msg, "the filter crashed;") {
			shown++
			hidden += entry.NotShown
		}
	}
	return shown, hidden
}

// Who knows what crashes a filter does not fill the log, and the log says how often it was.
func TestCrashesCountAsTheFiltersLines(t *testing.T) {
	var log logged
	p := start(t, "trap-on-header", plugin.Options{
		Instances: 1, Isolation: plugin.PerStream, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
		LogLimit: plugin.LogLimit{Lines: 10, Bytes: 1 << 20},
	})
	began, total := time.Now(), 0
	for ; total < 100; total++ {
		crashes(t, p)
	}
	shown, _ := toldCrashes(&log)
	if most := 50 + 10*int(time.Since(began).Seconds()+1) + 1; shown == 0 || shown > most {
		t.Errorf("%d of 100 crashes are told of one by one, want %d at most", shown, most)
	}
	eventually(t, "line that says how many were left out", func() bool {
		crashes(t, p)
		total++
		shown, hidden := toldCrashes(&log)
		if shown+hidden > total {
			t.Fatalf("%d lines speak of %d crashes more, and there were %d", shown, hidden, total)
		}
		return hidden > 0 && shown+hidden == total
	})
}

// A filter that fills its log first does not hide that it crashes.
func TestTheFirstCrashIsToldOfWhateverTheFilterHasLogged(t *testing.T) {
	var log logged
	tenant := plugin.NewTenant(plugin.TenantLimits{Name: "t", Log: plugin.LogLimit{Lines: 1, Bytes: 1}})
	p := start(t, "trap-on-header", plugin.Options{
		Instances: 1, Isolation: plugin.PerStream, Logger: slog.New(slog.NewJSONHandler(&log, nil)), Tenant: tenant,
	})
	for range 20 {
		crashes(t, p)
	}
	if shown, hidden := toldCrashes(&log); shown != 1 || hidden != 0 {
		t.Errorf("%d lines about crashes, which speak of %d more; want the first one alone", shown, hidden)
	}
}
