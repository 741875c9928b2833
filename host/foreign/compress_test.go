package foreign_test

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"runtime"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
)

// fuel is what a call may still cost.
type fuel int64

func (f *fuel) Charge(units int64) bool {
	*f -= fuel(units)
	return *f >= 0
}

func call(t *testing.T, name string, arguments []byte, units fuel) ([]byte, abi.Status) {
	t.Helper()
	r, err := foreign.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Call(foreign.Call{Context: t.Context(), Name: name, Arguments: arguments, Fuel: &units})
}

func TestWhatIsCompressedComesBack(t *testing.T) {
	noise := make([]byte, 100_000)
	_, _ = rand.Read(noise)
	for _, text := range []string{"", "a", strings.Repeat("docker ", 10_000), string(noise)} {
		packed, status := call(t, "compress", []byte(text), 1e9)
		if status != abi.StatusOK {
			t.Fatalf("compress of %d bytes: %v", len(text), status)
		}
		got, status := call(t, "uncompress", packed, 1e9)
		if status != abi.StatusOK || string(got) != text {
			t.Errorf("%d bytes came back as %d, %v", len(text), len(got), status)
		}
	}
}

func TestUncompressRefusesWhatItCannotGiveBack(t *testing.T) {
	pack := func(text string) []byte {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return out.Bytes()
	}
	bomb := pack(strings.Repeat("\x00", 64<<20))
	whole := pack("whole")
	for story, c := range map[string]struct {
		arguments []byte
		units     fuel
		want      abi.Status
	}{
		"nothing":                        {nil, 1e9, abi.StatusBadArgument},
		"no stream":                      {[]byte("hello"), 1e9, abi.StatusBadArgument},
		"half a stream":                  {whole[:len(whole)-3], 1e9, abi.StatusBadArgument},
		"a stream with a wrong checksum": {append(whole[:len(whole)-1:len(whole)-1], 0), 1e9, abi.StatusBadArgument},
		"a stream and something else":    {append(whole[:len(whole):len(whole)], 'x'), 1e9, abi.StatusBadArgument},
		"a bomb":                         {bomb, 1e12, abi.StatusSerializationFailure},
		"a bomb that cannot be paid for": {bomb, 1e6, abi.StatusInternalFailure},
	} {
		if got, status := call(t, "uncompress", c.arguments, c.units); status != c.want || got != nil {
			t.Errorf("%s: %d bytes, %v; want %v", story, len(got), status, c.want)
		}
	}
	if _, status := call(t, "compress", make([]byte, 1000), 1000); status != abi.StatusInternalFailure {
		t.Errorf("compress without fuel: %v", status)
	}
}

// A compressor is 800 KB of tables, for a word too: whoever compresses a word pays for them, and they are not made anew for each.
func TestCompressingAWordIsPaidFor(t *testing.T) {
	paid := fuel(1e9)
	r, err := foreign.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	word := foreign.Call{Context: t.Context(), Name: "compress", Arguments: []byte("word"), Fuel: &paid}
	r.Call(word)
	if cost := 1e9 - int64(paid); cost < 20_000 {
		t.Errorf("to compress a word costs %d units, want 20000 at least", cost)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		r.Call(word)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 10<<20 {
		t.Errorf("compressing a word a hundred times allocates %d bytes", allocated)
	}
}
