package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
)

// collected is gateway in a process whose garbage is collected all the time.
func collected(args []string) error {
	go func() {
		for {
			runtime.GC()
			time.Sleep(forcedGC)
		}
	}()
	return gateway(args)
}

// gateway is Sluice in a process of its own.
func gateway(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 1 {
		file, err := os.Create(args[1])
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	options := config.Options{Files: []string{args[0]}}
	cfg, err := config.Load(options)
	if err != nil {
		return err
	}
	g, err := host.New(ctx, host.Options{
		Config: cfg, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Load: func() (*config.Config, error) { return config.Load(options) },
	})
	if err != nil {
		return err
	}
	err = g.Serve(ctx)
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if cut := g.Shutdown(limited); cut != nil && !errors.Is(cut, context.DeadlineExceeded) {
		err = errors.Join(err, cut)
	}
	return err
}
