// Command heap is a hostile guest that TinyGo compiled, with a garbage collector, a heap and panics of its own. What it does
// in a request's headers is the letter that its configuration is:
//
//	k  keeps all that it allocates, until there is no memory left
//	g  allocates for ever and keeps nothing, so that its collector works for ever
//	r  calls itself for ever, with something on its stack
//	p  panics
//	n  follows a nil pointer
//	i  reads behind the end of a slice
//	m  fills a map for ever
//	s  makes a string longer and longer
package main

import "unsafe"

func main() {}

var (
	what   byte
	memory [4096]byte // for the host
	kept   [][]byte
	text   string
	seen   = map[uint64]uint64{}
	sink   *node
)

type node struct {
	next  *node
	value [64]byte
}

//go:wasmimport env proxy_get_buffer_bytes
func bufferBytes(buffer, start, max int32, data, size unsafe.Pointer) int32

//export proxy_abi_version_0_2_1
func version() {}

//export proxy_on_memory_allocate
func allocate(int32) unsafe.Pointer { return unsafe.Pointer(&memory[0]) }

//export proxy_on_configure
func configure(int32, int32) int32 {
	var at, size int32
	if bufferBytes(7, 0, 1, unsafe.Pointer(&at), unsafe.Pointer(&size)) == 0 {
		what = memory[0]
	}
	return 1
}

//go:noinline
func recurse(n int, from *node) int {
	here := node{next: from}
	here.value[n%64] = byte(n)
	return recurse(n+1, &here) + int(here.value[n%63])
}

//export proxy_on_request_headers
func requestHeaders(_, fields, _ int32) int32 {
	for n := uint64(0); ; n++ {
		switch what {
		case 'k':
			kept = append(kept, make([]byte, 64<<10))
		case 'g':
			sink = &node{}
		case 'r':
			return int32(recurse(0, nil))
		case 'p':
			panic("hostile")
		case 'n':
			var none *node
			return int32(none.next.value[0])
		case 'i':
			return int32(memory[int(fields)+len(memory)])
		case 'm':
			seen[n*0x9e3779b97f4a7c15] = n
		case 's':
			text += "longer and longer"
		default:
			return 0
		}
	}
}
