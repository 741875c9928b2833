package meter_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// instantiatePausing makes an instance that is given so little fuel at a time that it does
// all bulk operations in pieces.
func instantiatePausing(t testing.TB, code []byte, piece uint32) (api.Module, *pausingMemory) {
	t.Helper()
	result := instrument(t, code, meter.Options{Fuel: plenty, Pauses: true, Piece: piece})
	memory := &pausingMemory{most: uint64(result.MaxPages) << 16}
	r := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { r.Close(t.Context()) })
	m, err := r.InstantiateWithConfig(experimental.WithMemoryAllocator(t.Context(), memory), result.Code, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	memory.fuel = m.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	return m, memory
}

// Operations of every length and direction, in bounds, out of them and at their edge, do
// in pieces what they do in one: the same memory, and the same trap before anything of it
// is written.
func TestBulkOperationsInPiecesDoTheSame(t *testing.T) {
	code := read(t, "testdata/pieces.wasm")
	rnd := rand.New(rand.NewPCG(1, 2))
	const page = 1 << 16
	near := func(at uint32) uint32 { return at + uint32(rnd.IntN(9)) - 4 }
	address := func() uint32 {
		return []uint32{uint32(rnd.IntN(200)), near(page), near(page - 100), near(0), uint32(rnd.IntN(page)), near(1 << 31), rnd.Uint32()}[rnd.IntN(7)]
	}
	length := func() uint32 {
		return []uint32{uint32(rnd.IntN(100)), near(72), near(0), near(page), near(page / 2), uint32(rnd.IntN(2000)), rnd.Uint32()}[rnd.IntN(7)]
	}
	for _, piece := range []uint32{1, 3, 64, 1000, meter.DefaultPiece} {
		plain := instantiate(t, code)
		pieces, memory := instantiatePausing(t, code, piece)
		ends := map[bool]int{}
		for n := range 4000 {
			what := []string{"fill", "copy", "init", "all"}[rnd.IntN(4)]
			if n == 3500 {
				what = "drop"
			}
			to, from := address(), address()
			if rnd.IntN(2) == 0 {
				from = near(to)
			}
			args := []uint64{uint64(to), uint64(from), uint64(length())}
			if what == "init" && rnd.IntN(2) == 0 {
				args[1] = uint64(rnd.IntN(80))
			}
			_, want := plain.ExportedFunction(what).Call(t.Context(), args...)
			refuel(pieces, int64(rnd.IntN(100)), meter.DefaultStack)
			_, got := pieces.ExportedFunction(what).Call(t.Context(), args...)
			ends[want == nil]++
			if reason(want) != reason(got) {
				t.Fatalf("pieces of %d: %s %d: %v, want %v", piece, what, args, got, want)
			}
			if !bytes.Equal(content(plain), content(pieces)) {
				t.Fatalf("pieces of %d: after %s %d, %v, the memories differ", piece, what, args, want)
			}
		}
		if ends[true] < 500 || ends[false] < 500 || memory.pauses < 1000 {
			t.Errorf("pieces of %d: %v, %d pauses: the test is too tame", piece, ends, memory.pauses)
		}
	}
}

// Between two pieces the guest pays, and pauses where its slice is used up: a fill of the
// whole memory is left as often as a loop that costs as much.
func TestALongOperationPausesBetweenPieces(t *testing.T) {
	m, memory := instantiatePausing(t, read(t, "testdata/pieces.wasm"), 1024)
	memory.gives = 500 // for four kilobytes
	refuel(m, 500, meter.DefaultStack)
	if _, err := m.ExportedFunction("fill").Call(t.Context(), 0, 7, 1<<16); err != nil {
		t.Fatal(err)
	}
	if memory.pauses < 13 || memory.pauses > 20 {
		t.Errorf("64 KiB were filled with %d pauses, want 13 to 20", memory.pauses)
	}
}
