package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// setting is one scalar of the configuration's top or of one of its sections:
// what files, variables and flags can all say.
type setting struct {
	path     string // "limits.body"
	standard string // the default, "" for none
	flag     string // name of its flag, "" for none
	usage    string // of the flag
	fileOnly string // why variables and flags may not set it, "" when they may
	set      func(l *loader, c *Config, v *value)
}

// allSettings is the one list of scalars: keys, defaults, bounds, flags.
func allSettings() []setting {
	settings := []setting{
		{
			path: "upstream", standard: "unix:///var/run/docker.sock",
			flag: "upstream", usage: "where the Docker Engine listens: unix:///path or tcp://host:port",
			set: func(l *loader, c *Config, v *value) { c.Upstream = l.address(v, "upstream", false) },
		},
		{
			path: "filters_dir", fileOnly: "it names filters, and the chain is set in files only",
			set: func(l *loader, c *Config, v *value) {
				if text, ok := l.text(v, "filters_dir"); ok {
					c.FiltersDir = l.resolve(v, text)
				}
			},
		},
		{
			path: "cache_dir",
			flag: "cache-dir", usage: "directory that keeps compiled modules between starts",
			set: func(l *loader, c *Config, v *value) {
				if text, ok := l.text(v, "cache_dir"); ok {
					c.CacheDir = l.resolve(v, text)
				}
			},
		},
		{path: "min_api_version", standard: "1.24", set: func(l *loader, c *Config, v *value) {
			text, _ := l.text(v, "min_api_version")
			if !apiVersion.MatchString(text) {
				l.failf(v, "min_api_version is %s; write MAJOR.MINOR, as in \"1.24\"", v.text)
			}
			c.MinAPIVersion = text
		}},
		{path: "owner_label", standard: "sluice.owner", set: func(l *loader, c *Config, v *value) {
			text, _ := l.text(v, "owner_label")
			if !labelKey.MatchString(text) {
				l.failf(v, "owner_label is %q; write the key of a label: 1 to 128 characters without blanks and without =, as in sluice.owner", v.text)
			}
			c.OwnerLabel = text
		}},
		{path: "json", standard: "rewrite", set: func(l *loader, c *Config, v *value) {
			c.JSON = l.word(v, "json", JSONRewrite, JSONStrict)
		}},
		{path: "tokens.bearer", standard: "true", set: func(l *loader, c *Config, v *value) {
			c.Tokens.Bearer = l.boolean(v, "tokens.bearer")
		}},
		{path: "tokens.header", set: func(l *loader, c *Config, v *value) { c.Tokens.Header = l.tokenHeader(v) }},
		{path: "tokens.url", standard: "false", set: func(l *loader, c *Config, v *value) {
			c.Tokens.URL = l.boolean(v, "tokens.url")
		}},
		{path: "limits.body", standard: "16MiB", set: func(l *loader, c *Config, v *value) {
			c.Limits.Body = l.bytes(v, "limits.body", 1<<10, 1<<30)
		}},
		{path: "limits.record", standard: "1MiB", set: func(l *loader, c *Config, v *value) {
			c.Limits.Record = int(l.bytes(v, "limits.record", 1<<10, 64<<20))
		}},
		{path: "limits.head", standard: "1MiB", set: func(l *loader, c *Config, v *value) {
			c.Limits.Head = int(l.bytes(v, "limits.head", 4<<10, 16<<20))
		}},
		{path: "limits.memory", standard: "64MiB", set: func(l *loader, c *Config, v *value) {
			const page = 64 << 10
			n := l.bytes(v, "limits.memory", page, 4<<30)
			if n%page != 0 {
				l.failf(v, "limits.memory is %s, which is no multiple of a Wasm page (64KiB)", v.text)
			}
			c.Limits.Memory = uint64(n)
		}},
		{path: "limits.filter_memory", standard: "1GiB", set: func(l *loader, c *Config, v *value) {
			c.Limits.FilterMemory = uint64(l.bytes(v, "limits.filter_memory", 64<<10, 1<<44))
		}},
		{path: "limits.total_memory", standard: "4GiB", set: func(l *loader, c *Config, v *value) {
			c.Limits.TotalMemory = uint64(l.bytes(v, "limits.total_memory", 64<<10, 1<<50))
			l.totalMemory = v
		}},
		{path: "limits.callback", standard: "100ms", set: func(l *loader, c *Config, v *value) {
			c.Limits.Callback = l.duration(v, "limits.callback", time.Millisecond, 10*time.Minute)
		}},
		{path: "limits.stream", standard: "2s", set: func(l *loader, c *Config, v *value) {
			c.Limits.Stream = l.duration(v, "limits.stream", time.Millisecond, time.Hour)
		}},
		{path: "limits.start", standard: "5s", set: func(l *loader, c *Config, v *value) {
			c.Limits.Start = l.duration(v, "limits.start", time.Millisecond, 10*time.Minute)
		}},
		{path: "limits.pause", standard: "30s", set: func(l *loader, c *Config, v *value) {
			c.Limits.Pause = l.duration(v, "limits.pause", time.Millisecond, 24*time.Hour)
		}},
		{path: "limits.instances", standard: "512", set: func(l *loader, c *Config, v *value) {
			c.Limits.Instances = l.integer(v, "limits.instances", 1, 1<<20)
		}},
		{path: "limits.resolve", standard: "5s", set: func(l *loader, c *Config, v *value) {
			c.Limits.Resolve = l.duration(v, "limits.resolve", time.Millisecond, time.Minute)
		}},
		{path: "limits.callouts", standard: "64", set: func(l *loader, c *Config, v *value) {
			c.Limits.Callouts = l.integer(v, "limits.callouts", 1, 1<<16)
		}},
		{path: "limits.stream_callouts", standard: "16", set: func(l *loader, c *Config, v *value) {
			c.Limits.StreamCallouts = l.integer(v, "limits.stream_callouts", 1, 1<<16)
		}},
		{path: "limits.log_lines", standard: "100", set: func(l *loader, c *Config, v *value) {
			c.Limits.LogLines = l.integer(v, "limits.log_lines", 1, 1_000_000)
		}},
		{path: "limits.log_bytes", standard: "64KiB", set: func(l *loader, c *Config, v *value) {
			c.Limits.LogBytes = l.bytes(v, "limits.log_bytes", 16<<10, 1<<30)
		}},
		{path: "limits.tick", standard: "10ms", set: func(l *loader, c *Config, v *value) {
			c.Limits.Tick = l.duration(v, "limits.tick", time.Millisecond, time.Hour)
		}},
		{path: "limits.connections", standard: "4096", set: func(l *loader, c *Config, v *value) {
			c.Limits.Connections = l.integer(v, "limits.connections", 1, 1<<20)
			l.connections = c.Limits.Connections // settings of tenants come later
		}},
		{
			path: "log.level", standard: "info",
			flag: "log-level", usage: "least severe level that is logged: debug, info, warn or error",
			set: func(l *loader, c *Config, v *value) {
				c.Log.Level = l.word(v, "log.level", "debug", "info", "warn", "error")
			},
		},
		{
			path: "log.format", standard: "text",
			flag: "log-format", usage: "how the log is written: text or json",
			set: func(l *loader, c *Config, v *value) { c.Log.Format = l.word(v, "log.format", "text", "json") },
		},
		{path: "reload.watch", standard: "true", set: func(l *loader, c *Config, v *value) {
			c.Reload.Watch = l.boolean(v, "reload.watch")
		}},
		{path: "reload.debounce", standard: "200ms", set: func(l *loader, c *Config, v *value) {
			c.Reload.Debounce = l.duration(v, "reload.debounce", 0, time.Minute)
		}},
		{path: "reload.drain", standard: "30s", set: func(l *loader, c *Config, v *value) {
			c.Reload.Drain = l.duration(v, "reload.drain", 0, 24*time.Hour)
		}},
		{path: "reload.poll", standard: "10s", set: func(l *loader, c *Config, v *value) {
			c.Reload.Poll = l.duration(v, "reload.poll", 0, 24*time.Hour)
		}},
	}
	settings = append(settings, sharedSettings()...)
	settings = append(settings, tenantSettings()...)
	return append(settings, adminSettings()...)
}

