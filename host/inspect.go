package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// An Inspection is what can be said of a module without running anything of it.
type Inspection struct {
	Digest string `json:"sha256"` // in hex
	Size   int    `json:"size"`   // in bytes
	// ABI are the versions of proxy-wasm that its exports name; one, of those that are
	// served, is right.
	ABI []string `json:"abi"`
	// Stages are those that it exports callbacks for.
	Stages []string `json:"stages"`
	vm.Description
	// HostCalls are the functions that it imports from the host, with what they are
	// for.
	HostCalls []HostCall `json:"host_calls"`
	// Warnings are what an operator should know of a module that works.
	Warnings []string `json:"warnings,omitempty"`
	// Refused is why this version of the gateway does not load it; empty when it does. Its
	// start and its configuration may still fail.
	Refused []string `json:"refused,omitempty"`
}

// HostCall is a function of the host that a module imports.
type HostCall struct {
	Module string   `json:"module"`
	Name   string   `json:"name"`
	Group  []string `json:"group"` // the capabilities that it is for; none for what needs none
}

// Inspect reads a module and compiles it, as loading it would, with an instance's
// memory bounded as limits.memory says, 0 for its default. It starts nothing. The
// error is about the gateway, and never about the module.
func Inspect(ctx context.Context, name string, code []byte, memory uint64) (*Inspection, error) {
	sum := sha256.Sum256(code)
	i := &Inspection{Digest: hex.EncodeToString(sum[:]), Size: len(code), ABI: []string{}, Stages: []string{}, HostCalls: []HostCall{}}
	description, err := vm.Describe(code)
	i.Description = *description
	if err != nil {
		i.Refused = append(i.Refused, err.Error())
	}
	i.readEntries()
	engine, err := vm.NewEngine(ctx, vm.Options{MemoryLimit: memory, Link: hostcall.Lookup})
	if err != nil {
		return nil, fmt.Errorf("start the WebAssembly engine: %w", err)
	}
	defer engine.Close(ctx)
	module, err := engine.Compile(ctx, name, code)
	if err != nil {
		i.refuse(errors.Unwrap(err))
		return i, nil
	}
	defer module.Close(ctx)
	if err := plugin.Check(module); err != nil {
		i.refuse(err)
		return i, nil
	}
	if module.Asyncify() {
		i.Warnings = append(i.Warnings, asyncifyWarning)
	}
	return i, nil
}

// refuse adds the reasons of an error that may be several.
func (i *Inspection) refuse(err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		if !slices.Contains(i.Refused, line) {
			i.Refused = append(i.Refused, line)
		}
	}
}

// readEntries finds what means something to a host of proxy-wasm.
func (i *Inspection) readEntries() {
	for _, e := range i.Exports {
		if version, ok := strings.CutPrefix(e.Name, "proxy_abi_version_"); ok && e.Kind == "function" {
			i.ABI = append(i.ABI, strings.ReplaceAll(version, "_", "."))
		}
	}
	var stages plugin.Stages
	for _, e := range i.Exports {
		if e.Kind == "function" {
			stages |= plugin.StageOf(e.Name)
		}
	}
	i.Stages = stages.Names()
	for _, e := range i.Imports {
		if e.Kind == "function" {
			i.HostCalls = append(i.HostCalls, HostCall{Module: e.Module, Name: e.Name, Group: groupOf(e)})
		}
	}
}

// groupOf is what a function of the host is for.
func groupOf(e vm.Entry) []string {
	group := []string{}
	if e.Module == abi.ModuleEnv {
		group = append(group, capability.Uses([]string{e.Name})...)
	}
	return group
}
