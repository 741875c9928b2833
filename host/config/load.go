package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Load reads, merges and checks a configuration. A non-nil error is a *Failure
// with everything that is wrong; there is no Config then. Load reads modules and TLS
// files but changes nothing and opens no socket.
func Load(opts Options) (*Config, error) {
	l := &loader{
		opts:    opts,
		ranks:   map[string]int{},
		lines:   map[string][]string{},
		watch:   map[string]bool{},
		modules: map[string]*moduleFile{},
		nested:  map[string]*value{},
	}
	for _, path := range opts.Files {
		l.readFile(path)
	}
	l.checkSections()

	c := &Config{}
	l.settings(c)
	l.verifySection()
	l.buildkitSection(c)
	l.listeners(c)
	l.tenants(c)
	halveConnections(c)
	l.upstreams(c)
	l.filters(c)
	addDocker(c)
	l.ttls(c)
	l.tags(c)
	l.checkTotalMemory(c)
	l.checkAdmin(c)
	l.checkLoops(c)
	l.checkTokens(c)
	l.checkReachable(c)
	if len(l.errs) > 0 {
		return nil, &Failure{Problems: l.sorted(), Watch: keysOf(l.watch)}
	}
	c.Watch = keysOf(l.watch)
	c.digest = l.digest(c)
	return c, nil
}

// loader is one call of Load.
type loader struct {
	opts  Options
	files []file
	errs  Errors

	ranks map[string]int      // a source's place in the order of reading
	lines map[string][]string // a file's lines, for excerpts

	watch    map[string]bool
	modules  map[string]*moduleFile // by absolute path
	secrets  []Position             // lines that are not to be shown
	tlsFiles [][]byte               // contents, in order of reading, for the digest

	listenerList, tenantList, upstreamList, filterList, verifyMap, buildkitMap *value
	adminAddress                                                               *value // where it is written
	totalMemory                                                                *value
	connections                                                                int               // of limits.connections
	nested                                                                     map[string]*value // the lists of nestedLists that were written

	verify verification
}

// file is one configuration file that could be parsed.
type file struct {
	path string
	root *value // a map
}

// fail records a problem.
func (l *loader) fail(pos Position, message, hint string) {
	l.rank(pos.File)
	l.errs = append(l.errs, &Error{Pos: pos, Message: message, Hint: hint, Excerpt: l.excerpt(pos)})
}

func (l *loader) failf(v *value, format string, args ...any) {
	l.fail(v.pos, fmt.Sprintf(format, args...), "")
}

// rank notes a source's place in the order of reading.
func (l *loader) rank(source string) {
	if _, known := l.ranks[source]; !known {
		l.ranks[source] = len(l.ranks)
	}
}

func (l *loader) sorted() Errors {
	for _, e := range l.errs {
		if slices.Contains(l.secrets, Position{File: e.Pos.File, Line: e.Pos.Line}) {
			e.Excerpt = ""
		}
	}
	slices.SortStableFunc(l.errs, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(l.ranks[a.Pos.File], l.ranks[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
	return l.errs
}

// excerpt shows a line with a mark below the column. A long line is cut.
func (l *loader) excerpt(pos Position) string {
	lines := l.lines[pos.File]
	if pos.Line < 1 || pos.Line > len(lines) {
		return ""
	}
	text := []rune(strings.TrimRight(lines[pos.Line-1], "\r"))
	if pos.Column < 1 || pos.Column > 120 {
		return ""
	}
	column := min(pos.Column, len(text)+1) // a value that is missing has its place behind the line
	// The mark stands under the column only if a tab above it is one below it.
	before := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(text[:column-1]))
	if len(text) > 120 {
		text = append(text[:119:119], '…')
	}
	return fmt.Sprintf("%5d | %s\n      | %s^", pos.Line, string(text), before)
}

// readFile parses one file of Options.Files.
func (l *loader) readFile(path string) {
	root := l.parseFile(path)
	if root != nil {
		l.files = append(l.files, file{path: path, root: root})
	}
}

// parseFile reads a YAML file whose top is a map. It returns nil after a problem,
// and an empty map for an empty file.
func (l *loader) parseFile(path string) *value {
	l.rank(path)
	l.watched(path)
	whole := Position{File: path}
	content, err := readRegular(path, maxYAMLBytes)
	if err != nil {
		l.fail(whole, "cannot read the configuration: "+reason(err), "")
		return nil
	}
	if !utf8.Valid(content) {
		l.fail(whole, "the file is not UTF-8 text", "")
		return nil
	}
	l.lines[path] = strings.Split(strings.TrimPrefix(string(content), "\ufeff"), "\n")
	before := len(l.errs)
	root := parseYAML(path, content, l.fail)
	switch {
	case root == nil && len(l.errs) > before:
		return nil
	case root == nil || root.kind == kindNull:
		return &value{pos: whole, kind: kindMap}
	case root.kind != kindMap:
		l.failf(root, "a configuration is a map of keys and values, not %s", root.kind)
		return nil
	}
	return root
}

// watched adds a path and, where it is a symbolic link, what it leads to.
func (l *loader) watched(path string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return // without a working directory no file can be read either
	}
	l.watch[abs] = true
	if real, err := filepath.EvalSymlinks(abs); err == nil && real != abs {
		l.watch[real] = true
	}
}

// resolve makes a path absolute: relative to the file that names it, or to the
// working directory when a variable or a flag does.
func (l *loader) resolve(v *value, path string) string {
	if !filepath.IsAbs(path) && !v.loose {
		path = filepath.Join(filepath.Dir(v.pos.File), path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		l.failf(v, "cannot make %q absolute: %s", path, reason(err))
		return path
	}
	return abs
}

// readRegular reads a file of limited size. Only regular files: opening a pipe
// would hang, and a device has no end.
func readRegular(path string, limit int64) ([]byte, error) {
	// What is looked at is what is read: somebody else may own the file, and put another
	// thing into its place at any time.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %s", path, info.Size(), formatBytes(limit))
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		return nil, fmt.Errorf("%s grows beyond %s while it is read", path, formatBytes(limit))
	}
	return content, err
}

// reason drops what a file error repeats: the operation.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	return err.Error()
}
