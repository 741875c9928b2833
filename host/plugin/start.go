package plugin

import (
	"fmt"
	"slices"
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
		instance, err := p.startPaying(freshShard)
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
	for i := range p.shards {
		instance, err := p.startPaying(i)
		if err != nil {
			return err
		}
		if i == 0 {
			p.takeHints(instance)
		}
		p.shards[i].instance.Store(instance)
		if !p.options.Service {
			instance.armTick()
		}
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
)

// forStarts is what starts may take of an allowance, beside that.
func forStarts(perSecond time.Duration) *Allowance {
	a := NewAllowance(perSecond)
	a.most = startBurst * a.perSecond
	a.level = a.most
	a.perSecond = max(a.perSecond/startPart, 1)
	return a
}

// paysAtOnce tells whether starts are paid for while they run.
func (p *Plugin) paysAtOnce() bool { return p.options.Tenant != nil && !p.options.FreeStart }

// startPaying starts an instance when there is something to pay it with.
func (p *Plugin) startPaying(shard int) (*Instance, error) {
	if p.paysAtOnce() && !p.waitAllowed() {
		return nil, ErrClosed
	}
	return p.startInstance(shard)
}

// startPace is what the instance's start is paced by; nil for nothing.
func (i *Instance) startPace() func(units int64) bool {
	if !i.plugin.paysAtOnce() {
		return nil
	}
	p := i.plugin
	starts := p.options.Tenant.starts
	return func(units int64) bool {
		i.prepaid += units
		p.spend(units)
		starts.spend(units)
		for {
			empty, need := p.exhausted()
			soon, wait := starts.empty()
			if !empty && !soon {
				return p.ctx.Err() == nil
			}
			i.vm.Rest()
			if !p.sleep(max(need, wait)) {
				return false
			}
		}
	}
}

// sleep waits for something to come in; false: the plugin is closed.
func (p *Plugin) sleep(d time.Duration) bool {
	select {
	case <-time.After(max(d, time.Millisecond)):
		return true
	case <-p.ctx.Done():
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
