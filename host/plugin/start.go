package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// start starts the instances, the canary first.
func (p *Plugin) start() error {
	if err := p.link(); err != nil {
		return &StartError{Step: "link", Err: err}
	}
	if err := p.checkMemory(); err != nil {
		return &StartError{Step: "memory", Err: err}
	}
	if p.fresh != nil {
		instance, err := p.startCanary(freshShard)
		if err != nil {
			return err
		}
		p.takeHints(instance)
		p.fresh.warm <- instance
		if err := p.fresh.remember(instance); err != nil {
			return &StartError{Step: "memory", Err: fmt.Errorf("what each stream's instance is put back to is to be kept: %w", err)}
		}
		p.wait.Add(1)
		go p.fresh.refill()
		return nil
	}
	canary, err := p.startCanary(0)
	if err != nil {
		return err
	}
	p.takeHints(canary)
	p.install(canary)
	if p.paysAtOnce() {
		p.wait.Add(1)
		go func() { // for as long as the allowances say; the canary serves meanwhile
			defer p.wait.Done()
			for i := 1; i < len(p.shards); i++ {
				p.restart(i, 0)
			}
		}()
		return nil
	}
	for i := 1; i < len(p.shards); i++ {
		instance, err := p.startInstance(i, p.startTerms())
		if err != nil {
			return err
		}
		p.install(instance)
	}
	return nil
}

// takeHints asks the canary what the filter says of itself.
func (p *Plugin) takeHints(canary *Instance) {
	canary.lock(p.ownParty) // the answer to a call that it made in its start may be on its way in
	defer canary.unlock()
	p.stages = p.called(canary.root.stages())
	p.operations = canary.root.hint("sluice\x00operations")
	p.resource = slices.Contains(canary.root.hint("sluice\x00references"), "resource")
	p.records = string(canary.root.values["sluice\x00response_body"]) == "records"
}

// What a start computes is somebody's to pay. That of a tenant's filter is paid while it
// runs: it may use seconds of fuel, and who uploads a filter that loops, or one that is
// started again and again, would otherwise have a processor for as long. So it goes on as
// fast as the tenant's allowance comes in, like all else that the tenant's filters do.
// The first start of an operator's filter is free, since he waits for it; further ones are
// the filter's to pay, when they are over.
//
// Nobody waits for most of what a hostile start computes: the tenant's clients are turned
// away at once meanwhile, and come again. So that both together are no more than what the
// same clients and a filter that serves them take, starts have what is plenty for good
// ones, and then a part of the allowance.
const (
	startBurst = 2  // seconds' allowance that starts may take at once, and
	startPart  = 10 // the part of it, one in so many, that they have in each second
	// creditPart is the part of a second's allowance that, in each generation, starts of
	// filters that came up before have beside that. It is a debt that a request, which waits
	// for a second, can wait out.
	creditPart = 2
)

// paysAtOnce tells whether starts are paid for while they run.
func (p *Plugin) paysAtOnce() bool { return p.options.Tenant != nil && !p.options.FreeStart }

// startCanary starts the first instance, when there is something to pay it with.
//
// A filter that came up before, as it is, is started once more because something else has
// changed. That must not put it out of service, however much its starts have used up. So
// its canary waits for nothing, as far as the tenant's credit goes, and is a debt.
func (p *Plugin) startCanary(shard int) (*Instance, error) {
	terms := p.startTerms()
	if p.paysAtOnce() {
		if p.options.History.started.Load() {
			terms.credit = &p.options.Tenant.credit
		}
		if !terms.hasCredit() && !p.waitAllowed() {
			return nil, ErrClosed
		}
	}
	instance, err := p.startInstance(shard, terms)
	var failed *StartError
	if err == nil || errors.As(err, &failed) {
		p.options.History.started.Store(err == nil)
	}
	return instance, err
}

// startTerms say what a start waits for where it is paid for while it runs, beside the
// allowances of CPU.
type startTerms struct {
	ctx    context.Context // of who waits for it: the start ends with it
	until  time.Time       // when he is turned away instead; zero: never
	starts *Allowance      // nil: not that
	credit *atomic.Int64   // what it may compute before it waits for anything; nil: nothing
}

// startTerms are those of a start that no request waits for.
func (p *Plugin) startTerms() startTerms {
	terms := startTerms{ctx: p.ctx}
	if t := p.options.Tenant; t != nil {
		terms.starts = t.starts
	}
	return terms
}

func (t *startTerms) hasCredit() bool { return t.credit != nil && t.credit.Load() > 0 }

// startPace is what the instance's start is paced by.
func (i *Instance) startPace(terms startTerms) func(units int64) bool {
	p := i.plugin
	if !p.paysAtOnce() {
		return func(int64) bool { return p.ctx.Err() == nil } // nobody waits for one that is called off
	}
	goesOn := func() bool {
		if i.calledOff = context.Cause(terms.ctx); p.ctx.Err() != nil {
			i.calledOff = ErrClosed
		}
		return i.calledOff == nil
	}
	return func(units int64) bool {
		i.prepaid += units
		p.spend(units)
		if terms.hasCredit() {
			terms.credit.Add(-units)
			return goesOn()
		}
		terms.starts.spend(units)
		for goesOn() {
			empty, need := p.exhausted()
			soon, wait := terms.starts.empty()
			if !empty && !soon {
				return true
			}
			need = max(need, wait, time.Millisecond)
			if !terms.until.IsZero() && time.Now().Add(need).After(terms.until) {
				i.calledOff = p.overdrawn()
				return false
			}
			i.vm.Rest()
			select {
			case <-time.After(need):
			case <-terms.ctx.Done():
			case <-p.ctx.Done():
			}
		}
		return false
	}
}

// payForStart pays for a start that is over and has cost so many units, with what making
// the instance has, as far as it was not paid for.
func (i *Instance) payForStart(units int64) {
	if p := i.plugin; p.paysAtOnce() || p.up.Load() && !p.options.FreeStart {
		p.spend(units - i.prepaid)
	}
}
