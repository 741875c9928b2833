package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/logs"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/store"
)

// A Report is what Validate found out about the filters of a configuration, in
// the order of the chain, and then about its services.
type Report struct {
	Filters []FilterReport
}

// FilterReport is about one filter.
type FilterReport struct {
	Name     string
	Kind     string // filter or service
	Module   string // the file
	Digest   string // SHA-256 of the module, in hex
	Size     int    // of the module, in bytes
	ABI      string // version of proxy-wasm, such as "0.2.0"
	Stages   string // the stages it is called at, separated by commas
	Signed   string // what the module's signature says, "" without one
	Warnings []string
	Uses     []string // capabilities that its imports are for, by their keys
	Granted  string   // what it may do
	Missing  []string // imports that it can do nothing with, and what would grant them
	Err      error    // a *FilterError; nil when the filter came up
}

// Err joins the filters' errors; nil when all of them came up.
func (r *Report) Err() error {
	errs := make([]error, len(r.Filters))
	for i := range r.Filters {
		errs[i] = r.Filters[i].Err
	}
	return errors.Join(errs...)
}

// Validate compiles every filter of the configuration and starts one instance
// of each with its real configuration, and serves nothing. The error is about
// what concerns no single filter; those are in the report. Options.Load is not
// used.
func Validate(ctx context.Context, options Options) (*Report, error) {
	cfg, log := options.Config, options.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = logs.Clipped(log)
	functions, err := foreign.New(options.Functions)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer engine.release(ctx)
	// A filter may want to know something of the engine when it starts.
	pool, err := newPool(cfg)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	// Nothing of what the filters share is touched: a gateway may be using it.
	shared := &commons{functions: functions, store: store.NewMemory(storeLimits(cfg)), log: log}
	shared = shared.with(reference.NewFunctions(newResolver(pool, cfg), cfg.Limits.Resolve, log).Own())
	callouts, err := openCallouts(cfg, (&inside{}).dial)
	if err != nil {
		return nil, err
	}
	defer closeCallouts(callouts)
	shared.callouts, shared.memory = callouts, shared.memory.next(cfg)
	shared.tenants, shared.pasts = newTenants(cfg, nil), newPasts(cfg, nil)
	all := cfg.Plugins()
	report := &Report{Filters: make([]FilterReport, len(all))}
	for i := range all {
		f := all[i]
		f.Instances = 1
		r := &report.Filters[i]
		r.Name, r.Kind, r.Module, r.Size = f.Name, f.Kind, f.Module, len(f.Code)
		r.Signed = signedAs(&f)
		var p *plugin.Plugin
		options, err := pluginOptions(&f, cfg, shared)
		options.FreeStart = true
		if err == nil {
			p, err = startPlugin(ctx, engine.vm, &f, options)
		}
		if err != nil {
			r.Err = filterError(&f, err)
			continue
		}
		if err := p.CheckInstances(all[i].Instances); err != nil {
			r.Err = filterError(&f, err)
			p.Close(ctx)
			continue
		}
		r.Digest, r.ABI, r.Stages = p.Module().Digest(), p.ABI().String(), p.Stages().String()
		r.Warnings = warnings(p, f.Kind)
		r.showGrants(p, &f)
		p.Close(ctx)
	}
	return report, nil
}

// showGrants tells what the module imports, what the filter is granted of that, and
// what would have to be written for the rest.
func (r *FilterReport) showGrants(p *plugin.Plugin, f *config.Filter) {
	var imports []string
	for _, name := range p.Module().Imports() {
		if name, ok := strings.CutPrefix(name, abi.ModuleEnv+"."); ok {
			imports = append(imports, name)
		}
	}
	r.Uses, r.Granted = capability.Uses(imports), f.Capabilities.String()
	for _, u := range p.Grants().Unusable(imports) {
		var lines []string
		for _, c := range u.Any {
			lines = append(lines, c.Line())
		}
		r.Missing = append(r.Missing, fmt.Sprintf("%s: not granted; to grant, write capabilities: {%s}", strings.Join(u.Imports, ", "), strings.Join(lines, "} or {")))
	}
}

// signedAs is what a module's signature says, "" without one.
func signedAs(f *config.Filter) string {
	if f.Signed == nil {
		return ""
	}
	return fmt.Sprintf("signed as %s %s by %s", f.Signed.Name, f.Signed.Version, f.Signed.Key)
}

const asyncifyWarning = "the module was built with TinyGo's default scheduler (it carries asyncify), which makes every callback hundreds of times slower: " +
	"build it with `tinygo build -target=wasi -scheduler=none -no-debug`"

// warnings lists what an operator should know of a filter that works.
func warnings(p *plugin.Plugin, kind string) []string {
	var w []string
	if p.Module().Asyncify() {
		w = append(w, asyncifyWarning)
	}
	switch {
	case kind == config.KindService:
		if !p.Module().HasExport(abi.ExportOnTick) && !p.Module().HasExport(abi.ExportOnQueueReady) {
			w = append(w, "the service will never do anything: its module exports neither "+abi.ExportOnTick+" nor "+abi.ExportOnQueueReady)
		}
	case p.Stages() == 0:
		w = append(w, "the filter is called at no stage: its module exports none of the callbacks that its configuration allows")
	}
	return w
}
