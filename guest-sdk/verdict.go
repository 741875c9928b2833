package sluice

// Verdict is a filter's answer at one stage. The zero Verdict denies: it is what a forgotten branch returns.
type Verdict struct {
	outcome outcome
	status  int
	reason  string
}

type outcome uint8

const (
	none outcome = iota
	allow
	deny
	wait // for the answers to calls
)

// Allow lets the stream go on, as the setters of this stage left it. If one of them, or a lookup, failed, the stream is
// denied all the same.
func Allow() Verdict { return Verdict{outcome: allow} }

// Deny refuses the stream with status 403. The client reads: denied by filter "NAME": reason (request ID).
func Deny(reason string) Verdict { return DenyWith(403, reason) }

// DenyWith refuses the stream with another status, 400 to 599; anything else counts as 403.
func DenyWith(status int, reason string) Verdict {
	if status < 400 || status > 599 {
		status = 403
	}
	if reason == "" {
		reason = "the filter gave no reason"
	}
	return Verdict{outcome: deny, status: status, reason: reason}
}

// Fail refuses the stream because the filter could not decide: status 500 on the request's way, 502 on the response's.
func Fail(err error) Verdict {
	v := Verdict{outcome: deny, reason: "the filter failed"}
	if err != nil {
		v.reason += ": " + err.Error()
	}
	return v
}

// settle turns a function's answer into the one that counts.
func (s *stream) settle(v Verdict, failed int) Verdict {
	switch {
	case v.outcome == deny && v.status != 0:
		return v
	case v.outcome == deny: // Fail
		return DenyWith(failed, v.reason)
	case s.err != nil && s.badInput != 0 && failed == 500:
		return DenyWith(s.badInput, s.err.Error())
	case s.err != nil:
		return DenyWith(failed, s.err.Error())
	case v.outcome == allow:
		return v
	}
	return DenyWith(failed, "the filter returned no verdict")
}
