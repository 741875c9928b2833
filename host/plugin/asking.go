package plugin

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
)

// asking is what the guest's questions to others have to do with the instance, which they hold until they are answered.
// Guarded by the instance's lock.
type asking struct {
	waited time.Duration   // for answers, since the instance was entered last
	duty   context.Context // ends with what Activate began; nil in any other callback
	late   *time.Timer     // of the question under way
}

// heavyWait is how long the questions of a party's stream may keep others from an instance, in one callback, before the party
// is heavy. Engines answer in a few milliseconds; one may take seconds over what a client of that party has made.
const heavyWait = 50 * time.Millisecond

// callForeign calls one of the plugin's foreign functions in its name. NOT_FOUND: there is none of that name.
func (i *Instance) callForeign(c foreign.Call) ([]byte, abi.Status) {
	c.Filter, c.Waited = i.plugin.options.Name, &i.waited
	if c.Turns == nil {
		c.Turns = i.plugin
	}
	if c.Stream == nil && i.duty != nil {
		c.Context = i.duty
	}
	return i.plugin.options.Functions.Call(c)
}

// CallForeign calls one of the filter's foreign functions in its name, from a callback. NOT_FOUND: there is none of that name.
func (s *Stream) CallForeign(c foreign.Call) ([]byte, abi.Status) {
	if p := s.instance.plugin; len(p.shards) > 1 && s.party != p.ownParty {
		c.Turns = (*heldTurns)(s)
	}
	return s.instance.callForeign(c)
}

// heldTurns are the plugin's turns for questions that hold an instance, on which requests of others may be.
type heldTurns Stream

// BeginQuestion implements foreign.Turns.
func (s *heldTurns) BeginQuestion(ctx context.Context) error {
	i, party := s.instance, s.party
	i.late = time.AfterFunc(heavyWait-i.waited, func() { i.plugin.heavy.note(party, heavyTime) })
	err := i.plugin.BeginQuestion(ctx)
	if err != nil {
		i.late.Stop()
	}
	return err
}

// EndQuestion implements foreign.Turns.
func (s *heldTurns) EndQuestion(units int64) {
	s.instance.late.Stop()
	s.instance.plugin.EndQuestion(units)
}
