package logs_test

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/logs"
)

func TestLinesAndBytesOfLogsAreBounded(t *testing.T) {
	now := time.Unix(1, 0)
	var limit logs.Limit
	count := func(b *logs.Bucket, size int) (n int) {
		for n < 1000 && b.Take(limit, now, size) {
			n++
		}
		return n
	}
	var unbounded logs.Bucket
	if got := count(&unbounded, 1<<20); got != 1000 {
		t.Errorf("without a limit %d lines", got)
	}
	b := new(logs.Bucket)
	limit = logs.Limit{Lines: 10, Bytes: 1000}
	if got := count(b, 1); got != 50 {
		t.Errorf("%d short lines at once, want 50", got)
	}
	now = now.Add(time.Second)
	if got := count(b, 1); got != 10 {
		t.Errorf("%d short lines in a second, want 10", got)
	}
	now = now.Add(time.Hour)
	if got := count(b, 1000); got != 5 {
		t.Errorf("%d long lines at once, want 5", got)
	}
	b.Give(1000)
	if got := count(b, 1000); got != 1 {
		t.Errorf("a line was given back, and there is room for %d, want 1", got)
	}
	if b.Take(limit, now, 5001) {
		t.Error("a line longer than all that may be said at once was taken")
	}
}
