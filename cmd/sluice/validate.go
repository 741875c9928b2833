package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
)

func (c *command) validate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate --config FILE",
		Short: "Read a configuration, compile and start its filters, serve nothing",
		Long: `Validate does everything that serve does before it opens the listeners: it reads and checks the configuration,
compiles every module, starts an instance and hands it its configuration.

A line for each filter goes to stdout: name, digest, ABI, size, the stages it is called at. Below it stand what its
imports are for, what it is granted, and the host calls that it imports and is not granted, with the line that would
grant them: SDKs import more than a filter calls. What a running filter is refused shows in /filters. All problems go to
stderr, and the exit code is 1 if there is one. Warnings leave it at 0.`,
		Args: noArguments,
	}
	configFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opts, err := c.options(cmd.Flags())
		if err != nil {
			return err
		}
		cfg, err := config.Load(opts)
		if err != nil {
			return loadFailed(err)
		}
		report, err := host.Validate(cmd.Context(), host.Options{Config: cfg, Logger: newLogger(c.stderr, cfg.Log)})
		if err != nil {
			return failed(err)
		}
		if err := c.printReport(report); err != nil {
			return failed(err)
		}
		if err := report.Err(); err != nil {
			return failed(err)
		}
		services := ""
		if n := len(cfg.Services); n > 0 {
			services = " and " + count(n, "service")
		}
		_, err = fmt.Fprintf(c.stdout, "valid: %s, %s%s before %s\n", count(len(cfg.Listeners), "listener"), count(len(cfg.Filters), "filter"), services, cfg.Upstream)
		return failed(err)
	}
	return cmd
}

// printReport writes a line for each filter, and below it its warnings. What is
// wrong with one goes to stderr with all other problems.
func (c *command) printReport(report *host.Report) error {
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for i := range report.Filters {
		f := &report.Filters[i]
		if f.Err != nil {
			fmt.Fprintf(table, "FAIL\t%s\t%s\n", f.Name, f.Module)
			continue
		}
		stages := f.Stages
		switch {
		case f.Kind == config.KindService:
			stages = "service"
		case stages == "":
			stages = "no stage"
		}
		fmt.Fprintf(table, "ok\t%s\t%s\tsha256:%.12s\tproxy-wasm %s\t%s\t%s", f.Name, f.Module, f.Digest, f.ABI, size(f.Size), stages)
		if f.Signed != "" {
			fmt.Fprintf(table, "\t%s", f.Signed)
		}
		fmt.Fprintln(table)
		uses := "nothing that is to be granted"
		if len(f.Uses) > 0 {
			uses = strings.Join(f.Uses, ", ")
		}
		fmt.Fprintf(table, "uses\t%s\t%s\n", f.Name, uses)
		fmt.Fprintf(table, "grant\t%s\t%s\n", f.Name, f.Granted)
		for _, missing := range f.Missing {
			fmt.Fprintf(table, "lacks\t%s\t%s\n", f.Name, missing)
		}
		for _, warning := range f.Warnings {
			fmt.Fprintf(table, "warn\t%s\t%s\n", f.Name, warning)
		}
	}
	return table.Flush()
}

func size(n int) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
