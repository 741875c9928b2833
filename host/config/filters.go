package config

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxModuleBytes bounds a module's file. TinyGo's have some 100 KiB, Go's some
// MiB, and more than 32 MiB are not loaded; beyond this a file is not even read.
const maxModuleBytes = 64 << 20

var (
	filterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	methods    = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}
)

// moduleFile is a module that was read, by one filter or by several.
type moduleFile struct {
	code   []byte
	digest [sha256.Size]byte
	err    error
}

// filters reads the filters list and the filter directory.
func (l *loader) filters(c *Config) {
	if l.filterList != nil {
		for _, item := range l.filterList.items {
			f := Filter{Pos: item.pos}
			known := l.filterKeys(&f)
			known["name"] = func(v *value) { f.Name = l.name(v, "a filter's") }
			known["module"] = func(v *value) { l.module(v, &f) }
			if !l.object(item, "a filter", known) {
				continue
			}
			for _, key := range []string{"name", "module"} {
				if item.get(key) == nil {
					l.fail(item.pos, "a filter has no "+key, "")
				}
			}
			l.add(c, f, "")
		}
	}
	if c.FiltersDir != "" {
		l.filterDir(c)
	}
}

// add puts a filter at the end of the chain, and a service to the others. half is as
// for isService.
func (l *loader) add(c *Config, f Filter, half string) {
	if f.Kind == "" {
		f.Kind = KindFilter
	}
	if f.OnFailure == "" {
		f.OnFailure = OnFailureDeny
	}
	if f.Isolation == "" {
		f.Isolation = IsolationShared
	}
	if f.Config == nil {
		f.Config = Payload("{}")
	}
	if f.VMID == "" {
		f.VMID = f.Name
	}
	if f.Tenant != "" && !f.budgeted {
		f.CrashBudget = tenantCrashBudget
	}
	l.checkMemory(c, &f)
	for _, other := range c.Plugins() {
		if f.Name != "" && f.Name == other.Name {
			l.fail(f.Pos, fmt.Sprintf("two filters have the name %q", f.Name), "the other is at "+other.Pos.String())
			break
		}
	}
	l.checkTenant(c, &f)
	l.checkMetricNames(c, &f)
	l.grant(c, &f)
	l.checkOrigin(c, &f)
	if l.isService(&f, half) {
		c.Services = append(c.Services, f)
		return
	}
	c.Filters = append(c.Filters, f)
}

// Plugins are the filters, and then the services.
func (c *Config) Plugins() []Filter { return slices.Concat(c.Filters, c.Services) }

// filterKeys reads the keys that a filter has in a file's list as well as in
// its own file in the filter directory.
func (l *loader) filterKeys(f *Filter) fields {
	known := fields{
		"config":       func(v *value) { f.Config = l.payload(v) },
		"vm_config":    func(v *value) { f.VMConfig = l.payload(v) },
		"on_failure":   func(v *value) { f.OnFailure = l.word(v, "on_failure", OnFailureDeny, OnFailureAllow, OnFailureReload) },
		"match":        func(v *value) { f.Match = l.match(v) },
		"instances":    func(v *value) { f.Instances = l.integer(v, "instances", 0, 1024) },
		"cpu":          func(v *value) { f.CPU = l.duration(v, "cpu", time.Millisecond, 1024*time.Second) },
		"memory":       func(v *value) { l.filterMemory(v, f) },
		"crash_budget": func(v *value) { f.CrashBudget, f.budgeted = l.integer(v, "crash_budget", 0, 1<<20), true },
		"isolation":    func(v *value) { f.Isolation = l.word(v, "isolation", IsolationShared, IsolationStream) },
		"vm_id":        func(v *value) { f.VMID = l.vmID(v) },
		"tenant":       func(v *value) { l.filterTenant(v, f) },
		"callouts":     func(v *value) { f.Callouts, f.granted.callouts = l.callouts(v, "callouts"), v },
		"capabilities": func(v *value) { f.granted.set = v },
		"stages": func(v *value) {
			names := StageNames()
			given := l.words(v, "stages", func(v *value, name string) {
				if !slices.Contains(names, name) {
					l.fail(v.pos, fmt.Sprintf("stages: there is no stage %q", name), suggest(name, slices.Clone(names)))
				}
			})
			slices.SortFunc(given, func(a, b string) int { return slices.Index(names, a) - slices.Index(names, b) })
			f.Stages = given
		},
	}
	l.originKeys(f, known)
	l.kindKey(f, known)
	return known
}

// name reads the name of something: "a filter's".
func (l *loader) name(v *value, whose string) string {
	text, ok := l.text(v, "name")
	if ok && !filterName.MatchString(text) {
		l.fail(v.pos, fmt.Sprintf("%q is not %s name", text, whose), "names have letters, digits, _ . and -, begin with a letter or digit, and have at most 64 characters")
	}
	return text
}

