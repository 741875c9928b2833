package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/host/logs"
)

// told is what one line of a clipped log says.
func told(t *testing.T, write func(*slog.Logger)) map[string]any {
	t.Helper()
	var out bytes.Buffer
	write(logs.Clipped(slog.New(slog.NewJSONHandler(&out, nil))))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	return line
}

type name string

func (n name) LogValue() slog.Value { return slog.StringValue(string(n)) }

// Whoever chose a value, and however it comes to the line, it is no longer than a value may be.
func TestNoValueOfALineIsLongerThanItMayBe(t *testing.T) {
	long := strings.Repeat("a", 900_000)
	short := strings.Repeat("a", logs.MaxValue)
	want := short + "… (900000 bytes)"
	for how, write := range map[string]func(*slog.Logger){
		"a string":           func(l *slog.Logger) { l.Info("m", "k", long) },
		"an error":           func(l *slog.Logger) { l.Info("m", "k", errors.New(long)) },
		"what names itself":  func(l *slog.Logger) { l.Info("m", "k", name(long)) },
		"behind other ones":  func(l *slog.Logger) { l.Info("m", "a", 1, "b", true, "c", "d", "e", "f", "g", 2, "k", long) },
		"of all lines":       func(l *slog.Logger) { l.With("k", long).Info("m") },
		"of all, twice":      func(l *slog.Logger) { l.With("a", 1).With("k", errors.New(long)).Info("m") },
		"by a clipped log":   func(l *slog.Logger) { logs.Clipped(l).Info("m", "k", long) },
		"beside a long line": func(l *slog.Logger) { l.Info(long[:logs.MaxLong], "k", long) },
	} {
		if got := told(t, write)["k"]; got != want {
			t.Errorf("%s: %.40v… has %d bytes", how, got, len(fmt.Sprint(got)))
		}
	}
	for how, write := range map[string]func(*slog.Logger){
		"in a group":    func(l *slog.Logger) { l.Info("m", slog.Group("g", "k", long)) },
		"in a group's":  func(l *slog.Logger) { l.WithGroup("g").Info("m", "k", long) },
		"all of groups": func(l *slog.Logger) { l.With(slog.Group("g", "k", long)).Info("m") },
	} {
		if got, _ := told(t, write)["g"].(map[string]any); got["k"] != want {
			t.Errorf("%s: %.40v", how, got)
		}
	}
	anything := struct{ Path string }{long}
	if got := told(t, func(l *slog.Logger) { l.Info("m", "k", anything) })["k"].(string); len(got) > 2*logs.MaxValue || !strings.HasPrefix(got, "{Path:aaa") {
		t.Errorf("a structure has %d bytes: %.40s", len(got), got)
	}
	for how, write := range map[string]func(*slog.Logger){
		"what is as long as it may be": func(l *slog.Logger) { l.Info("m", "k", short) },
		"an error":                     func(l *slog.Logger) { l.Info("m", "k", errors.New(short)) },
		"another name":                 func(l *slog.Logger) { l.Info("m", "k", name(short)) },
	} {
		if got := told(t, write)["k"]; got != short {
			t.Errorf("%s is changed: %.40v", how, got)
		}
	}
}

// Stacks, what is wrong with a configuration, and what filters say are long by their nature.
func TestWhatIsLongByItsNatureIsClippedLater(t *testing.T) {
	long := strings.Repeat("a", 900_000)
	most := strings.Repeat("a", logs.MaxLong)
	line := told(t, func(l *slog.Logger) { l.Info(most, slog.Any("stack", logs.Long(most))) })
	if line["msg"] != most || line["stack"] != most {
		t.Error("what is as long as it may be is changed")
	}
	line = told(t, func(l *slog.Logger) { l.Info(long, slog.Any("stack", logs.Long(long))) })
	if want := most + "… (900000 bytes)"; line["msg"] != want || line["stack"] != want {
		t.Errorf("a message of %d bytes, a stack of %d", len(fmt.Sprint(line["msg"])), len(fmt.Sprint(line["stack"])))
	}
}

func TestWhatIsCutStaysText(t *testing.T) {
	for _, character := range []string{"é", "…", "😀"} {
		for shift := range 4 {
			text := strings.Repeat("a", shift) + strings.Repeat(character, logs.MaxValue)
			var out bytes.Buffer
			logs.Clipped(slog.New(slog.NewTextHandler(&out, nil))).Info("m", "k", text)
			got := out.String()
			if !utf8.ValidString(got) || strings.Contains(got, "\uFFFD") || strings.Contains(got, `\x`) {
				t.Errorf("%q behind %d: %q", character, shift, got[max(0, len(got)-60):])
			}
			if want := fmt.Sprintf("… (%d bytes)", len(text)); !strings.Contains(got, want) {
				t.Errorf("%q behind %d: no %q", character, shift, want)
			}
		}
	}
	if got := told(t, func(l *slog.Logger) { l.Info("m", "k", strings.Repeat("\x80", 5000)) })["k"].(string); !strings.HasSuffix(got, "… (5000 bytes)") {
		t.Errorf("what is no text ends with %q", got[len(got)-40:])
	}
}

// BenchmarkALineOfARequest shows what the clipping costs where nothing is to be clipped: no allocation.
func BenchmarkALineOfARequest(b *testing.B) {
	attrs := []slog.Attr{
		slog.String("req", "id"), slog.String("listener", "unix:///run/sluice.sock"), slog.String("peer", "uid=1000"), slog.String("op", "SystemInfo"),
		slog.String("method", "GET"), slog.String("path", "/info"), slog.Int("status", 200), slog.String("verdict", "allow"), slog.Int64("bytes_in", 1),
	}
	plain := slog.New(none{})
	for name, log := range map[string]*slog.Logger{"plain": plain, "clipped": logs.Clipped(plain)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(b.Context(), slog.LevelInfo, "request", attrs...)
			}
		})
	}
}

type none struct{}

func (none) Enabled(context.Context, slog.Level) bool  { return true }
func (none) Handle(context.Context, slog.Record) error { return nil }
func (none) WithAttrs([]slog.Attr) slog.Handler        { return none{} }
func (none) WithGroup(string) slog.Handler             { return none{} }
