package buildkit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoFindsNoRoomWaitsAndIsThenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(documents)
		take := func(bytes int64) error { return d.take(t.Context(), bytes, 100) }
		if err := take(150); err != nil {
			t.Errorf("one alone that is larger than all: %v", err)
		}
		d.give(150)
		if err := errors.Join(take(60), take(40)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var refused *status
		if err := take(1); !errors.As(err, &refused) || refused.code != codeResourceExhausted || time.Since(began) != roomWait {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.AfterFunc(roomWait/2, func() { d.give(40) })
		began = time.Now()
		if err := take(30); err != nil || time.Since(began) != roomWait/2 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := d.take(ctx, 30, 100); !errors.Is(err, errCallerGone) {
			t.Errorf("whose caller has gone: %v", err)
		}
		for range maxWaiting {
			go func() { _ = take(30) }()
		}
		synctest.Wait()
		began = time.Now()
		if err := take(30); !errors.Is(err, errNoRoom) || time.Since(began) != 0 {
			t.Errorf("beside as many as wait: after %v: %v", time.Since(began), err)
		}
		time.Sleep(roomWait)
		synctest.Wait()
		d.give(90)
		if d.held != 0 {
			t.Errorf("%d are held", d.held)
		}
	})
}
