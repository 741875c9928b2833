package main

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

const configUsage = "configuration file; several times for several files, later ones win (default $" + config.EnvFiles + ", a list like PATH)"

// configFlags defines --config and the flags that are settings.
func configFlags(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringArrayP("config", "c", nil, configUsage)
	config.AddFlags(flags)
}

// options says where the configuration comes from, for the first time and for
// each reload.
func (c *command) options(flags *pflag.FlagSet) (config.Options, error) {
	files, err := flags.GetStringArray("config")
	if err != nil {
		return config.Options{}, err
	}
	if len(files) == 0 {
		files = filepath.SplitList(c.variable(config.EnvFiles))
	}
	if len(files) == 0 {
		return config.Options{}, errors.New("no configuration: give --config FILE, or set " + config.EnvFiles)
	}
	return c.optionsFor(files, flags), nil
}

func (c *command) optionsFor(files []string, flags *pflag.FlagSet) config.Options {
	operations := dockerapi.Operations()
	names := make([]string, 0, len(operations)+1)
	for _, operation := range operations {
		names = append(names, string(operation))
	}
	return config.Options{Files: files, Env: c.environ, Flags: flags, Operations: append(names, string(dockerapi.Unknown))}
}

// variable returns an environment variable, "" when it is not set.
func (c *command) variable(name string) string {
	for i := len(c.environ) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(c.environ[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// newLogger returns the logger that a configuration asks for. Its level and
// format were checked by config.Load.
func newLogger(w io.Writer, settings config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if settings.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