// words reads a list of texts that is not empty and has none twice.
func (l *loader) words(v *value, path string, check func(*value, string)) []string {
	if v.kind != kindList {
		hint := ""
		if v.kind == kindString {
			hint = fmt.Sprintf("write [%s]", v.text)
		}
		l.fail(v.pos, fmt.Sprintf("%s is a list, not %s", path, v.kind), hint)
		return nil
	}
	if len(v.items) == 0 {
		// Empty means everything to Match, and nothing to many a reader.
		l.fail(v.pos, path+" is empty", "name what is meant, or remove the key: without it the filter is for all")
	}
	var words []string
	for _, item := range v.items {
		text, ok := l.text(item, path)
		if !ok {
			continue
		}
		if slices.Contains(words, text) {
			l.failf(item, "%s names %q twice", path, text)
			continue
		}
		words = append(words, text)
		check(item, text)
	}
	return words
}

func (l *loader) match(v *value) Match {
	var m Match
	l.object(v, "match", fields{
		"operations": func(v *value) {
			m.Operations = l.words(v, "match.operations", func(v *value, name string) {
				if l.opts.Operations != nil && !slices.Contains(l.opts.Operations, name) {
					l.fail(v.pos, fmt.Sprintf("match.operations: Docker has no operation %q", name), suggest(name, slices.Clone(l.opts.Operations)))
				}
			})
		},
		"methods": func(v *value) {
			m.Methods = l.words(v, "match.methods", func(v *value, name string) {
				if !slices.Contains(methods, name) {
					l.fail(v.pos, fmt.Sprintf("match.methods: %q is not a method", name), suggest(name, slices.Clone(methods)))
				}
			})
		},
		"tenants": func(v *value) {
			m.Tenants = l.words(v, "match.tenants", func(v *value, name string) {
				if !slices.Contains(l.tenantNames(), name) {
					hint := "no tenants are configured"
					if len(l.tenantNames()) > 0 {
						hint = suggest(name, l.tenantNames())
					}
					l.fail(v.pos, fmt.Sprintf("match.tenants: there is no tenant %q", name), hint)
				}
			})
		},
		"paths": func(v *value) {
			l.words(v, "match.paths", func(v *value, expression string) {
				re, err := regexp.Compile(expression)
				if err != nil {
					l.failf(v, "match.paths: %q is not a regular expression: %s", expression, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
					return
				}
				m.Paths = append(m.Paths, re)
			})
		},
	})
	return m
}

// tenantNames returns what the tenants list calls its tenants, rightly or not.
func (l *loader) tenantNames() []string {
	var names []string
	if l.tenantList != nil {
		for _, item := range l.tenantList.items {
			if name := item.get("name"); name != nil {
				names = append(names, name.text)
			}
		}
	}
	return names
}

// module reads the file that a filter's module key names.
func (l *loader) module(v *value, f *Filter) {
	text, ok := l.text(v, "module")
	if !ok {
		return
	}
	if scheme, _, found := strings.Cut(text, "://"); found {
		location, err := url.Parse(text)
		switch {
		case scheme != "file":
			l.fail(v.pos, fmt.Sprintf("module: only files are supported, not %s://", scheme), "download the module and give its path")
			return
		case err != nil || location.Host != "" || location.RawQuery != "" || location.Fragment != "" || !filepath.IsAbs(location.Path):
			l.fail(v.pos, fmt.Sprintf("module: %q is not a file's address", text), "write file:///absolute/path, or a plain path relative to this file")
			return
		}
		text = location.Path
	}
	f.Module = l.resolve(v, text)
	l.readModule(f, v.pos, similarModule)
}

// readModule reads the file of a filter's module, once. Whose problem it is when that
// fails is told by checkOrigin; hint makes what is said of it.
func (l *loader) readModule(f *Filter, pos Position, hint func(path string) string) {
	path := f.Module
	l.watched(path)
	m := l.modules[path]
	if m == nil {
		m = &moduleFile{}
		m.code, m.err = readRegular(path, maxModuleBytes)
		if m.err == nil && len(m.code) == 0 {
			m.err = fmt.Errorf("%s is empty", path)
		}
		m.digest = sha256.Sum256(m.code)
		l.modules[path] = m
	}
	if f.Code = m.code; m.err != nil {
		f.unread = &Error{Pos: pos, Message: "cannot read the module: " + reason(m.err), Hint: hint(path)}
	}
}

// similarModule suggests a module beside one that is missing.
func similarModule(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".wasm") {
			names = append(names, e.Name())
		}
	}
	hint := suggest(filepath.Base(path), names)
	if !strings.HasPrefix(hint, "did you mean") || strings.Contains(hint, fmt.Sprintf("%q", filepath.Base(path))) {
		return ""
	}
	return hint
}
