package plugin_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

const overdue = "contexts were ended without it"

// endPending opens a stream of a filter that asks for more time, and ends it.
func endPending(t *testing.T, p *plugin.Plugin) *state {
	t.Helper()
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	if !s.stream.Done() {
		t.Error("a stream whose filter asked for more time is not pending")
	}
	return &s
}

func TestOnlySoManyContextsWaitForProxyDone(t *testing.T) {
	var log logged
	p := start(t, "tardy", plugin.Options{Instances: 1, Logger: log.logger()})
	first := endPending(t, p)
	for range 63 {
		endPending(t, p)
	}
	if n := log.count("msg=log"); n != 0 {
		t.Errorf("%d of 64 contexts were ended", n)
	}
	for range 10 {
		endPending(t, p)
	}
	for line, want := range map[string]int{"msg=log": 10, "msg=delete": 10, overdue: 1} {
		if n := log.count(line); n != want {
			t.Errorf("the log has %d of %q, want %d", n, line, want)
		}
	}
	// The context that made room first could read its stream in proxy_on_log.
	if want := []plugin.Stages{plugin.Log, 0, plugin.Log, 0}; !slices.Equal(first.stages, want) {
		t.Errorf("the first stream went through the stages %v, want %v", first.stages, want)
	}
}

func TestAContextWaitsOnlySoLongForProxyDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close(context.Background())
		var log logged
		p, err := plugin.New(t.Context(), engine, plugin.Options{Name: "tardy", Code: guest(t, "tardy"), Instances: 1, Logger: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		endPending(t, p)
		time.Sleep(20 * time.Second)
		endPending(t, p)
		for _, at := range []struct {
			after time.Duration
			ended int
		}{{9 * time.Second, 0}, {2 * time.Second, 1}, {18 * time.Second, 1}, {2 * time.Second, 2}} {
			time.Sleep(at.after)
			synctest.Wait()
			if n := log.count("msg=delete"); n != at.ended {
				t.Errorf("%d contexts were ended, want %d", n, at.ended)
			}
		}
		if n := log.count(overdue); n != 1 {
			t.Errorf("%d warnings within a minute, want one", n)
		}
		endPending(t, p) // one that is still waiting when the plugin is closed
	})
}

func TestProxyDoneInsideOfProxyOnDoneCounts(t *testing.T) {
	var log logged
	p := start(t, "done-inside", plugin.Options{Instances: 1, Logger: log.logger()})
	for range 3 {
		var s state
		if err := p.Open(t.Context(), &s.stream, &s); err != nil {
			t.Fatal(err)
		}
		if s.stream.Done() {
			t.Error("the stream is pending after proxy_done")
		}
	}
	want := []string{"msg=done", "msg=again", "msg=log", "msg=delete"}
	if got := log.messages(); !slices.Equal(got, slices.Repeat(want, 3)) {
		t.Errorf("got %v, want %v three times", got, want)
	}
}
