package plugin_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// another is the same filter in other bytes, which were compiled for nobody yet.
func another(code []byte, number int) []byte {
	section := append([]byte("\x06number"), fmt.Sprint(number)...)
	return append(binary.AppendUvarint(append(slices.Clip(code), 0), uint64(len(section))), section...)
}

// upload starts a filter of a tenant's and says how long that took.
func upload(t *testing.T, engine *vm.Engine, tenant *plugin.Tenant, code []byte, history *plugin.History) time.Duration {
	t.Helper()
	begin := time.Now()
	p, err := plugin.New(t.Context(), engine, plugin.Options{Name: "sdk", Code: code, Instances: 1, Tenant: tenant, History: history})
	if err != nil {
		t.Fatal(err)
	}
	p.Close(context.Background())
	return time.Since(begin)
}

// knownTenant is one that the gateway has known before.
func knownTenant(cpu time.Duration) *plugin.Tenant {
	limits := plugin.TenantLimits{Name: "ci", CPU: cpu}
	return plugin.NewTenant(limits).Next(limits)
}

// Compiling is work that no fuel bounds. Who uploads one module after the other waits for his next.
func TestWhatATenantUploadsIsCompiledAsItsAllowanceSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, tenant, code := newEngine(t), knownTenant(5*time.Millisecond), guest(t, "hostile/heap")
		if took := upload(t, engine, tenant, another(code, 0), nil); took != 0 {
			t.Errorf("the first upload waited %v", took)
		}
		var last time.Duration
		for n := range 4 {
			last = upload(t, engine, tenant, another(code, n+1), nil)
		}
		// Some 10 ms each, of which one comes in in a second.
		if last < time.Second {
			t.Errorf("the last one waited %v only", last)
		}
		// That is this tenant's alone, and nothing is kept from its filters that are compiled.
		if took := upload(t, engine, knownTenant(5*time.Millisecond), another(code, 100), nil); took != 0 {
			t.Errorf("another tenant waited %v", took)
		}
		// It can be called off.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := plugin.New(ctx, engine, plugin.Options{Name: "sdk", Code: another(code, 103), Instances: 1, Tenant: tenant})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of its context", err)
		}
	})
}

// Whoever starts a gateway does not wait for what all filters of a tenant cost. But one that did not
// come up is paid for when it is tried again.
func TestWhatATenantHasAtFirstIsCompiledForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := plugin.TenantLimits{Name: "ci", CPU: 5 * time.Millisecond}
		engine, tenant, code := newEngine(t), plugin.NewTenant(limits), guest(t, "hostile/heap")
		histories := make([]plugin.History, 4)
		for n := range histories {
			if took := upload(t, engine, tenant, another(code, n), &histories[n]); took != 0 {
				t.Errorf("filter %d waited %v", n, took)
			}
		}
		var again time.Duration
		for n := range histories {
			again += upload(t, engine, tenant, another(code, n), &histories[n])
		}
		if again < time.Second {
			t.Errorf("to try them again took %v", again)
		}
	})
}

// A reload for somebody else's sake finds a tenant's filters compiled, and they wait for nothing.
func TestAFilterThatIsCompiledIsNotPaidForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, tenant, code := newEngine(t), knownTenant(5*time.Millisecond), guest(t, "hostile/heap")
		p, err := plugin.New(t.Context(), engine, plugin.Options{Name: "sdk", Code: code, Instances: 1, Tenant: tenant})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		for n := range 2 {
			upload(t, engine, tenant, another(code, n), nil)
		}
		for range 3 {
			if took := upload(t, engine, tenant, code, nil); took > time.Second { // starts are paid, too
				t.Errorf("it waited %v", took)
			}
		}
	})
}
