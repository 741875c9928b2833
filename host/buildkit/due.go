package buildkit

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// Room is taken for what a message announces, before it comes: else many that began together would each be in the way of the others' ends. So a
// message that never comes would hold room, and bytes of its tenant's, for as long as its connection lasts. It has a time to come in.

// slowest is how many bytes of a message have a second beside Policy.MessageTime.
const slowest = 64 << 10

// Patience is how long so many bytes may take to come for which room is held: 30 s, unless least is something else than 0, and
// a second more for each 64 KiB. Bodies that are gathered outside of BuildKit's connections have as long.
func Patience(least time.Duration, bytes int) time.Duration {
	if least <= 0 {
		least = roomWait
	}
	return least + time.Duration(bytes/slowest)*time.Second
}

// due gives the message for which room was just taken the time that it has.
func (s *share) due(size int) {
	limit := Patience(s.call.policy.MessageTime, size)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == 0 || s.over { // the end of a call ends its reading, too
		return
	}
	s.limit = limit
	_ = http.NewResponseController(s.call.w).SetReadDeadline(time.Now().Add(limit))
}

// came ends that, and says what is to be said of the error that reading ended with.
func (s *share) came(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.limit
	if limit == 0 {
		return err
	}
	s.limit = 0
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refusal(codeResourceExhausted, "a message for which room is held did not come within %v: send it again", limit)
	}
	if !s.over { // what the call is answered on is gone then
		_ = http.NewResponseController(s.call.w).SetReadDeadline(time.Time{})
	}
	return err
}
