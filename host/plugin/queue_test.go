package plugin_test

import (
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// slow is a stream whose callback does not come back before it is released.
type slow struct {
	state
	entered, release chan struct{}
}

func newSlow() *slow {
	return &slow{entered: make(chan struct{}), release: make(chan struct{})}
}

func (s *slow) HeaderMap(abi.MapType, hostcall.Access) (*abi.HeaderMap, abi.Status) {
	close(s.entered)
	<-s.release
	return &s.fields, abi.StatusOK
}

// occupy opens the stream and leaves its instance busy until it is released.
func occupy(t *testing.T, p *plugin.Plugin, s *slow) (ended chan error) {
	t.Helper()
	if err := p.Open(t.Context(), &s.stream, s); err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	go func() {
		_, err := s.stream.RequestHeaders(1, true)
		ended <- err
	}()
	<-s.entered
	return ended
}

func TestStreamsThatOnlyWaitedForACrashedInstanceGoToTheNext(t *testing.T) {
	p := start(t, "trap-on-header", plugin.Options{Instances: 1})
	culprit := newSlow()
	culprit.fields.Add("X-Trap", "1")
	ended := occupy(t, p, culprit)
	var begun, done sync.WaitGroup
	for range 10 {
		begun.Add(1)
		done.Go(func() {
			begun.Done()
			var s state
			if err := p.Open(t.Context(), &s.stream, &s); err != nil {
				t.Errorf("an innocent stream: %v", err)
				return
			}
			if _, err := s.stream.RequestHeaders(0, true); err != nil {
				t.Errorf("an innocent stream's headers: %v", err)
			}
			s.stream.Done()
		})
	}
	begun.Wait()
	time.Sleep(10 * time.Millisecond) // for the streams to queue up; without it they prove less
	close(culprit.release)
	if err := <-ended; err == nil {
		t.Error("the culprit did not trap")
	}
	done.Wait()
}

func TestNobodyQueuesBehindALongCallbackWhileAnInstanceIsIdle(t *testing.T) {
	p := start(t, "trap-on-header", plugin.Options{Instances: 2})
	long := newSlow()
	ended := occupy(t, p, long)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for range 20 {
			var s state
			if err := p.Open(t.Context(), &s.stream, &s); err != nil {
				t.Error(err)
			}
			s.stream.Done()
		}
	}()
	select {
	case <-served:
	case <-time.After(time.Minute):
		t.Error("a stream waits for the busy one of two instances")
	}
	close(long.release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-served
	long.stream.Done()
}
