package plugin_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// of opens a stream for a request of a tenant's, which computes so much when it is asked.
func of(t *testing.T, p *plugin.Plugin, tenant string, loops int) *state {
	t.Helper()
	s := &state{tenant: tenant}
	s.fields.Add("x-hungry", "B"+strconv.Itoa(loops))
	if err := p.Open(t.Context(), &s.stream, s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stream.Done() })
	return s
}

// Requests of one tenant that have an operator's filter compute at length do so on other
// instances than those of the others, who so do not wait for them; nor are they lost when
// an instance is.
func TestTheOthersAreNotOnTheInstancesOfWhoComputesAtLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes in between
		p := start(t, "hungry", plugin.Options{Instances: 2, CallTimeout: time.Second})
		quiet := of(t, p, "quiet", 1)
		if err := ask(quiet); err != nil {
			t.Fatal(err)
		}
		if err := ask(of(t, p, "noisy", 1_000_000)); err != nil {
			t.Fatal(err)
		}
		var quiets []*state
		for range 8 {
			quiets = append(quiets, of(t, p, "quiet", 1))
			noisy := of(t, p, "noisy", 1_000_000_000)
			if len(quiets) == 8 {
				if err := ask(noisy); err == nil {
					t.Fatal("it was not lost")
				}
			}
		}
		for _, s := range quiets {
			if err := ask(s); err != nil {
				t.Errorf("a quiet stream: %v", err)
			}
		}
	})
}

// Whoever has crashed an instance is kept to half of them as well, however short that was.
func TestTheOthersAreNotOnTheInstancesOfWhoCrashesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "trap-on-header", plugin.Options{Instances: 2})
		crashes := func(s *state) {
			s.fields.Add("x-trap", "1")
			if err := ask(s); err == nil {
				t.Error("it was not lost")
			}
		}
		if err := ask(of(t, p, "quiet", 1)); err != nil {
			t.Fatal(err)
		}
		crashes(of(t, p, "noisy", 1))
		synctest.Wait() // until there is another
		time.Sleep(time.Minute - time.Second)
		var quiets []*state
		for range 8 {
			quiets = append(quiets, of(t, p, "quiet", 1))
			crashes(of(t, p, "noisy", 1))
			synctest.Wait()
		}
		for _, s := range quiets {
			if err := ask(s); err != nil {
				t.Errorf("a quiet stream: %v", err)
			}
		}
	})
}

// Requests of one tenant for which an operator's filter asks the engine what takes it long do so on other instances than those of
// the others: also those that waited already for one of the others' instances when that came out.
func TestTheOthersAreNotOnTheInstancesOfWhoHasTheEngineAsked(t *testing.T) {
	asked, answer := make(chan struct{}, 8), make(chan struct{})
	functions, err := foreign.New(map[string]foreign.Function{"demo.start": none, "demo.ask": func(c foreign.Call) ([]byte, abi.Status) {
		if err := c.Turns.BeginQuestion(c.Context); err != nil {
			return nil, abi.StatusBrokenConnection
		}
		defer c.Turns.EndQuestion(0)
		asked <- struct{}{}
		<-answer
		return nil, abi.StatusOK
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "foreign", plugin.Options{Instances: 2, Functions: functions})
	var all sync.WaitGroup
	ask := func(tenant, function string, opened func(s *asker)) {
		all.Go(func() {
			s := &asker{state: state{tenant: tenant}}
			s.fields.Add("x-function", function)
			if err := p.Open(t.Context(), &s.stream, s); err != nil {
				t.Error(err)
				return
			}
			opened(s)
			if _, err := s.stream.RequestHeaders(1, true); err != nil {
				t.Error(err)
			}
			s.stream.Done()
		})
	}
	for range 2 { // each has an instance
		ask("noisy", "demo.ask", func(*asker) {})
		<-asked
	}
	for range 4 { // both before one and before the other
		ask("noisy", "demo.ask", func(s *asker) {
			if s.stream.Shard() != 0 {
				t.Error("a noisy stream that waited is on an instance of the others'")
			}
		})
	}
	eventually(t, "word that it is noisy", func() bool { return p.Keeps("noisy") })
	for range 4 {
		ask("quiet", "demo.start", func(s *asker) {
			if s.stream.Shard() != 1 {
				t.Error("a quiet stream is on an instance of the noisy's")
			}
		})
	}
	eventually(t, "quiet stream that waits", p.OthersCame)
	close(answer)
	all.Wait()
}

// asker is a stream whose filter may call functions.
type asker struct{ state }

func (s *asker) CallForeignFunction(name string, arguments []byte, fuel hostcall.Fuel) ([]byte, abi.Status) {
	return s.stream.CallForeign(foreign.Call{Context: context.Background(), Name: name, Arguments: arguments, Fuel: fuel})
}

func none(foreign.Call) ([]byte, abi.Status) { return nil, abi.StatusOK }
