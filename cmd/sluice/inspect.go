package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/admin"
	"github.com/sluice-gateway/sluice/host/trust"
)

// maxModule is how large a module's file may be; configurations have the same bound.
const maxModule = 256 << 20

func (c *command) inspect() *cobra.Command {
	var gateway string
	var keys []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect MODULE | --gateway ADDRESS",
		Short: "Show what a module is, or what the filters of a running gateway have used",
		Long: `Inspect reads a module and compiles it, and runs nothing of it: its digest, the version of proxy-wasm, what it imports
and exports and what that is for, its memory and tables, what its signature says, and why the gateway would not load it. The
exit code is 1 where it would not, and 4 where a --key is given and the module is not signed by it.

With --gateway it asks a running gateway, at the address that its configuration has as admin.address: a line for each filter
with its instances, memory, fuel, traps and state, and below it what it was refused. The exit code is 3 where nobody answers.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case gateway == "" && len(args) != 1:
				return fmt.Errorf("inspect takes one module, not %d, or --gateway and the address of a running gateway", len(args))
			case gateway != "" && len(args) > 0:
				return errors.New("inspect takes a module or --gateway, not both")
			case gateway != "" && len(keys) > 0:
				return errors.New("--key is for a module")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&gateway, "gateway", "", "the admin address of a running gateway: unix:///path or tcp://host:port")
	flags.StringArrayVar(&keys, "key", nil, "a public key of minisign that has to have signed the module; several times for any of several")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if gateway != "" {
			return c.inspectGateway(cmd, gateway, asJSON)
		}
		var trusted []trust.Key
		for _, text := range keys {
			key, err := trust.ParseKey(text)
			if err != nil {
				return fmt.Errorf("--key: %w", err)
			}
			trusted = append(trusted, key)
		}
		return c.inspectModule(cmd, args[0], trusted, asJSON)
	}
	return cmd
}

// moduleReport is what is shown of a module.
type moduleReport struct {
	File string `json:"file"`
	*host.Inspection
	Signature *signatureReport `json:"signature,omitempty"`
}

// signatureReport is what stands in the file beside the module.
type signatureReport struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Key     string `json:"key,omitempty"` // its id
	// Verified tells that one of the keys that were given has made it. Without keys
	// it is only what the file claims.
	Verified bool   `json:"verified"`
	Problem  string `json:"problem,omitempty"`
}

func (c *command) inspectModule(cmd *cobra.Command, path string, keys []trust.Key, asJSON bool) error {
	code, err := readModule(path)
	if err != nil {
		return failed(err)
	}
	report := moduleReport{File: path}
	if report.Inspection, err = host.Inspect(cmd.Context(), path, code, 0); err != nil {
		return failed(err)
	}
	var untrusted error
	if report.Signature, untrusted = readSignature(path, code, keys); untrusted != nil {
		untrusted = &failure{code: exitUntrusted, err: fmt.Errorf("%s is not trusted: %w", path, untrusted)}
	}
	if asJSON {
		err = c.printJSON(report)
	} else {
		err = report.print(c.stdout)
	}
	switch {
	case err != nil:
		return failed(err)
	case untrusted != nil:
		return untrusted
	case len(report.Refused) > 0:
		return failed(fmt.Errorf("%s would not be loaded", path))
	}
	return nil
}

func readModule(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxModule:
		return nil, fmt.Errorf("%s has %d bytes, more than a module may have (%d)", path, info.Size(), maxModule)
	}
	return os.ReadFile(path)
}

// readSignature reads the signature beside a module. It is nil where there is none;
// the error is nil unless keys were given.
func readSignature(path string, code []byte, keys []trust.Key) (*signatureReport, error) {
	signature, err := readSmall(path + ".minisig")
	if errors.Is(err, os.ErrNotExist) {
		if len(keys) > 0 {
			return nil, fmt.Errorf("there is no signature %s.minisig", path)
		}
		return nil, nil
	}
	var said trust.Statement
	if err == nil {
		if len(keys) > 0 {
			said, err = trust.Verify(keys, code, signature)
		} else {
			said, err = trust.Claims(signature)
		}
	}
	if err != nil {
		if len(keys) == 0 {
			return &signatureReport{Problem: err.Error()}, nil
		}
		return &signatureReport{Problem: err.Error()}, err
	}
	return &signatureReport{Name: said.Name, Version: said.Version.String(), Key: said.Key, Verified: len(keys) > 0}, nil
}

func (c *command) printJSON(value any) error {
	e := json.NewEncoder(c.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // it is shown by no browser
	return e.Encode(value)
}

func (r *moduleReport) print(w io.Writer) error {
	p := &printer{w: w}
	p.line("module", r.File)
	p.line("sha256", r.Digest)
	p.line("size", fmt.Sprintf("%s, %s and %s of data", size(r.Size), count(int(r.Functions), "function"), size(r.Data)))
	p.line("proxy-wasm", orNone(shown(r.ABI)))
	p.line("stages", orNone(r.Stages))
	if m := r.Memory; m != nil {
		most := "as much as limits.memory allows"
		if m.Most > 0 {
			most = size(int(m.Most)) + " at most"
		}
		p.line("memory", size(int(m.Least))+" at the start, "+most)
	}
	for _, t := range r.Tables {
		p.line("table", count(int(t.Least), "element"))
	}
	if s := r.Signature; s != nil {
		switch {
		case s.Problem != "":
			p.line("signature", s.Problem)
		case s.Verified:
			p.line("signature", fmt.Sprintf("%s %s, by key %s", s.Name, s.Version, s.Key))
		default:
			p.line("signature", fmt.Sprintf("claims %s %s, by key %s; --key checks it", s.Name, s.Version, s.Key))
		}
	}
	for _, h := range r.HostCalls {
		p.line("import", printable(h.Module)+"."+printable(h.Name)+inBrackets(h.Group))
	}
	for _, e := range r.Imports {
		if e.Kind != "function" {
			p.line("import", printable(e.Module)+"."+printable(e.Name)+", a "+e.Kind)
		}
	}
	for _, e := range r.Exports {
		kind := " " + e.Type
		if e.Kind != "function" {
			kind = ", a " + e.Kind
		}
		p.line("export", printable(e.Name)+kind)
	}
	for _, warning := range r.Warnings {
		p.line("warning", warning)
	}
	for _, why := range r.Refused {
		p.line("refused", printable(why))
	}
	return p.err
}

// printer writes lines with a word before them, until one fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(word, text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, "%-11s %s\n", word, text)
	}
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func inBrackets(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// printable quotes what would do something to a terminal.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

func shown(words []string) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = printable(word)
	}
	return all
}

func (c *command) inspectGateway(cmd *cobra.Command, address string, asJSON bool) error {
	filters, err := admin.Ask(cmd.Context(), address)
	var unreachable *admin.Unreachable
	switch {
	case errors.As(err, &unreachable):
		return &failure{code: exitUnreachable, err: err}
	case err != nil:
		return failed(err)
	}
	if asJSON {
		return failed(c.printJSON(filters))
	}
	return failed(printFilters(c.stdout, filters))
}
