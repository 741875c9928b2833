package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/config"
)

// A filter that could not be started is not tried again by each reload, but when its time
// has come.
func TestAFilterThatCannotBeStartedRestsLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		p := new(past)
		if p.rests() != nil {
			t.Error("it rests before it was tried")
		}
		trapped := errors.New("trapped")
		want := time.Second
		for range 20 {
			p.tried(trapped)
			if got := p.due(); got != want {
				t.Errorf("it is tried again in %v, want %v", got, want)
			}
			time.Sleep(want - time.Nanosecond)
			if !errors.Is(p.rests(), trapped) {
				t.Error("it does not rest")
			}
			time.Sleep(time.Nanosecond)
			if p.rests() != nil {
				t.Error("it rests though it is due")
			}
			want = min(2*want, 5*time.Minute)
		}
		p.tried(nil)
		p.tried(trapped)
		if got := p.due(); got != time.Second {
			t.Errorf("after it was started once, it is tried again in %v, want a second", got)
		}
	})
}

func TestWhatIsRememberedOfAFilterEndsWithAnyChangeOfIt(t *testing.T) {
	dir := t.TempDir()
	load := func(keys, limits string) *config.Config {
		t.Helper()
		file := filepath.Join(dir, "sluice.yaml")
		text := "listeners: [{address: 'unix:///s'}]\ntenants: [{name: ci, capabilities: all, match: {listeners: ['unix:///s']}}]\n" +
			"filters:\n  - {name: f, module: " + keys + "}\n" + limits + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	guest := func(name string) string {
		path, err := filepath.Abs(filepath.Join("..", "testdata", "guests", name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	pasts := newPasts(load(guest("noop"), ""), nil)
	for what, c := range map[string]struct {
		keys, limits string
		same         bool
	}{
		"nothing":          {guest("noop"), "", true},
		"another setting":  {guest("noop"), "owner_label: else", true},
		"its module":       {guest("deny"), "", false},
		"its config":       {guest("noop") + ", config: {a: 1}", "", false},
		"whose it is":      {guest("noop") + ", tenant: ci", "", false},
		"its budget":       {guest("noop") + ", crash_budget: 1", "", false},
		"the limits":       {guest("noop"), "limits: {callback: 10ms}", false},
		"a tenant's limit": {guest("noop"), "tenant_limits: {held: 1MiB}", false},
	} {
		if same := newPasts(load(c.keys, c.limits), pasts)["f"] == pasts["f"]; same != c.same {
			t.Errorf("%s changed: remembered %v, want %v", what, same, c.same)
		}
	}
}
