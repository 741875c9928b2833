package standin

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// keptEvents is how many past events a client can still ask for, as many as the engine keeps.
const keptEvents = 256

// event is one line of docker events. The fields in lower case are those of clients below API 1.52.
type event struct {
	Status   string `json:"status,omitempty"`
	ID       string `json:"id,omitempty"`
	From     string `json:"from,omitempty"`
	Type     string
	Action   string
	Actor    actor
	Scope    string `json:"scope"`
	Time     int64  `json:"time"`
	TimeNano int64  `json:"timeNano"`
}

type actor struct {
	ID         string
	Attributes map[string]string
}

// eventLog remembers events and tells those who listen that there are new ones. Its zero value is empty.
type eventLog struct {
	mu      sync.Mutex
	first   int // number of events[0]
	events  []event
	changed chan struct{} // closed and forgotten on the next event; nil when nobody waits
	clients int
}

func (l *eventLog) add(kind, action, id string, attributes map[string]string) {
	now := time.Now()
	ev := event{
		Status: action, ID: id, From: attributes["image"], Type: kind, Action: action, Actor: actor{id, attributes},
		Scope: "local", Time: now.Unix(), TimeNano: now.UnixNano(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == keptEvents {
		l.events = append(l.events[:0], l.events[1:]...)
		l.first++
	}
	l.events = append(l.events, ev)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// next returns the events from number n on, the number to go on with, and a channel that is closed on the next event.
// A client that is too slow loses the oldest ones.
func (l *eventLog) next(n int) ([]event, int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.first + len(l.events)
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	n = min(max(n, l.first), end)
	return append([]event(nil), l.events[n-l.first:]...), end, l.changed
}

func (l *eventLog) listeners() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clients
}

func (l *eventLog) count(delta int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients += delta
}

func (e *Engine) streamEvents(w http.ResponseWriter, r *http.Request, _ *dockerapi.Call) error {
	f, err := parseFilters(r, "type", "event", "container", "image", "label")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	since, err := parseTime(q.Get("since"))
	if err != nil {
		return err
	}
	until, err := parseTime(q.Get("until"))
	if err != nil {
		return err
	}
	var end <-chan time.Time
	if q.Get("until") != "" {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		end = timer.C
	}
	// Without since a client is told what happens from now on only.
	n := 0
	if q.Get("since") == "" {
		_, n, _ = e.events.next(math.MaxInt)
	}
	e.events.count(1)
	defer e.events.count(-1)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush(w)
	enc := json.NewEncoder(w)
	for {
		var events []event
		var changed <-chan struct{}
		events, n, changed = e.events.next(n)
		for _, ev := range events {
			at := time.Unix(0, ev.TimeNano)
			if at.Before(since) || end != nil && at.After(until) || !f.eventMatches(ev) {
				continue
			}
			if err := enc.Encode(ev); err != nil {
				return nil // the client is gone
			}
		}
		flush(w)
		select {
		case <-changed:
		case <-end:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

func (f filters) eventMatches(ev event) bool {
	return f.any("type", func(v string) bool { return ev.Type == v }) &&
		f.any("event", func(v string) bool { return ev.Action == v }) &&
		f.any("container", func(v string) bool {
			return ev.Type == "container" && (strings.HasPrefix(ev.Actor.ID, v) || ev.Actor.Attributes["name"] == v)
		}) &&
		f.any("image", func(v string) bool { return fullName(ev.Actor.Attributes["image"]) == fullName(v) }) &&
		f.labelsMatch(ev.Actor.Attributes)
}

// parseTime reads the engine's SECONDS or SECONDS.NANOSECONDS.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, failure(http.StatusBadRequest, "invalid time %q, want seconds since 1970", s)
	}
	nano := int64(0)
	if fraction != "" {
		if len(fraction) > 9 {
			fraction = fraction[:9]
		}
		nano, err = strconv.ParseInt(fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
		if err != nil {
			return time.Time{}, failure(http.StatusBadRequest, "invalid time %q, want seconds since 1970", s)
		}
	}
	return time.Unix(sec, nano), nil
}
