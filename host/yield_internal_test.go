package host

import (
	"testing"
	"time"
)

func TestConnectionsAreClosedForOthersOnlySoOften(t *testing.T) {
	var w ways
	start := time.Now()
	closed := 0
	for at := time.Duration(0); at < time.Second; at += 100 * time.Microsecond {
		if w.take(64, start.Add(at)) {
			closed += 64
		}
	}
	if closed < waysPerSecond-64 || closed > waysPerSecond+64 {
		t.Errorf("%d were closed in a second", closed)
	}
	if !w.take(64, start.Add(time.Hour)) || w.take(64, start.Add(time.Hour)) {
		t.Error("what was not used is saved for longer than for one time")
	}
}
