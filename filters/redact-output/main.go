// Command redact-output is a filter that takes what matches an expression out of the output of processes, as logs, attach,
// exec and classic builds show it.
package main

import (
	"regexp"
	"slices"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

type config struct {
	patterns    []*regexp.Regexp
	replacement []byte
	stdout      bool
	stderr      bool
}

func init() {
	sluice.Register(sluice.Filter[config]{
		Name:  "redact-output",
		Parse: parse,
		Operations: []sluice.Operation{
			"ContainerLogs", "ServiceLogs", "TaskLogs", "ContainerAttach", "ContainerAttachWebsocket", "ExecStart", "ImageBuild",
		},
		Record: redact,
	})
}

func parse(c *sluice.Config) config {
	cfg := config{
		patterns:    c.Regexps("patterns", "", ""),
		replacement: []byte(c.String("replacement", "***")),
	}
	if len(cfg.patterns) == 0 {
		c.Problem("patterns", "needs at least one regular expression, or nothing would be redacted")
	}
	streams := c.Strings("streams")
	cfg.stdout = len(streams) == 0 || slices.Contains(streams, "stdout")
	cfg.stderr = len(streams) == 0 || slices.Contains(streams, "stderr")
	for _, s := range streams {
		if s != "stdout" && s != "stderr" {
			c.Problem("streams", "is stdout, stderr or both, not "+s)
		}
	}
	return cfg
}

func redact(c *config, r *sluice.Record) sluice.Verdict {
	if r.Kind() == sluice.JSONRecord {
		c.progress(r.JSON())
		return sluice.Allow()
	}
	// Both come out of a terminal as one.
	if r.Kind() == sluice.FrameRecord {
		switch r.Stream() {
		case sluice.Stderr:
			if !c.stderr {
				return sluice.Allow()
			}
		case sluice.SystemErr: // the engine's own words
		default:
			if !c.stdout {
				return sluice.Allow()
			}
		}
	}
	if text, changed := c.replace(r.Body()); changed {
		r.SetBody(text)
	}
	return sluice.Allow()
}

// progress redacts a line of a build: what its steps print, and the error that it ends with.
func (c *config) progress(line dockerjson.Value) {
	for _, value := range []dockerjson.Value{line.Get("stream"), line.Get("error"), line.Get("errorDetail").Get("message")} {
		if value.Kind() != dockerjson.String {
			continue
		}
		if text, changed := c.replace([]byte(value.Text())); changed {
			value.Replace(dockerjson.Quote(string(text)))
		}
	}
}

func (c *config) replace(text []byte) ([]byte, bool) {
	changed := false
	for _, re := range c.patterns {
		if re.Match(text) {
			text, changed = re.ReplaceAllLiteral(text, c.replacement), true
		}
	}
	return text, changed
}

func main() {}
