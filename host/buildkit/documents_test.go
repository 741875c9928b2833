package buildkit_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/buildkit"
)

// holding is a policy that counts what its calls hold, and has them hold no more than most; 0 for what the connection may.
func holding(most int64) (policy *buildkit.Policy, state func() (now, peak int64)) {
	var mu sync.Mutex
	var now, peak int64
	policy = plain()
	policy.Hold = func(bytes int64) error {
		mu.Lock()
		defer mu.Unlock()
		if most > 0 && now+bytes > most {
			return errors.New("the tenant holds too much")
		}
		now += bytes
		peak = max(peak, now)
		return nil
	}
	return policy, func() (int64, int64) {
		mu.Lock()
		defer mu.Unlock()
		return now, peak
	}
}

var large = str(1, strings.Repeat("r", 100<<10))

// However many calls have large messages, a connection holds a few of them at a time, and all have their turn.
func TestLargeMessagesHaveTheirTurn(t *testing.T) {
	policy, state := holding(0)
	c := control(t, policy, reply())
	var wait sync.WaitGroup
	for range 6 { // more than have room
		wait.Go(func() {
			for range 3 {
				if a := c.call(solve, large); a.code != "0" {
					t.Errorf("a call ended with %+v", a)
				}
			}
		})
	}
	wait.Wait()
	c.recorded(18)
	if now, peak := state(); now != 0 || peak == 0 || peak > 4<<20 {
		t.Errorf("%d bytes were held at a time and %d at the end, want no more than four times limits.body, and none", peak, now)
	}
}

// A build goes on for long, and asks for more meanwhile: what it was begun with is held until it is sent, and no longer.
func TestACallThatGoesOnHoldsNoMessage(t *testing.T) {
	policy, state := holding(0)
	inner := make(chan struct{})
	c := control(t, policy, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("X-Outer") != "" {
			<-inner
		}
		reply()(w, r)
	})
	var outer sync.WaitGroup
	for range 8 {
		outer.Go(func() {
			if a := c.call(solve, large, "X-Outer", "1"); a.code != "0" {
				t.Errorf("an outer call ended with %+v", a)
			}
		})
	}
	for range 8 {
		if a := c.call(solve, large); a.code != "0" {
			t.Errorf("an inner call ended with %+v", a)
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if now, _ := state(); now == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("calls whose messages were sent hold them")
		}
	}
	close(inner)
	outer.Wait()
}

func TestATenantThatHoldsTooMuchIsRefused(t *testing.T) {
	policy, state := holding(1 << 20)
	c := control(t, policy, reply())
	if a := c.call(solve, str(1, strings.Repeat("r", 30<<10))); a.code != "0" {
		t.Errorf("a message of 30 KiB ended with %+v", a)
	}
	a := c.call(solve, large)
	a.denied(t, "8", "there is no room for the message: the tenant holds too much")
	if now, peak := state(); now != 0 || peak > 1<<20 {
		t.Errorf("%d bytes were held, and %d are", peak, now)
	}
	if a := c.call(solve, nil); a.code != "0" {
		t.Errorf("a small message ended with %+v", a)
	}
}

// A message of which much more is made than of others is shown all the same.
func TestAMessageWhoseJSONIsLong(t *testing.T) {
	policy, state := holding(0)
	c := control(t, policy, reply())
	// Each byte of it stands as six in JSON, in each of a few hundred empty or short strings.
	many := []byte{}
	for range 5000 {
		many = append(many, str(9, "\x01\x01")...)
	}
	if a := c.call(solve, many); a.code != "0" {
		t.Errorf("it ended with %+v", a)
	}
	if now, _ := state(); now != 0 {
		t.Errorf("%d bytes are held at the end", now)
	}
}

// What a message has announced is held for it, but not for one that does not come; nor for a call whose end does not.
func TestAMessageThatDoesNotComeIsHeldForAWhileOnly(t *testing.T) {
	for name, sent := range map[string][]byte{
		"a part of it": frame(large)[:50<<10],
		"no end":       frame(large),
	} {
		t.Run(name, func(t *testing.T) {
			policy, state := holding(0)
			policy.MessageTime = 100 * time.Millisecond
			c := control(t, policy, reply())
			body, end := io.Pipe()
			defer end.Close()
			go func() { _, _ = end.Write(sent) }()
			response, err := c.begin(t.Context(), solve, body)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				t.Error(err)
			}
			code, message := response.Trailer.Get("Grpc-Status"), response.Trailer.Get("Grpc-Message")
			if code == "" { // an answer that is nothing but its end
				code, message = response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message")
			}
			if code != "8" || !strings.Contains(message, "did not come within 1.1s") {
				t.Errorf("got status %q %q", code, message)
			}
			c.recorded(1)
			if now, peak := state(); now != 0 || peak == 0 {
				t.Errorf("%d bytes are held, and %d were", now, peak)
			}
			// The others go on.
			if a := c.call(solve, large); a.code != "0" {
				t.Errorf("another call ended with %+v", a)
			}
		})
	}
}

// One that has come in time is not cut short afterwards, however long the call goes on.
func TestACallMayGoOnForLongerThanItsMessageHadTime(t *testing.T) {
	policy, _ := holding(0)
	policy.MessageTime = time.Millisecond // and a second
	c := control(t, policy, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(1500 * time.Millisecond)
		reply()(w, r)
	})
	if a := c.call(solve, large); a.code != "0" {
		t.Errorf("the call ended with %+v", a)
	}
}
