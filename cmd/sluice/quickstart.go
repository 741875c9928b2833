package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluice-gateway/sluice/filters"
	"github.com/sluice-gateway/sluice/host/config"
)

const defaultEngine = "unix:///var/run/docker.sock"

func (c *command) quickstart() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quickstart",
		Short: "Serve the bundled filters before the local engine, or before a stand-in, to try them",
		Long: `Quickstart writes the bundled filters and a configuration for them into a directory and serves it, before the engine
at --upstream, $DOCKER_HOST or ` + defaultEngine + `. Where none answers it serves before an embedded stand-in,
which runs nothing and shows what it was asked.

It prints what to type. Edit the configuration while it runs to see filters being swapped.`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	dir := flags.String("dir", "", "directory for the filters and the configuration (default a directory of this user's, the same each time)")
	socket := flags.String("socket", "", "socket to listen on (default docker.sock in the directory)")
	standIn := flags.Bool("stand-in", false, "serve before the stand-in even if an engine answers")
	config.AddFlags(flags)
	cmd.MarkFlagsMutuallyExclusive("stand-in", "upstream")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		place, err := newQuickstartPlace(*dir, *socket, c.variable("XDG_RUNTIME_DIR"))
		if err != nil {
			return failed(err)
		}
		if err := ping(cmd.Context(), "unix://"+place.socket); err == nil {
			return failed(fmt.Errorf("a gateway is running on %s already; stop it, or give another --dir or --socket", place.socket))
		}
		engine, missing, err := c.findEngine(cmd, place.socket, *standIn)
		if err != nil {
			return err
		}
		if engine == "" {
			embedded, err := startStandIn()
			if err != nil {
				return failed(err)
			}
			defer embedded.stop()
			engine = embedded.address
		}
		if err := place.write(); err != nil {
			return failed(fmt.Errorf("prepare the quickstart: %w", err))
		}
		// Over the file and the environment, and again at every reload.
		if err := cmd.Flags().Set("upstream", engine); err != nil {
			return failed(err)
		}
		opts := c.optionsFor([]string{place.config}, cmd.Flags())
		return c.serveUntilSignal(cmd.Context(), opts, func(_ *config.Config, _ []string) {
			fmt.Fprint(c.stdout, place.guide(engine, missing))
		})
	}
	return cmd
}

// findEngine returns the address of an engine that answers. "" stands for the
// stand-in, with the reason for it. An engine that was asked for by flag has to
// answer.
func (c *command) findEngine(cmd *cobra.Command, socket string, standIn bool) (address, missing string, err error) {
	if standIn {
		return "", "as asked by --stand-in", nil
	}
	address, asked := defaultEngine, false
	if f := cmd.Flags().Lookup("upstream"); flagGiven(f) {
		address, asked = f.Value.String(), true
	} else if v := c.variable("SLUICE_UPSTREAM"); v != "" {
		address, asked = v, true
	} else if v := c.variable("DOCKER_HOST"); strings.HasPrefix(v, "unix://") || strings.HasPrefix(v, "tcp://") {
		// In the shell where the last quickstart was tried, it is this gateway.
		if v != "unix://"+socket {
			address = v
		}
	}
	if err := ping(cmd.Context(), address); err != nil {
		if asked {
			return "", "", &failure{code: exitUnreachable, err: fmt.Errorf("cannot reach the engine: %w", err)}
		}
		return "", err.Error(), nil
	}
	return address, "", nil
}

func flagGiven(f *pflag.Flag) bool { return f != nil && f.Changed }

// quickstartPlace is where a quickstart keeps its files.
type quickstartPlace struct {
	dir, config, socket string
}

// newQuickstartPlace makes the directory. In a temporary directory that all
// users share it must be ours and closed to others: what lies in it is run, and
// whoever can write to it decides what passes.
func newQuickstartPlace(dir, socket, runtimeDir string) (*quickstartPlace, error) {
	if dir == "" {
		if runtimeDir != "" {
			dir = filepath.Join(runtimeDir, "sluice-quickstart")
		} else {
			dir = filepath.Join(os.TempDir(), fmt.Sprintf("sluice-quickstart-%d", os.Getuid()))
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "filters"), 0o700); err != nil {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s has to be a directory of your own that nobody else can write to; remove it, or give another --dir", dir)
	}
	if socket == "" {
		socket = filepath.Join(dir, "docker.sock")
	}
	if socket, err = filepath.Abs(socket); err != nil {
		return nil, err
	}
	return &quickstartPlace{dir: dir, config: filepath.Join(dir, "sluice.yaml"), socket: socket}, nil
}

// write puts the bundled filters and a configuration for them into the
// directory.
func (p *quickstartPlace) write() error {
	for _, f := range filters.Catalog() {
		code, err := filters.Module(f.Name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(p.module(f.Name), code, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(p.config, []byte(p.yaml()), 0o600)
}

func (p *quickstartPlace) module(name string) string {
	return filepath.Join(p.dir, "filters", name+".wasm")
}

// yaml writes the configuration. JSON is YAML, so the filters' stay as they are.
func (p *quickstartPlace) yaml() string {
	var b strings.Builder
	// In single quotes only the quote is special to YAML.
	fmt.Fprintf(&b, `# Written anew by every sluice quickstart. Edit it while the quickstart runs: each change is swapped in, and one with a
# mistake in it changes nothing. To keep it copy it elsewhere with its filters, and run: sluice serve --config FILE

listeners:
  - address: 'unix://%s'

# The chain: requests pass it from first to last, responses from last to first.
filters:
`, strings.ReplaceAll(p.socket, "'", "''"))
	for _, f := range filters.Catalog() {
		mark := ""
		if f.Optional {
			mark = "# "
		}
		fmt.Fprintf(&b, "  # %s\n  %s- name: %s\n  %s  module: filters/%s.wasm\n  %s  config: %s\n\n", f.Description, mark, f.Name, mark, f.Name, mark, f.Config)
	}
	return b.String()
}

// guide is what a quickstart says once it serves. missing is why the stand-in
// is used, "" when it is not.
func (p *quickstartPlace) guide(engine, missing string) string {
	var b strings.Builder
	if missing == "" {
		fmt.Fprintf(&b, "\nSluice is in front of the engine at %s. Its filters:\n\n", engine)
	} else {
		fmt.Fprintf(&b, "\nSluice is in front of a stand-in engine (%s).\nThe stand-in runs nothing; it shows what it was asked. The filters:\n\n", missing)
	}
	for _, f := range filters.Catalog() {
		if !f.Optional {
			fmt.Fprintf(&b, "    %-17s %s\n", f.Name, f.Description)
		}
	}
	fmt.Fprintf(&b, `
In another terminal:

    export DOCKER_HOST=unix://%[1]s
    docker run --rm --privileged busybox true               # denied by no-privileged
    docker swarm init                                       # denied by request-guard
    docker create --name box -e DB_PASSWORD=hunter2 busybox true
    docker inspect --format '{{.Config.Labels}}' box        # labelled by owner-label
    docker inspect --format '{{.Config.Env}}' box           # without the password, by redact-env
    curl -i --unix-socket %[1]s http://docker/version

Edit %[2]s to see filters being swapped. Stop with Ctrl-C.

`, p.socket, p.config)
	return b.String()
}
