package plugin

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/sluice-gateway/sluice/host/logs"
)

// The most of a guest's stack that is logged. Functions are named by whoever wrote the
// module.
const (
	maxFrames     = 32
	maxFrameBytes = 160
)

// readable is a guest's stack as it may stand in a log.
func readable(stack string) string {
	var b strings.Builder
	frames := 0
	for frame := range strings.SplitSeq(stack, "\n") {
		if frames++; frames > maxFrames {
			b.WriteString("\n…")
			break
		}
		if frames > 1 {
			b.WriteByte('\n')
		}
		written := 0
		for _, c := range frame {
			if !unicode.IsPrint(c) {
				c = unicode.ReplacementChar
			}
			if written += len(string(c)); written > maxFrameBytes {
				b.WriteString("…")
				break
			}
			b.WriteRune(c)
		}
	}
	return b.String()
}

// tell writes a line about a crash of the filter, which counts as one of the filter's
// own: whoever can make it crash could otherwise fill the operator's log with its
// stacks. Where the filter may log no more it is one a minute, the first at once, which
// tells how many there were that were not shown.
func (p *Plugin) tell(level slog.Level, message string, attrs ...slog.Attr) {
	if !p.log.Enabled(context.Background(), level) {
		return
	}
	size := logs.Size(message, attrs)
	now := time.Now()
	if p.mayLog(now, size) {
		if hidden := p.hiddenCrashes.Rest(); hidden > 0 {
			attrs = append(attrs, slog.Int("not_shown", hidden))
		}
	} else {
		total := p.hiddenCrashes.Take(now, 1)
		if total == 0 {
			return
		}
		attrs = append(attrs, slog.Int("not_shown", total-1))
	}
	p.log.LogAttrs(context.Background(), level, message, attrs...)
}
