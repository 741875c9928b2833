package config

import (
	"slices"
	"strconv"
	"strings"
)

// Position is a place in the configuration's sources.
type Position struct {
	// File is the path as it was given or composed, or the environment variable
	// (SLUICE_UPSTREAM) or flag (--upstream) that a setting came from.
	File string

	// Line and Column count from 1, columns in characters. 0 when the place is
	// the whole source.
	Line, Column int
}

// String returns "file:line:column", or "file" alone where there is no line.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Error is one problem of a configuration.
type Error struct {
	// Pos is where the problem is written.
	Pos Position

	// Message says what is wrong.
	Message string

	// Hint says what to do, "" when the message says it already.
	Hint string

	// Excerpt is the source line with a mark below the column, two lines
	// without a final newline. "" when there is no such line.
	Excerpt string

	// Untrusted says that a module is not the one that was pinned or signed.
	Untrusted bool
}

// Error returns the problem on one line: "file:line:column: message; hint".
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.Pos.String(); at != "" {
		b.WriteString(at)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Failure is the error of Load.
type Failure struct {
	// Problems is everything that is wrong.
	Problems Errors

	// Watch is as Config.Watch: a change in one of these files may mend it.
	Watch []string
}

// Error returns one line for each problem.
func (f *Failure) Error() string { return f.Problems.Error() }

// Unwrap returns the problems, for errors.As.
func (f *Failure) Unwrap() error { return f.Problems }

// Errors is every problem of a configuration, sorted by place: files in the
// order in which they were read, then environment variables and flags. It is
// never empty.
type Errors []*Error

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, problem := range e {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Untrusted tells whether one of the problems is that a module is not the one
// that was pinned or signed.
func (e Errors) Untrusted() bool {
	return slices.ContainsFunc(e, func(problem *Error) bool { return problem.Untrusted })
}

// Detail returns what Error returns with each problem's excerpt below it, for a
// person at a terminal. It ends with a newline.
func (e Errors) Detail() string {
	var b strings.Builder
	for _, problem := range e {
		b.WriteString(problem.Error())
		b.WriteByte('\n')
		if problem.Excerpt != "" {
			b.WriteString(problem.Excerpt)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Unwrap returns the problems one by one, for errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, problem := range e {
		errs[i] = problem
	}
	return errs
}
