package sluice

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Config reads a filter's configuration, a JSON object, strictly: a key that nobody asked for, a key that is there twice
// and a value of another type are problems, and all problems are reported at once, each naming its key. The getters
// return the zero value where there is a problem, so that Parse can go on; what it returns is then not used.
type Config struct {
	path     string // of this object, with a dot at its end: "rules[0]."
	keys     []string
	values   []gjson.Result
	asked    []string
	children []*Config
	problems *problems
}

type problems struct{ list []string }

func newConfig(text string) (*Config, bool) {
	c := &Config{problems: new(problems)}
	text = strings.TrimSpace(text)
	if text == "" || text == "null" {
		return c, true // a filter that was given no configuration
	}
	if !gjson.Valid(text) {
		c.problem("", "the configuration is not valid JSON")
		return c, false
	}
	root := gjson.Parse(text)
	if !root.IsObject() {
		c.problem("", "the configuration is "+typeName(root)+", want an object")
		return c, false
	}
	c.read(root)
	return c, true
}

func (c *Config) read(object gjson.Result) {
	object.ForEach(func(key, value gjson.Result) bool {
		if slices.Contains(c.keys, key.Str) {
			c.problem(key.Str, "is there twice")
			return true
		}
		c.keys = append(c.keys, key.Str)
		c.values = append(c.values, value)
		return true
	})
}

// finish reports the keys that nobody asked for and tells whether there was no problem.
func (c *Config) finish() bool {
	for _, key := range c.keys {
		if slices.Contains(c.asked, key) {
			continue
		}
		text := "unknown key"
		if guess := nearest(key, c.asked); guess != "" {
			text += ", did you mean " + guess + "?"
		} else if len(c.asked) > 0 {
			text += "; the keys are " + strings.Join(c.asked, ", ")
		} else {
			text += "; this filter takes no configuration"
		}
		c.problem(key, text)
	}
	for _, child := range c.children {
		child.finish()
	}
	return len(c.problems.list) == 0
}

// Problem refuses the configuration because of this key, for what only the filter itself can find wrong.
func (c *Config) Problem(key, problem string) { c.problem(key, problem) }

func (c *Config) problem(key, problem string) {
	where := c.path + key
	if key == "" {
		where = strings.TrimSuffix(c.path, ".")
	}
	if where != "" {
		problem = where + ": " + problem
	}
	c.problems.list = append(c.problems.list, problem)
}

// get returns the value of a key, and false when it is absent or null.
func (c *Config) get(key string) (gjson.Result, bool) {
	if !slices.Contains(c.asked, key) {
		c.asked = append(c.asked, key)
	}
	if i := slices.Index(c.keys, key); i >= 0 {
		return c.values[i], c.values[i].Type != gjson.Null
	}
	return gjson.Result{}, false
}

func (c *Config) mismatch(key string, got gjson.Result, want string) {
	c.problem(key, "is "+typeName(got)+", want "+want)
}

// Has tells whether the key is there and not null.
func (c *Config) Has(key string) bool {
	_, ok := c.get(key)
	return ok
}

// String returns a string.
func (c *Config) String(key, byDefault string) string {
	v, ok := c.get(key)
	if !ok {
		return byDefault
	}
	if v.Type != gjson.String {
		c.mismatch(key, v, "a string")
		return ""
	}
	return v.Str
}

// OneOf returns a string that is one of these.
func (c *Config) OneOf(key, byDefault string, allowed ...string) string {
	s := c.String(key, byDefault)
	if _, ok := c.get(key); ok && !slices.Contains(allowed, s) {
		c.problem(key, "is "+strconv.Quote(s)+", want "+strings.Join(allowed, " or "))
	}
	return s
}

// Bool returns a boolean.
func (c *Config) Bool(key string, byDefault bool) bool {
	v, ok := c.get(key)
	if !ok {
		return byDefault
	}
	if !v.IsBool() {
		c.mismatch(key, v, "true or false")
		return false
	}
	return v.Type == gjson.True
}

// Int returns an integer between least and most.
func (c *Config) Int(key string, byDefault, least, most int64) int64 {
	v, ok := c.get(key)
	if !ok {
		return byDefault
	}
	n, err := strconv.ParseInt(v.Raw, 10, 64)
	if v.Type != gjson.Number || err != nil {
		c.mismatch(key, v, "an integer")
		return 0
	}
	if n < least || n > most {
		c.problem(key, "is "+v.Raw+", want "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10))
	}
	return n
}

