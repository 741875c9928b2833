package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Admin is where the gateway can be asked about itself.
type Admin struct {
	// Address is unix:///absolute/path or tcp://host:port, "" for nowhere.
	Address string

	// Insecure says that the address may be one that other hosts can reach. Nobody is
	// asked who he is there, and what is shown are the names of filters and what they
	// count.
	Insecure bool
}

// Metrics says what becomes of the metrics that filters define.
type Metrics struct {
	// Series is how many each filter may define. Default 1,000.
	Series int

	// Tags are labels that stand in the names of metrics, and are taken out of them.
	Tags []Tag
}

// Tag is a label in the names of metrics.
type Tag struct {
	Name string
	// Pattern has one group or two: the first is taken out of the name, and the last
	// is the label's value.
	Pattern *regexp.Regexp
}

func adminSettings() []setting {
	return []setting{
		{path: "admin.address", set: func(l *loader, c *Config, v *value) {
			c.Admin.Address = l.address(v, "admin.address", true)
			l.adminAddress = v
		}},
		{path: "admin.insecure", standard: "false", set: func(l *loader, c *Config, v *value) {
			c.Admin.Insecure = l.boolean(v, "admin.insecure")
		}},
		{path: "metrics.series", standard: "1000", set: func(l *loader, c *Config, v *value) {
			c.Metrics.Series = l.integer(v, "metrics.series", 1, 100_000)
		}},
	}
}

// checkAdmin refuses an admin address that would tell too much to too many, or that
// is taken.
func (l *loader) checkAdmin(c *Config) {
	if c.Admin.Address == "" {
		return
	}
	at := l.adminAddress.pos
	if place(c.Admin.Address).Reachable() && !c.Admin.Insecure {
		l.fail(at, fmt.Sprintf("other hosts can reach %s, and nobody is asked there who he is", c.Admin.Address),
			"listen on 127.0.0.1 or a unix socket, or write insecure: true")
	}
	for _, listener := range c.Listeners {
		if listener.Address == c.Admin.Address && !strings.HasSuffix(listener.Address, ":0") {
			l.fail(at, "admin.address is a listener's: the Docker API is served there", "give the admin endpoints an address of their own")
		}
	}
	if c.Upstream != "" && samePlace(c.Admin.Address, c.Upstream) {
		l.fail(at, "admin.address is the upstream's", "give the admin endpoints an address of their own")
	}
}

// tagsPath is the list of labels in names.
const tagsPath = "metrics.tags"

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// tags reads the labels that stand in the names of metrics.
func (l *loader) tags(c *Config) {
	list := l.nested[tagsPath]
	if list == nil {
		return
	}
	for _, item := range list.items {
		var t Tag
		if !l.object(item, "a tag", fields{
			"name": func(v *value) {
				text, ok := l.text(v, "name")
				if ok && (!labelName.MatchString(text) || strings.HasPrefix(text, "__")) {
					l.fail(v.pos, fmt.Sprintf("%q is not a label's name", text), "labels have letters, digits and _, and do not begin with a digit or with __")
				}
				if slices.Contains([]string{"filter", "tenant", "le", "quantile"}, text) {
					l.fail(v.pos, fmt.Sprintf("the label %q is the gateway's or Prometheus' own", text), "call it something else")
				}
				t.Name = text
			},
			"pattern": func(v *value) { t.Pattern = l.tagPattern(v) },
		}) {
			continue
		}
		for _, key := range []string{"name", "pattern"} {
			if item.get(key) == nil {
				l.fail(item.pos, "a tag has no "+key, "write it as in {name: code, pattern: '(_code=([0-9]+))'}")
			}
		}
		c.Metrics.Tags = append(c.Metrics.Tags, t)
	}
}

func (l *loader) tagPattern(v *value) *regexp.Regexp {
	text, ok := l.text(v, "pattern")
	if !ok {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		l.failf(v, "pattern: %q is not a regular expression: %s", text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	if n := re.NumSubexp(); n < 1 || n > 2 {
		l.fail(v.pos, fmt.Sprintf("pattern: %q has %d groups", text, n), "it needs one or two: the first is taken out of the name, the last is the label's value")
	}
	return re
}
