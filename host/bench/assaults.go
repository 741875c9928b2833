package main

import (
	"context"

	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

// An assault is what the noisy tenant does.
type assault struct {
	menagerie.Attack
	name string
	// swaps has him replace his module all the time, by one that is much work for the compiler. Who means no harm writes the same files where
	// nobody reads them.
	swaps bool
	// clients is what each of his clients does, in the place of sending requests to a filter that attacks, and behaved what as many do who mean no
	// harm, with as many connections as they may have, and as much work for who sends it; nil for requests one after the other.
	clients, behaved func(ctx context.Context, socket string)
	// operators are filters before all others, and request is what those ask who do no harm, "" for a list of containers.
	operators, request string
}

// assaults are all of the menagerie, behind what is no assault: what the quiet tenant has beside it is his share, and what it differs from it is the
// noise of the measurement.
func assaults() []assault {
	all := []assault{
		{name: "nothing (the noise)", Attack: menagerie.Attack{Guest: idle, Config: idleConfig}},
		{name: "modules to compile, one after the other", Attack: menagerie.Attack{Guest: idle, Config: idleConfig}, swaps: true},
		{name: "an instance a stream", Attack: menagerie.Attack{Guest: "heap", Keys: "isolation: stream"}},
	}
	for _, a := range menagerie.All() {
		all = append(all, assault{name: a.Name(), Attack: a})
	}
	for _, a := range clientAssaults() {
		a.Attack = menagerie.Attack{Guest: idle, Config: idleConfig}
		all = append(all, a)
	}
	return all
}

// harmless is what he is measured against: the same filters, and clients who do nothing but ask.
func (a assault) harmless() assault {
	a.clients = a.behaved
	return a
}

// idle is a guest with every callback, which with this configuration does nothing in them.
const (
	idle       = "everywhere"
	idleConfig = "--"
)
