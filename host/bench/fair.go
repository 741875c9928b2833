package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

const (
	// forcedGC is how long the gateway rests between two collections of its garbage, which stop the world.
	forcedGC = 5 * time.Millisecond
	// What the quiet tenant is to keep: at least so much of his share, and a p99 that is at most so many times what it is.
	leastShare, mostP99 = 0.8, 2.0
)

// A contest is an assault, and beside it a gateway where a filter that does nothing is in the assailant's place.
type contest struct {
	assault
	evil, idle    *arena
	with, without []sample
	failed        error
}

// fair measures what a tenant has of a gateway while another one's filter attacks: requests a second and p99, as ratios to what he has
// beside a filter that does nothing, whose tenant's clients do the same. The gateway's garbage is collected every few milliseconds: nothing else stops everybody
// for as long as one filter cannot be stopped. What is outside of its bounds is measured once more, for longer, and behind what an assailant may compute at once: see longSettling.
func (b *bench) fair(ctx context.Context) error {
	wanted, backend, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	idles := make(map[string]*arena) // by the keys of their filters, and the operator's
	began := time.Now()
	fmt.Printf("\n## A quiet tenant beside a noisy one, %d connections each, a collection every %v; load %s\n\n", b.connections, forcedGC, load())
	fmt.Printf("%-50s %10s %8s %10s %8s\n", "the noisy tenant's filter does", "quiet: /s", "share", "p99", "ratio")
	var outside []*contest
	for _, a := range assaults() {
		if !wanted.MatchString(a.name) {
			continue
		}
		keys, _, _ := strings.Cut(a.Keys, "vm_config")
		place := keys + a.operators
		if idles[place] == nil {
			plain := assault{name: "idle", Attack: menagerie.Attack{Guest: idle, Config: idleConfig, Keys: keys}, operators: a.operators}
			if idles[place], err = b.startArena(ctx, plain, backend.socket, "collected"); err != nil {
				return err
			}
		}
		c := &contest{assault: a, idle: idles[place]}
		if err := b.hold(ctx, c, backend.socket, windows{b.rounds, b.slice, settling}); err != nil {
			return err
		}
		fmt.Println(c)
		if !c.isFair() {
			outside = append(outside, c)
		}
	}
	longer := windows{2 * b.rounds, 2 * b.slice, longSettling}
	if len(outside) > 0 {
		fmt.Printf("\n### Once more, %d rounds of %v, behind %v of the same; load %s\n\n", longer.rounds, longer.slice, longer.settling, load())
	}
	still := 0
	for _, c := range outside {
		c = &contest{assault: c.assault, idle: c.idle}
		if err := b.hold(ctx, c, backend.socket, longer); err != nil {
			return err
		}
		if fmt.Println(c); !c.isFair() {
			still++
		}
	}
	fmt.Printf("\n%d outside of a share of %v and a p99 of %v times; %v, load %s\n", still, leastShare, mostP99, time.Since(began).Round(time.Second), load())
	return nil
}

// prepare reads which assaults are asked for, and starts the engine that the gateways have behind them.
func (b *bench) prepare(ctx context.Context) (*regexp.Regexp, *peer, error) {
	wanted, err := regexp.Compile(b.only)
	if err != nil {
		return nil, nil, fmt.Errorf("-only: %w", err)
	}
	engine, err := b.startHelper(ctx, "engine", "engine")
	return wanted, engine, err
}

// hold measures in pairs of windows, one of which the assailant has.
func (b *bench) hold(ctx context.Context, c *contest, upstream string, w windows) (err error) {
	if c.evil, err = b.startArena(ctx, c.assault, upstream, "collected"); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	defer b.stop(c.evil.noisy)
	for round := range w.rounds {
		order := []*arena{c.idle, c.evil}
		if round%2 == 1 {
			slices.Reverse(order) // nobody always comes first
		}
		for _, a := range order {
			from := c.assault
			if a == c.idle {
				from = from.harmless()
			}
			s, err := b.beside(ctx, a, from, w)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.failed = errors.Join(c.failed, err)
			}
			if a == c.evil {
				c.with = append(c.with, s)
			} else {
				c.without = append(c.without, s)
			}
		}
	}
	return nil
}

func (c *contest) share() float64 {
	return medianOf(c.with, c.without, func(m, o sample) float64 { return m.perSecond() / o.perSecond() })
}

func (c *contest) p99() float64 {
	return medianOf(c.with, c.without, func(m, o sample) float64 { return float64(m.p99) / float64(o.p99) })
}

// isFair tells whether the quiet tenant has kept what he is to.
func (c *contest) isFair() bool {
	return c.failed == nil && c.share() >= leastShare && c.p99() <= mostP99
}

func (c *contest) String() string {
	if c.failed != nil {
		return fmt.Sprintf("%-50s FAILED: %v", c.name, c.failed)
	}
	mark := ""
	if !c.isFair() {
		mark = "  outside"
	}
	return fmt.Sprintf("%-50s %10.0f %8.2f %10s %8.2f%s", c.name, median(c.with, sample.perSecond), c.share(),
		micros(median(c.with, func(m sample) float64 { return float64(m.p99) })), c.p99(), mark)
}

// load is how many processes the machine had to run in the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
