package logs

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"unicode/utf8"
)

// What a line may hold, in bytes; of what is longer that many are shown, and how many there were.
const (
	// MaxValue is for each value: it may be a path, a reason, a name or an error that a client, a filter or an
	// upstream chose.
	MaxValue = 1 << 10
	// MaxLong is for the message, which may be a filter's, and for each [Long] value.
	MaxLong = 16 << 10
)

// Long is a value that is long by its nature, and not because a stranger wants it to be: a stack of the gateway's, or what is
// wrong with a configuration.
type Long string

// LogValue implements [slog.LogValuer].
func (l Long) LogValue() slog.Value { return slog.StringValue(string(l)) }

// clipper is a handler that clips what it hands on.
type clipper struct{ next slog.Handler }

// Clipped is a logger that writes to where log does, and no value longer than [MaxValue], whoever chose it: one line that is
// as long as somebody else wants it to be keeps all others waiting until it is written. What is cut stays
// UTF-8, and says how long it was. Lines of which nothing is cut cost no allocation.
func Clipped(log *slog.Logger) *slog.Logger {
	if _, ok := log.Handler().(clipper); ok {
		return log
	}
	return slog.New(clipper{log.Handler()})
}

// Enabled implements [slog.Handler].
func (c clipper) Enabled(ctx context.Context, level slog.Level) bool {
	return c.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (c clipper) Handle(ctx context.Context, r slog.Record) error {
	short := len(r.Message) <= MaxLong
	if short {
		r.Attrs(func(a slog.Attr) bool {
			short = isShort(a.Value)
			return short
		})
	}
	if short {
		return c.next.Handle(ctx, r)
	}
	clipped := slog.NewRecord(r.Time, r.Level, clip(r.Message, MaxLong), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clipped.AddAttrs(slog.Attr{Key: a.Key, Value: clipValue(a.Value)})
		return true
	})
	return c.next.Handle(ctx, clipped)
}

// WithAttrs implements [slog.Handler].
func (c clipper) WithAttrs(attrs []slog.Attr) slog.Handler {
	return clipper{c.next.WithAttrs(clipAttrs(attrs))}
}

// WithGroup implements [slog.Handler].
func (c clipper) WithGroup(name string) slog.Handler { return clipper{c.next.WithGroup(name)} }

// isShort tells, without an allocation, of a value that is to be handed on as it is. What cannot be told so is not.
func isShort(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString:
		return len(v.String()) <= MaxValue
	case slog.KindAny, slog.KindLogValuer, slog.KindGroup:
		return false
	}
	return true
}

func clipValue(v slog.Value) slog.Value {
	if l, ok := v.Any().(Long); ok {
		return slog.StringValue(clip(string(l), MaxLong))
	}
	switch v = v.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.StringValue(clip(v.String(), MaxValue))
	case slog.KindGroup:
		return slog.GroupValue(clipAttrs(v.Group())...)
	case slog.KindAny:
		if text := textOf(v.Any()); len(text) > MaxValue {
			return slog.StringValue(clip(text, MaxValue))
		}
	}
	return v
}

// textOf is what a handler would make of it, or longer.
func textOf(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%+v", v)
}

func clipAttrs(attrs []slog.Attr) []slog.Attr {
	clipped := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clipped[i] = slog.Attr{Key: a.Key, Value: clipValue(a.Value)}
	}
	return clipped
}

// clip cuts a text behind so many bytes of it, or before the character that they end in.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "… (" + strconv.Itoa(len(text)) + " bytes)"
}
