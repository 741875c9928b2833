package meter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// generator writes functions at random: blocks, loops, branches, calls and work on memory, so that most of them do not end by
// themselves. All of them are valid: every instruction leaves the stack as it was.
type generator struct {
	*rand.Rand
	out    []byte
	labels int // that are open
	left   int // instructions to write
}

const generatedFunctions = 4

func (g *generator) body() {
	for g.left > 0 && g.IntN(6) > 0 {
		g.left--
		g.step()
	}
}

// step writes one of several things.
func (g *generator) step() {
	condition := []byte{0x20, 0, 0x41, 7, 0x71} // local 0, of which three bits
	count := func() {
		g.op(0x20, 0, 0x41, 1, 0x6a, 0x21, 0) // local 0 and one more
	}
	label := func() byte { return byte(g.IntN(g.labels)) }
	block := func(op byte) {
		g.op(op, 0x40)
		g.labels++
		g.body()
		g.labels--
		g.op(0x0b)
	}
	switch g.IntN(13) {
	case 0, 1:
		count()
	case 2:
		block(0x02)
	case 3, 4:
		block(0x03)
	case 5:
		g.op(condition...)
		block(0x04)
	case 6:
		g.op(condition...)
		g.op(0x0d, label()) // br_if
	case 7:
		g.op(0x0c, label()) // br
	case 8:
		g.op(condition...)
		n := g.IntN(4)
		g.op(0x0e, byte(n))
		for range n + 1 {
			g.op(label())
		}
	case 9:
		g.op(0x10, byte(g.IntN(generatedFunctions)))
	case 10:
		g.op(0x41, 0, 0x41, 1, 0x41)
		g.out = appendLEB(g.out, int32(g.IntN(1<<15)))
		g.op(0xfc, 11, 0) // memory.fill
	case 11:
		g.op(0x41, 0, 0x41, 8, 0x41)
		g.out = appendLEB(g.out, int32(g.IntN(1<<15)))
		g.op(0xfc, 10, 0, 0) // memory.copy
	case 12:
		g.op(0x41, byte(g.IntN(2)), 0x40, 0, 0x1a) // memory.grow
	}
}

func (g *generator) op(bytes ...byte) { g.out = append(g.out, bytes...) }

func appendLEB(out []byte, value int32) []byte {
	for value < -64 || value > 63 {
		out = append(out, byte(value)|0x80)
		value >>= 7
	}
	return append(out, byte(value)&0x7f)
}

// generated is a module of a few such functions; the first is exported.
func generated(seed uint64) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 5))}
	var bodies [][]byte
	for range generatedFunctions {
		g.out, g.labels, g.left = []byte{1, 1, 0x7f}, 1, 60
		g.body()
		bodies = append(bodies, sized(append(g.out, 0x0b)))
	}
	return module(
		section(1, vector([]byte{0x60, 0, 0})...),
		section(3, vector(slices.Repeat([][]byte{{0}}, generatedFunctions)...)...),
		section(5, vector(binary.AppendUvarint([]byte{1, 1}, 8))...),
		section(7, vector([]byte{1, 'f', 0, 0})...),
		section(10, vector(bodies...)...),
	)
}

// overdraft is how far below zero a guest can get before it traps: the longest straight run of its code, and one bulk
// operation. Of these functions a run has some 400 instructions, and the longest operation is growing by a page.
const overdraft = 1<<16 + 10_000

// Whatever a module does, it ends: it comes back, or has used up its budget and no more than the overdraft beside it, or its
// stack. With enough of both, it does what it does without a meter.
func TestGeneratedModulesEndWithinTheirBudget(t *testing.T) {
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithMemoryLimitPages(8))
	defer runtime.Close(t.Context())
	const budget = 200_000
	ends := map[string]int{}
	modules := uint64(300)
	if testing.Short() {
		modules = 50
	}
	for seed := range modules {
		code := generated(seed)
		result, err := meter.Instrument(code, meter.Options{Pauses: seed%2 == 0})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m, err := runtime.InstantiateWithConfig(t.Context(), result.Code, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		refuel(m, budget, meter.DefaultStack)
		_, err = m.ExportedFunction("f").Call(t.Context())
		fuel, stack := left(m)
		switch {
		case err == nil && fuel >= 0 && stack == meter.DefaultStack:
			ends["by itself"]++
			compareGenerated(t, runtime, seed, code, content(m))
		case err != nil && fuel < 0 && fuel >= -overdraft:
			ends["out of fuel"]++
		case err != nil && fuel >= 0 && stack < 0:
			ends["out of stack"]++
		default:
			t.Errorf("seed %d: %v, with %d units and %d bytes left", seed, err, fuel, stack)
		}
		_ = m.Close(t.Context())
	}
	t.Logf("of %d modules: %v", modules, ends)
	for _, end := range []string{"by itself", "out of fuel", "out of stack"} {
		if ends[end] == 0 {
			t.Errorf("none ended %s: the generator is too tame", end)
		}
	}
}

// compareGenerated runs a module that ends without a meter.
func compareGenerated(t *testing.T, runtime wazero.Runtime, seed uint64, code, want []byte) {
	plain, err := runtime.InstantiateWithConfig(t.Context(), code, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer plain.Close(t.Context())
	if _, err := plain.ExportedFunction("f").Call(t.Context()); err != nil {
		t.Errorf("seed %d: plain: %v", seed, err)
	}
	if !slices.Equal(content(plain), want) {
		t.Errorf("seed %d: the memories differ", seed)
	}
}
