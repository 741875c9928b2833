package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // a negative result, or a start that failed
	exitUsage       = 2
	exitUnreachable = 3 // the engine, or a gateway that a command talks to
	exitUntrusted   = 4 // a module is not what was pinned or signed
)

// failure is an error with the exit code that it ends the process with. Every
// other error comes from cobra and is about the command line.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{code: exitFailed, err: err}
}

// loadFailed is for what config.Load found out.
func loadFailed(err error) error {
	var problems config.Errors
	if errors.As(err, &problems) && problems.Untrusted() {
		return &failure{code: exitUntrusted, err: err}
	}
	return failed(err)
}

// command is what all subcommands work with.
type command struct {
	environ        []string
	stdout, stderr io.Writer
}

// run is the command line: arguments in, exit code out.
func run(args, environ []string, stdout, stderr io.Writer) int {
	c := &command{environ: environ, stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:           "sluice",
		Short:         "A gateway in front of the Docker socket, programmable with WebAssembly filters",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("; did you mean %q?", near[0])
			}
			return fmt.Errorf("there is no command %q%s", args[0], hint)
		},
		// Without it cobra would print the help for any unknown command, and end well.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(c.serve(), c.validate(), c.quickstart(), c.inspect(), c.token(), c.sign(), c.version())

	called, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	var f *failure
	if errors.As(err, &f) {
		c.report(f.err)
		return f.code
	}
	fmt.Fprintf(stderr, "sluice: %s\nsee %s --help\n", err, called.CommandPath())
	return exitUsage
}

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if cmd.Flags().Lookup("config") != nil {
		hint = fmt.Sprintf("; did you mean --config %s?", args[0])
	}
	return fmt.Errorf("%s takes no arguments%s", cmd.Name(), hint)
}

// report writes an error for a person: problems of a configuration with their
// excerpts, everything else one by one. What has a place in a file begins with
// it, so that editors and CI can jump there.
func (c *command) report(err error) {
	var problems config.Errors
	if errors.As(err, &problems) {
		fmt.Fprint(c.stderr, problems.Detail())
		fmt.Fprintf(c.stderr, "sluice: the configuration has %s\n", count(len(problems), "problem"))
		return
	}
	for _, err := range flatten(err) {
		prefix := "sluice: "
		var filter *host.FilterError
		if errors.As(err, &filter) {
			prefix = ""
		}
		fmt.Fprintf(c.stderr, "%s%s\n", prefix, strings.ReplaceAll(err.Error(), "\n", "\n    "))
	}
}

// flatten undoes errors.Join.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, flatten(err)...)
	}
	return all
}