// Strings returns a list of strings; nil when absent.
func (c *Config) Strings(key string) []string {
	var out []string
	c.each(key, "a list of strings", func(where string, v gjson.Result) {
		if v.Type != gjson.String {
			c.mismatch(where, v, "a string")
			return
		}
		out = append(out, v.Str)
	})
	return out
}

// Regexps returns a list of regular expressions in Go's syntax, each between prefix and suffix: "^(?:" and ")$" for
// expressions that must match the whole text.
func (c *Config) Regexps(key, prefix, suffix string) []*regexp.Regexp {
	var out []*regexp.Regexp
	c.each(key, "a list of regular expressions", func(where string, v gjson.Result) {
		if v.Type != gjson.String {
			c.mismatch(where, v, "a regular expression")
			return
		}
		if _, err := regexp.Compile(v.Str); err != nil { // without the frame, whose parts could complete each other
			c.problem(where, err.Error())
			return
		}
		re, err := regexp.Compile(prefix + v.Str + suffix)
		if err != nil {
			c.problem(where, err.Error())
			return
		}
		out = append(out, re)
	})
	return out
}

// Operations returns a list of operations. A name that is none is a problem: a rule with it would never match.
func (c *Config) Operations(key string) []Operation {
	names := c.Strings(key)
	out := make([]Operation, 0, len(names))
	for _, name := range names {
		if !Operation(name).Known() {
			text := strconv.Quote(name) + " is no operation of Docker's API"
			all := make([]string, len(operations))
			for i, o := range operations {
				all[i] = string(o)
			}
			if guess := nearest(name, all); guess != "" {
				text += ", did you mean " + guess + "?"
			}
			c.problem(key, text)
			continue
		}
		out = append(out, Operation(name))
	}
	return out
}

// Pair is a key of a map and its value.
type Pair struct{ Key, Value string }

// Map returns an object of strings in the order of the configuration; nil when absent.
func (c *Config) Map(key string) []Pair {
	v, ok := c.get(key)
	if !ok {
		return nil
	}
	if !v.IsObject() {
		c.mismatch(key, v, "an object of strings")
		return nil
	}
	inner := c.child(key, v)
	inner.asked = inner.keys // any key is welcome
	var out []Pair
	for i, k := range inner.keys {
		if inner.values[i].Type != gjson.String {
			inner.mismatch(k, inner.values[i], "a string")
			continue
		}
		out = append(out, Pair{k, inner.values[i].Str})
	}
	return out
}

// Object returns a nested object, an empty one when absent.
func (c *Config) Object(key string) *Config {
	v, ok := c.get(key)
	if ok && !v.IsObject() {
		c.mismatch(key, v, "an object")
		ok = false
	}
	if !ok {
		v = gjson.Result{}
	}
	return c.child(key, v)
}

// Objects returns a list of objects; nil when absent.
func (c *Config) Objects(key string) []*Config {
	var out []*Config
	c.each(key, "a list of objects", func(where string, v gjson.Result) {
		if !v.IsObject() {
			c.mismatch(where, v, "an object")
			return
		}
		out = append(out, c.child(where, v))
	})
	return out
}

func (c *Config) child(key string, object gjson.Result) *Config {
	inner := &Config{path: c.path + key + ".", problems: c.problems}
	if object.IsObject() {
		inner.read(object)
	}
	c.children = append(c.children, inner)
	return inner
}

func (c *Config) each(key, want string, visit func(where string, v gjson.Result)) {
	v, ok := c.get(key)
	if !ok {
		return
	}
	if !v.IsArray() {
		c.mismatch(key, v, want)
		return
	}
	at := 0
	v.ForEach(func(_, element gjson.Result) bool {
		visit(key+"["+strconv.Itoa(at)+"]", element)
		at++
		return true
	})
}

func typeName(v gjson.Result) string {
	switch {
	case v.IsObject():
		return "an object"
	case v.IsArray():
		return "a list"
	case v.IsBool():
		return "a boolean"
	case v.Type == gjson.Number:
		return "a number"
	case v.Type == gjson.String:
		return "a string"
	}
	return "null"
}

// nearest returns the candidate that s was probably meant to be: at most two letters off, case aside.
func nearest(s string, candidates []string) string {
	best, guess := 3, ""
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(s), strings.ToLower(candidate)); d < best {
			best, guess = d, candidate
		}
	}
	return guess
}

// distance is how many letters have to be inserted, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