// What stands at the top level and is no setting: files alone write it, each in
// one file.
var lists = []string{"listeners", "tenants", "upstreams", "filters", "verify", "buildkit"}

// Lists in a section, which are no settings either.
var nestedLists = []string{ttlPath, tagsPath}

const delimiter = "."

var labelKey = regexp.MustCompile(`^[!-<>-~]{1,128}$`)

var apiVersion = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}$`)

// AddFlags defines the flags that Options.Flags may carry: --upstream,
// --cache-dir, --log-level and --log-format. Their values are checked by Load,
// like all others.
func AddFlags(flags *pflag.FlagSet) {
	for _, s := range allSettings() {
		if s.flag != "" {
			flags.String(s.flag, "", s.usage)
		}
	}
}

// ref is what koanf merges in place of a setting's value: the value's index in
// the table of all that was written. So the one that wins still knows its place.
type ref int

// settings merges the scalars of all sources and sets them.
func (l *loader) settings(c *Config) {
	var written []*value
	put := func(v *value) ref {
		written = append(written, v)
		return ref(len(written) - 1)
	}
	all := allSettings()

	ko := koanf.New(delimiter)
	load := func(source koanf.Provider) {
		// Neither reading a map nor merging one can fail.
		if err := ko.Load(source, nil); err != nil {
			l.fail(Position{}, "cannot merge the configuration: "+err.Error(), "")
		}
	}
	standards := map[string]any{}
	for _, s := range all {
		if s.standard != "" {
			standards[s.path] = put(&value{kind: kindString, text: s.standard, loose: true})
		}
	}
	load(confmap.Provider(standards, delimiter))
	for _, f := range l.files {
		load(confmap.Provider(l.scalars(f.root, "", put), ""))
	}
	load(env.Provider(delimiter, env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: l.environment,
		TransformFunc: func(name, text string) (string, any) {
			path, ok := l.variable(name, text)
			if !ok {
				return "", nil
			}
			return path, put(&value{pos: Position{File: name}, kind: kindString, text: text, loose: true})
		},
	}))
	if l.opts.Flags != nil {
		load(posflag.ProviderWithFlag(l.opts.Flags, delimiter, ko, func(f *pflag.Flag) (string, any) {
			at := slices.IndexFunc(all, func(s setting) bool { return s.flag == f.Name && f.Name != "" })
			if at < 0 || !f.Changed {
				return "", nil
			}
			source := "--" + f.Name
			l.rank(source)
			return all[at].path, put(&value{pos: Position{File: source}, kind: kindString, text: f.Value.String(), loose: true})
		}))
	}

	for _, s := range all {
		if at, ok := ko.Get(s.path).(ref); ok {
			s.set(l, c, written[at])
		}
	}
}

// scalars returns the settings that a file writes, as koanf nests them.
func (l *loader) scalars(v *value, prefix string, put func(*value) ref) map[string]any {
	nested := map[string]any{}
	for _, e := range v.entries {
		path := prefix + e.key
		switch {
		case strings.Contains(e.key, delimiter):
		case isSetting(path):
			nested[e.key] = put(e.value)
		case isSection(path) && e.value.kind == kindMap:
			nested[e.key] = l.scalars(e.value, path+delimiter, put)
		}
	}
	return nested
}

func isSetting(path string) bool {
	return slices.ContainsFunc(allSettings(), func(s setting) bool { return s.path == path })
}

func isSection(path string) bool {
	return slices.ContainsFunc(allSettings(), func(s setting) bool { return strings.HasPrefix(s.path, path+delimiter) })
}

// keysUnder returns the keys that may stand in a section, "" for the top.
func keysUnder(section string) []string {
	prefix := ""
	var keys []string
	if section != "" {
		prefix = section + delimiter
	} else {
		keys = append(keys, lists...)
	}
	for _, s := range allSettings() {
		if rest, ok := strings.CutPrefix(s.path, prefix); ok {
			key, _, _ := strings.Cut(rest, delimiter)
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	for _, path := range nestedLists {
		if key, ok := strings.CutPrefix(path, prefix); ok && section != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// checkSections reports the keys of all files that are not known, sections that
// are no maps, and lists that are written twice; it keeps the lists.
func (l *loader) checkSections() {
	for _, f := range l.files {
		for _, e := range f.root.entries {
			switch {
			case e.key == "listeners":
				l.list(&l.listenerList, e)
			case e.key == "tenants":
				l.list(&l.tenantList, e)
			case e.key == "upstreams":
				l.list(&l.upstreamList, e)
			case e.key == "filters":
				l.list(&l.filterList, e)
			case e.key == "verify":
				l.once(&l.verifyMap, e)
			case e.key == "buildkit":
				l.once(&l.buildkitMap, e)
			case isSetting(e.key) && !strings.Contains(e.key, delimiter):
			case isSection(e.key):
				l.checkSection(e)
			case isSetting(e.key):
				section, key, _ := strings.Cut(e.key, delimiter)
				l.fail(e.keyPos, fmt.Sprintf("unknown key %q in the configuration", e.key), fmt.Sprintf("write %s: {%s: …}", section, key))
			default:
				l.unknownKey(e, "the configuration", keysUnder(""))
			}
		}
	}
}

func (l *loader) checkSection(section entry) {
	if section.value.kind != kindMap {
		l.failf(section.value, "%s is a map of keys and values, not %s", section.key, section.value.kind)
		return
	}
	for _, e := range section.value.entries {
		switch path := section.key + delimiter + e.key; {
		case slices.Contains(nestedLists, path):
			e.key = path
			kept := l.nested[path]
			l.list(&kept, e)
			l.nested[path] = kept
		case !isSetting(path):
			l.unknownKey(e, section.key, keysUnder(section.key))
		}
	}
}

func (l *loader) list(kept **value, e entry) {
	switch {
	case e.value.kind != kindList:
		hint := ""
		if e.value.kind == kindNull {
			hint = "write [] for an empty list"
		}
		l.fail(e.value.pos, fmt.Sprintf("%s is a list, not %s", e.key, e.value.kind), hint)
	default:
		l.once(kept, e)
	}
}

// once keeps what must not be written in two files.
func (l *loader) once(kept **value, e entry) {
	if *kept != nil {
		l.fail(e.keyPos, fmt.Sprintf("%s is already written in %s", e.key, (*kept).pos.File), "what stands there belongs into one file")
		return
	}
	*kept = e.value
}

func (l *loader) unknownKey(e entry, where string, known []string) {
	l.fail(e.keyPos, fmt.Sprintf("unknown key %q in %s", e.key, where), suggest(e.key, known))
}
