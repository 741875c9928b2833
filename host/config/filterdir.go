package config

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// dropped is the name of a module in a filter directory: its order, perhaps the
// half of the stream that it is for, and the filter's name.
var dropped = regexp.MustCompile(`^([0-9]{1,3})\.(?:(request|response)\.)?([A-Za-z0-9][A-Za-z0-9_.-]{0,63})\.wasm$`)

const droppedPattern = "{order}.{name}.wasm or {order}.{request|response}.{name}.wasm, the order a number from 0 to 999"

// filterDir adds the modules of the filter directory to the chain: by order,
// those of one order by file name.
func (l *loader) filterDir(c *Config) {
	at := Position{File: c.FiltersDir}
	l.rank(at.File)
	l.watched(c.FiltersDir)
	entries, err := os.ReadDir(c.FiltersDir)
	if err != nil {
		l.fail(l.writtenAt("filters_dir", at), "cannot read filters_dir: "+reason(err), "")
		return
	}
	type module struct {
		order      int
		file, half string
		filter     Filter
	}
	var modules []module
	for _, e := range entries {
		file := e.Name()
		if strings.HasPrefix(file, ".") || !strings.HasSuffix(file, ".wasm") {
			continue
		}
		path := filepath.Join(c.FiltersDir, file)
		parts := dropped.FindStringSubmatch(file)
		if parts == nil {
			l.fail(Position{File: path}, "the name does not say where in the chain this module belongs", "name it "+droppedPattern)
			continue
		}
		order, _ := strconv.Atoi(parts[1]) // one to three digits
		modules = append(modules, module{order, file, parts[2], Filter{Name: parts[3], Module: path, Pos: Position{File: path}}})
	}
	slices.SortFunc(modules, func(a, b module) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.file, b.file))
	})
	for _, m := range modules {
		f := m.filter
		l.readModule(&f, f.Pos, func(string) string { return "" })
		l.sideFile(&f, strings.TrimSuffix(f.Module, ".wasm")+".yaml", m.half)
		l.add(c, f, m.half)
	}
}

// sideFile reads what stands beside a module in the filter directory: a
// filter's keys but for its name and module, which the module's file name says.
func (l *loader) sideFile(f *Filter, path, half string) {
	if half != "" {
		f.Stages = slices.DeleteFunc(stagesOf(half), func(stage string) bool { return strings.HasSuffix(stage, "_trailers") }) // to be asked for
	}
	if _, err := os.Lstat(path); os.IsNotExist(err) {
		return
	}
	root := l.parseFile(path)
	if root == nil {
		return
	}
	allowed := stagesOf(half)
	known := l.filterKeys(f)
	taken := func(key string) func(*value) {
		return func(v *value) {
			l.failf(v, "%s cannot be written here: the name of the module's file says it", key)
		}
	}
	known["name"], known["module"] = taken("name"), taken("module")
	l.object(root, "a filter", known)
	if half == "" {
		return
	}
	for _, stage := range f.Stages {
		if !slices.Contains(allowed, stage) {
			l.failf(root.get("stages"), "stages: the name of the module's file limits this filter to the %s, so %s cannot be among its stages", half, stage)
		}
	}
}

// stagesOf are the stages of a half.
func stagesOf(half string) []string {
	return slices.DeleteFunc(StageNames(), func(stage string) bool { return !strings.HasPrefix(stage, half) })
}

// writtenAt returns where the files write a top-level scalar, the last one
// winning, or else the given place.
func (l *loader) writtenAt(key string, otherwise Position) Position {
	for _, f := range slices.Backward(l.files) {
		if v := f.root.get(key); v != nil {
			return v.pos
		}
	}
	return otherwise
}
