package plugin

import (
	"log/slog"
	"time"
)

// CrashBudget says how often a filter may crash before it is asked no more.
type CrashBudget struct {
	// Crashes is how many there may be in Window. 0 means any number: what crashes
	// is then replaced, more slowly where no instance came to serve, for ever.
	Crashes int
	// Window defaults to a minute.
	Window time.Duration
	// Quarantine is how long the filter is not asked after that: every Open
	// answers ErrQuarantined, and the stream's failure policy decides. Default
	// five minutes.
	Quarantine time.Duration
}

func (b CrashBudget) withDefaults() CrashBudget {
	if b.Window <= 0 {
		b.Window = time.Minute
	}
	if b.Quarantine <= 0 {
		b.Quarantine = 5 * time.Minute
	}
	return b
}

// crashed counts a crash of an instance.
func (p *Plugin) crashed() {
	b := &p.options.CrashBudget
	if p.options.History.crash(*b, time.Now()) {
		p.log.Error("the filter crashed too often and is in quarantine: it is not asked, and on_failure decides; mend it and reload, or wait",
			slog.Int("crashes", b.Crashes+1), slog.Duration("window", b.Window), slog.Duration("quarantine", b.Quarantine))
	}
}

// Quarantined tells whether the filter is not asked because it crashed too often, or was
// not started.
func (p *Plugin) Quarantined() bool {
	if p.unstarted != nil {
		return true
	}
	holds, ended := p.options.History.holds()
	if ended {
		p.log.Info("the filter's quarantine is over: it is asked again")
	}
	return holds
}

// rests tells whether nothing is to be asked of a plugin beside streams, which have
// their failure policy. Ticks of a filter go on: they may be what lets go of streams
// that other instances hold.
func (p *Plugin) rests() bool { return p.options.Service && p.Quarantined() }
