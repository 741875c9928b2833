package plugin

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// waitTurn returns when the filter may compute, and how much of the caller's patience
// is left then. The caller holds no instance: only those who share the allowance wait.
func (p *Plugin) waitTurn(patience time.Duration) (left time.Duration, err error) {
	left, err = p.options.Allowance.wait(patience)
	if err != nil {
		return 0, p.ownOverdrawn()
	}
	t := p.options.Tenant
	if left, err = t.allowance().wait(left); err != nil {
		return 0, t.overdrawn()
	}
	return left, nil
}

// overdrawn says which allowance of a tenant's filter kept it from computing.
func (p *Plugin) overdrawn() error {
	if empty, _ := p.options.Allowance.empty(); empty {
		return p.ownOverdrawn()
	}
	return p.options.Tenant.overdrawn()
}

func (p *Plugin) ownOverdrawn() error {
	return &LimitError{Limit: "cpu", Value: p.options.Allowance.written().String(), Err: ErrAllowance}
}

func (t *Tenant) overdrawn() error {
	return &LimitError{Tenant: t.Name(), Limit: "tenant_limits.cpu", Value: t.allowance().written().String(), Err: ErrAllowance}
}

// PayAhead takes units, as in package vm, out of what the filter may compute in a second,
// for work that is done before the filter is called, when it is its turn. False means that
// its turn has not come, and that the work is not to be done.
func (p *Plugin) PayAhead(units int64) bool {
	if _, err := p.waitTurn(acquireWait); err != nil {
		return false
	}
	p.spend(units)
	return true
}

// Pay takes units out of what the filter may compute in a second, for work that is done in its name and has to be, whoever's
// turn it is: it is a debt to those that come.
func (p *Plugin) Pay(units int64) { p.spend(units) }

// lockInTurn takes the lock of the instance, on behalf of a party, when the filter may compute. With an error
// it has not taken it.
//
// Many find the allowance not empty at once, and stand at the lock while the first of
// them empties it. So each looks again when it is through.
func (i *Instance) lockInTurn(party string) (err error) {
	var since time.Time
	for left := acquireWait; ; {
		if left, err = i.plugin.waitTurn(left); err != nil {
			return err
		}
		i.lock(party)
		if empty, _ := i.plugin.exhausted(); !empty {
			return nil
		}
		i.unlock()
		if since.IsZero() {
			since = time.Now()
		}
		left = min(left, acquireWait-time.Since(since))
	}
}

// acquireInTurn takes a place for a context of a party's, on an instance that is locked, when the
// filter may compute.
func (p *Plugin) acquireInTurn(ctx context.Context, party string) (*Instance, error) {
	var since time.Time
	for left := acquireWait; ; {
		var err error
		if left, err = p.waitTurn(left); err != nil {
			return nil, err
		}
		if err := p.takeContext(); err != nil {
			return nil, err
		}
		instance, err := p.acquire(ctx, party)
		if err != nil {
			p.giveContexts(1)
			return nil, err
		}
		// Nobody else stands before an instance that is the stream's alone.
		if empty, _ := p.exhausted(); !empty || p.fresh != nil {
			return instance, nil
		}
		instance.unlock()
		p.giveContexts(1)
		if since.IsZero() {
			since = time.Now()
		}
		left = min(left, acquireWait-time.Since(since))
	}
}

// last is what the callbacks of a stream's end may use, together.
type last struct{ left int64 }

// begin gives them what the stream has not used, and beside it what one callback may: a
// filter that used up its stream is told of the end all the same, and can write it down.
func (l *last) begin(u *usage, streamBudget, callback int64) {
	l.left = callback
	if streamBudget > 0 && !u.over(streamBudget) {
		l.left += streamBudget - u.spent
	}
}

// callLast calls a callback of the stream's end, in the budget of such. The caller holds
// the instance's lock.
func (s *Stream) callLast(c callback) (uint64, error) {
	i := s.instance
	callback := vm.Fuel(i.plugin.options.CallTimeout)
	budget := callback
	if i.plugin.streamBudget > 0 {
		budget = min(callback, max(s.last.left, 1)) // none would be the default
	}
	i.vm.SetFuel(budget)
	i.used = 0
	result, err := i.call(c, uint64(s.id))
	i.vm.SetFuel(callback)
	s.last.left -= i.used
	s.usage.note(i.used, callback, 0, i.plugin.streamBudget)
	return result, err
}
