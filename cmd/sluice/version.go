package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (c *command) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of sluice, Go and the WebAssembly engine",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(c.stdout, versions(debug.ReadBuildInfo()))
			return failed(err)
		},
	}
}

// versions describes a build: what it was made from and with.
func versions(info *debug.BuildInfo, ok bool) string {
	sluice, revision, wazero := "unknown", "", "unknown"
	if ok {
		if sluice = info.Main.Version; sluice == "" {
			sluice = "(devel)"
		}
		for _, dep := range info.Deps {
			if dep.Path == "github.com/tetratelabs/wazero" {
				wazero = dep.Version
			}
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if revision = settings["vcs.revision"]; revision != "" {
			if settings["vcs.modified"] == "true" {
				revision += " with changes"
			}
			revision = "revision  " + revision + "\n"
		}
	}
	return fmt.Sprintf("sluice    %s\n%sgo        %s %s/%s\nwazero    %s\n", sluice, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH, wazero)
}
