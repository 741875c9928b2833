// Bench measures the request path end to end against the proxies that this machine has: `make bench`.
//
// It starts a backend that answers with 2.3 KB of chunked JSON, and before it, all over unix sockets, a pass of bytes, haproxy, nginx, a
// tuned httputil.ReverseProxy, and Sluice with 0, 1, 4 and 10 filters of all four stages and with the quickstart's filters. All run at once
// and are driven in turn, round by round, so that whatever else the machine does touches all of them. What it prints are ratios within
// one round, and of those the median: absolute figures of a shared machine mean little. The proxies log nothing, Sluice included (log level
// warn).
//
// `make bench-fair` measures instead what one tenant keeps of a gateway while another one's filter attacks it, with each attack of the menagerie;
// `make bench-bills` what each of them costs the gateway, and what its tenant is charged for it.
//
// A second part drives GET /containers/json of a real Docker Engine where one answers, a third bodies of 16 MiB.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 && helpers[os.Args[1]] != nil {
		if err := helpers[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how often every target is driven; medians are printed")
	flag.DurationVar(&o.slice, "slice", time.Second, "how long a target is driven in a round with many connections; half of it with one")
	flag.IntVar(&o.connections, "connections", 64, "how many are many")
	flag.StringVar(&o.sluice, "sluice", "", "sluice binary (default: built from this tree)")
	flag.StringVar(&o.engine, "engine", "unix:///var/run/docker.sock", "Docker Engine for the second part")
	flag.BoolVar(&o.fairness, "fair", false, "instead of all that: what a tenant has of a gateway while another one's filter attacks")
	flag.BoolVar(&o.bills, "bills", false, "instead of all that: what attacks cost the gateway, and what their tenant is charged")
	flag.StringVar(&o.only, "only", "", "with -fair and -bills: attacks whose name this regular expression matches, and no others")
	flag.StringVar(&o.profiles, "profiles", "", "with -fair: a directory for the processor profile of each gateway")
	pin := flag.Bool("pin", false, "put everything on one processor")
	flag.Parse()
	if *pin && os.Getenv(pinned) == "" {
		if err := pinAndRestart(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: pin:", err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds      int
	slice       time.Duration
	connections int
	sluice      string
	engine      string
	fairness    bool
	bills       bool
	only        string
	profiles    string
}

// run is the whole benchmark.
func run(ctx context.Context, o options) error {
	scratch, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if o.sluice == "" && !o.fairness && !o.bills {
		o.sluice = filepath.Join(scratch, "sluice")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", o.sluice, "./cmd/sluice").CombinedOutput(); err != nil {
			return fmt.Errorf("build sluice (run from the top of the repository): %w\n%s", err, out)
		}
	}
	fmt.Printf("%d processors, %s, %d rounds of %v; medians of the rounds' ratios\n", runtime.NumCPU(), runtime.Version(), o.rounds, o.slice)

	b := &bench{options: o, scratch: scratch}
	defer b.stopAll()
	switch {
	case o.fairness:
		return b.fair(ctx)
	case o.bills:
		return b.bills(ctx)
	}
	backend, err := b.startHelper(ctx, "backend", "backend")
	if err != nil {
		return err
	}
	if err := b.small(ctx, backend); err != nil {
		return err
	}
	if err := b.large(ctx, backend); err != nil {
		return err
	}
	b.stopAll()
	return b.dockerd(ctx)
}

// pinned marks a process that was already restarted on one processor.
const pinned = "SLUICE_BENCH_PINNED"

// pinAndRestart binds this thread to the first processor and starts the program anew: its threads and children inherit that.
func pinAndRestart() error {
	runtime.LockOSThread()
	var allowed, first unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return err
	}
	for cpu := range 1024 {
		if allowed.IsSet(cpu) {
			first.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, append(os.Environ(), pinned+"=1"))
}
