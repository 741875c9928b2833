package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
)

func (c *command) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve a configuration until SIGINT or SIGTERM",
		Long: `Serve opens the listeners of a configuration and passes every request through its filters to the engine.

SIGINT and SIGTERM stop it: no new connections, and reload.drain time for the streams that run; a second signal
cuts them. SIGHUP reads the configuration again, as does every change of its files unless reload.watch is false.
A configuration with problems changes nothing.`,
		Args: noArguments,
	}
	configFlags(cmd.Flags())
	standIn := cmd.Flags().Bool("stand-in", false, "serve in front of an embedded engine that runs nothing, to try filters without Docker")
	cmd.MarkFlagsMutuallyExclusive("stand-in", "upstream")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opts, err := c.options(cmd.Flags())
		if err != nil {
			return err
		}
		if *standIn {
			engine, err := startStandIn()
			if err != nil {
				return failed(err)
			}
			defer engine.stop()
			if err := cmd.Flags().Set("upstream", engine.address); err != nil {
				return failed(err)
			}
		}
		return c.serveUntilSignal(cmd.Context(), opts, func(*config.Config, []string) {})
	}
	return cmd
}

// serveUntilSignal serves a configuration, from reading it to the last stream.
// It calls ready once clients can connect, with the addresses they can use.
func (c *command) serveUntilSignal(ctx context.Context, opts config.Options, ready func(*config.Config, []string)) error {
	// From here on no signal is lost, and none ends the process on its own.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	// What a tenant uploads keeps nobody else from being served.
	opts.Quarantine = true
	cfg, err := config.Load(opts)
	if err != nil {
		return loadFailed(err)
	}
	log := newLogger(c.stderr, cfg.Log)
	gateway, err := host.New(ctx, host.Options{
		Config: cfg,
		Load: func() (*config.Config, error) {
			next, err := config.Load(opts)
			if err == nil && next.Log != cfg.Log {
				log.Warn("changed log settings come into effect at the next start")
			}
			return next, err
		},
		Logger: log,
	})
	if err != nil {
		return failed(err)
	}
	var reloads sync.WaitGroup
	defer reloads.Wait()
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	if err := gateway.Listen(); err != nil {
		return failed(errors.Join(err, gateway.Shutdown(ctx)))
	}
	ready(cfg, gateway.Addresses())
	if err := ping(ctx, cfg.Upstream); err != nil {
		// It may come up after us; until then clients are told.
		log.Warn("the engine does not answer yet", slog.String("upstream", cfg.Upstream), slog.Any("error", err))
	}

	// Compiling the filters took several times the memory that serving takes.
	go debug.FreeOSMemory()

	served := make(chan error, 1)
	go func() { served <- gateway.Serve(ctx) }()
	for {
		select {
		case err := <-served:
			return failed(err)
		case s := <-signals:
			if s == syscall.SIGHUP {
				// It may wait for old generations, and the next signal must not.
				reloads.Go(func() { reload(ctx, gateway, log) })
				continue
			}
			drain := gateway.Config().Reload.Drain
			log.Info("stopping; another signal cuts what still runs", slog.String("signal", s.String()), slog.Duration("drain", drain))
			return c.stop(ctx, gateway, drain, log, signals, served)
		}
	}
}

// reload answers SIGHUP. The gateway logs what it did; an error left all as it
// was.
func reload(ctx context.Context, gateway *host.Gateway, log *slog.Logger) {
	err := gateway.Reload(ctx)
	switch {
	case errors.Is(err, host.ErrUnchanged):
		log.Info("nothing to reload: " + err.Error())
	case err != nil:
		log.Error("the configuration was not reloaded; what was served before is served on", slog.Any("error", err))
	}
}

var errCut = errors.New("stopped before all streams had ended")

// stop lets the streams end: for the drain time at most, or until the next
// signal.
func (c *command) stop(ctx context.Context, gateway *host.Gateway, drainTime time.Duration, log *slog.Logger, signals <-chan os.Signal, served <-chan error) error {
	drain, cut := context.WithTimeout(ctx, drainTime)
	defer cut()
	stopped := make(chan error, 1)
	go func() { stopped <- gateway.Shutdown(drain) }()
	hurried := false
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGHUP {
				hurried = true
				cut()
			}
		case err := <-stopped:
			err = errors.Join(err, <-served)
			switch {
			case hurried && err != nil:
				return failed(errCut)
			case errors.Is(err, context.DeadlineExceeded):
				log.Warn("the drain time is over; streams that still ran were cut")
				return nil
			}
			return failed(err)
		}
	}
}
