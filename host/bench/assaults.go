package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

// An assault is what the noisy tenant does.
type assault struct {
	menagerie.Attack
	name string
	// swaps has him replace his module all the time, by one that is much work for the compiler.
	swaps bool
	// clients is what each of his clients does, in the place of sending requests to a filter that attacks, and behaved what as many do who mean no
	// harm, with as many connections as they may have; nil for requests one after the other.
	clients, behaved func(ctx context.Context, socket string)
	// operators are filters before all others, and request is what those ask who do no harm, "" for a list of containers.
	operators, request string
}

// assaults are all of the menagerie, behind what is no assault: what the quiet tenant has beside it is his share, and what it differs from it is the
// noise of the measurement.
func assaults() []assault {
	all := []assault{
		{name: "nothing (the noise)", Attack: menagerie.Attack{Guest: idle, Config: idleConfig}},
		{name: "modules to compile, one after the other", Attack: menagerie.Attack{Guest: idle, Config: idleConfig}, swaps: true},
		{name: "an instance a stream", Attack: menagerie.Attack{Guest: "heap", Keys: "isolation: stream"}},
	}
	for _, a := range menagerie.All() {
		all = append(all, assault{name: a.Name(), Attack: a})
	}
	for _, a := range clientAssaults() {
		a.Attack = menagerie.Attack{Guest: idle, Config: idleConfig}
		all = append(all, a)
	}
	return all
}

// harmless is what he is measured against: the same filters, and clients who do nothing but ask.
func (a assault) harmless() assault {
	a.clients = a.behaved
	return a
}

// idle is a guest with every callback, which with this configuration does nothing in them.
const (
	idle       = "everywhere"
	idleConfig = "--"
)

// heavyModule writes a filter that does nothing, of so many functions that nothing calls, and of which no two are the same.
func heavyModule(path string, functions, number int) error {
	module := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content []byte) {
		module = append(binary.AppendUvarint(append(module, id), uint64(len(content))), content...)
	}
	vector := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	export := func(name string, kind byte, index byte) []byte {
		return append(append(binary.AppendUvarint(nil, uint64(len(name))), name...), kind, index)
	}
	// The types i32 → i32 and nothing → nothing.
	section(1, []byte{2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0})
	types := append(vector(functions+2), 0, 1) // the allocator, the version
	bodies := append(vector(functions+2), 5, 0, 0x41, 0x80, 0x20, 0x0b, 2, 0, 0x0b)
	for i := range functions {
		types = append(types, 0)
		body := []byte{0, 0x20, 0} // local.get 0
		for j := range 50 {
			body = append(body, 0x41, byte(i+j)&0x3f, 0x6c, 0x41, byte(i*j)&0x3f, 0x73) // i32.const, i32.mul, i32.const, i32.xor
		}
		body = append(body, 0x0b)
		bodies = append(binary.AppendUvarint(bodies, uint64(len(body))), body...)
	}
	section(3, types)
	section(5, []byte{1, 0, 1}) // a memory of a page
	exports := append(vector(3), export("memory", 2, 0)...)
	exports = append(exports, export("proxy_on_memory_allocate", 0, 0)...)
	section(7, append(exports, export("proxy_abi_version_0_2_1", 0, 1)...))
	section(10, bodies)
	section(0, append([]byte{6}, fmt.Sprintf("number%d", number)...)) // nothing that was compiled before
	temporary := path + ".new"
	if err := os.WriteFile(temporary, module, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
