package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
)

const (
	// heavyFunctions is how many functions a module has that is much work for the compiler.
	heavyFunctions = 5000
	// numberSection is the name of the section that tells such modules apart.
	numberSection = "number"
)

// heavyModule is a filter that does nothing, of so many functions that nothing calls. It is made once: what is measured is what the gateway does with
// it, and not this process, which shares the processors with it.
var heavyModule = sync.OnceValue(func() []byte {
	module := []byte("\x00asm\x01\x00\x00\x00")
	add := func(id byte, content []byte) { module = append(module, section(id, content)...) }
	vector := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	export := func(name string, kind byte, index byte) []byte {
		return append(append(binary.AppendUvarint(nil, uint64(len(name))), name...), kind, index)
	}
	// The types i32 → i32 and nothing → nothing.
	add(1, []byte{2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0})
	types := append(vector(heavyFunctions+2), 0, 1) // the allocator, the version
	bodies := append(vector(heavyFunctions+2), 5, 0, 0x41, 0x80, 0x20, 0x0b, 2, 0, 0x0b)
	for i := range heavyFunctions {
		types = append(types, 0)
		body := []byte{0, 0x20, 0} // local.get 0
		for j := range 50 {
			body = append(body, 0x41, byte(i+j)&0x3f, 0x6c, 0x41, byte(i*j)&0x3f, 0x73) // i32.const, i32.mul, i32.const, i32.xor
		}
		body = append(body, 0x0b)
		bodies = append(binary.AppendUvarint(bodies, uint64(len(body))), body...)
	}
	add(3, types)
	add(5, []byte{1, 0, 1}) // a memory of a page
	exports := append(vector(3), export("memory", 2, 0)...)
	exports = append(exports, export("proxy_on_memory_allocate", 0, 0)...)
	add(7, append(exports, export("proxy_abi_version_0_2_1", 0, 1)...))
	add(10, bodies)
	return module
})

// section is a section of a module.
func section(id byte, content []byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

// swapHeavy puts a module there that is much work for the compiler, and of which no two numbers are the same.
func swapHeavy(path string, number int) error {
	name := append([]byte{byte(len(numberSection))}, numberSection...)
	temporary := path + ".new"
	file, err := os.Create(temporary)
	if err != nil {
		return err
	}
	_, err = file.Write(heavyModule())
	if err == nil {
		_, err = file.Write(section(0, fmt.Append(name, number)))
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
