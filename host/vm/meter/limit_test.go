package meter_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// Each module declares more of something than it may have. What it declares is
// refused by its number before anything is made of that size.
func TestTooMuchIsRefusedByItsNumber(t *testing.T) {
	number := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	repeated := func(n int, item ...byte) []byte {
		return append(number(uint64(n)), slices.Repeat(item, n)...)
	}
	i32 := []byte{0x41, 0}
	ifs := slices.Concat(i32, []byte{0x04, 0x40, 0x0b})
	for what, c := range map[string]struct {
		code    []byte
		options meter.Options
	}{
		"bytes":                      {module(make([]byte, 1000)), meter.Options{ModuleBytes: 1000}},
		"types":                      {module(section(1, number(1<<32-1)...)), meter.Options{}},
		"parameters in one function": {module(section(1, 1, 0x60, 0xff, 0xff, 0xff, 0x7f)), meter.Options{}},
		"results in one function":    {module(section(1, 1, 0x60, 0, 0xff, 0xff, 0xff, 0x7f)), meter.Options{}},
		"imports":                    {module(section(2, number(1<<31)...)), meter.Options{}},
		"functions":                  {module(section(3, number(1<<31)...)), meter.Options{}},
		"tables":                     {module(section(4, repeated(17, 0x70, 0, 1)...)), meter.Options{}},
		"elements in tables":         {module(section(4, slices.Concat([]byte{1, 0x70, 0}, number(1<<27))...)), meter.Options{}},
		"globals":                    {module(section(6, number(1<<31)...)), meter.Options{}},
		"exports":                    {module(section(7, number(1<<31)...)), meter.Options{}},
		"element segments":           {module(section(9, number(1<<31)...)), meter.Options{}},
		"elements in segments":       {module(section(9, slices.Concat([]byte{1, 1, 0}, number(1<<27))...)), meter.Options{}},
		"data segments":              {module(section(11, number(1<<31)...)), meter.Options{}},
		"globals and functions that are referred to": {module(
			section(1, vector([]byte{0x60, 0, 0})...), section(3, vector([]byte{0})...),
			section(6, vector([]byte{0x7f, 0, 0x41, 0, 0x0b}, []byte{0x70, 0, 0xd2, 0, 0x0b})...),
			section(10, vector(sized([]byte{0, 0xd2, 0, 0x1a, 0x0b}))...),
		), meter.Options{Globals: 2}},
		"locals in one function":               {function(slices.Concat([]byte{1}, number(1<<32-1), []byte{0x7f}), nil), meter.Options{}},
		"bytes in one function":                {function(nil, make([]byte, 3<<20)), meter.Options{}},
		"blocks inside of each other":          {function(nil, slices.Concat(slices.Repeat([]byte{0x02, 0x40}, 30_000), slices.Repeat([]byte{0x0b}, 30_000))), meter.Options{}},
		"bytes after rewriting":                {function(nil, slices.Repeat(slices.Concat(i32, i32, i32, []byte{0xfc, 11, 0}), 1000)), meter.Options{OutputBytes: 20_000}},
		"units of complexity for the compiler": {function(nil, slices.Repeat(ifs, 50_000)), meter.Options{}},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := meter.Instrument(c.code, c.options)
			var limit *meter.LimitError
			if !errors.As(err, &limit) {
				t.Fatalf("got %v, want a LimitError", err)
			}
			if limit.What != what || limit.Have <= limit.Limit || !strings.Contains(err.Error(), what) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// wazero makes an instance at once, in a lane that nobody else has meanwhile, and with nothing to bound it but what the
// module may have.
func TestWhatAnInstanceIsMadeOfAtOnceIsBounded(t *testing.T) {
	number := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	references := func(n int) []byte {
		return module(
			section(1, vector([]byte{0x60, 0, 0})...), section(3, vector([]byte{0})...), section(4, 1, 0x70, 0, 1),
			section(9, slices.Concat([]byte{1, 1, 0}, number(uint64(n)), make([]byte, n))...),
			section(10, vector([]byte{2, 0, 0x0b})...),
		)
	}
	segments := func(n int) []byte {
		return module(section(5, 1, 0, 1), section(11, slices.Concat(number(uint64(n)), slices.Repeat([]byte{1, 0}, n))...))
	}
	elements := func(n int) []byte {
		return module(section(9, slices.Concat(number(uint64(n)), slices.Repeat([]byte{1, 0, 0}, n))...))
	}
	for what, c := range map[string]struct {
		most int
		code func(n int) []byte
	}{"elements in segments": {32_768, references}, "data segments": {100_000, segments}, "element segments": {20_000, elements}} {
		if _, err := meter.Instrument(c.code(c.most), meter.Options{}); err != nil {
			t.Errorf("%d %s: %v", c.most, what, err)
		}
		_, err := meter.Instrument(c.code(c.most+1), meter.Options{})
		var limit *meter.LimitError
		if !errors.As(err, &limit) || limit.What != what || limit.Limit != uint64(c.most) {
			t.Errorf("%d %s: got %v, want a LimitError", c.most+1, what, err)
		}
	}
}

// What metering adds must stay out of the guest's reach.
func TestWhatIsAddedCannotBeNamed(t *testing.T) {
	global := section(6, 1, 0x7f, 1, 0x41, 0, 0x0b) // index 0
	for story, c := range map[string]struct {
		code []byte
		want string
	}{
		"a function sets the fuel": {
			function(nil, []byte{0x42, 1, 0x24, 0}), "unknown global 0",
		},
		"a function reads the stack": {
			function(nil, []byte{0x23, 1, 0x1a}), "unknown global 1",
		},
		"a function names the local that holds the fuel": {
			function(nil, []byte{0x03, 0x40, 0x42, 1, 0x21, 0, 0x0b}), "unknown local 0",
		},
		"the fuel is exported by another name": {
			module(global, section(7, 1, 1, 'g', 3, 1)), "unknown global 1",
		},
		"the fuel's name is taken": {
			module(global, section(7, slices.Concat([]byte{1}, sized([]byte(meter.FuelGlobal)), []byte{3, 0})...)), `exports "sluice:fuel" itself`,
		},
		"the stack's name is taken": {
			module(global, section(7, slices.Concat([]byte{1}, sized([]byte(meter.StackGlobal)), []byte{3, 0})...)), `exports "sluice:stack" itself`,
		},
		"a function refers to the one that is added": {
			function(nil, []byte{0xd2, 1, 0x1a}), "unknown function 1",
		},
		"a function refers to one that is declared nowhere": {
			module(section(1, vector([]byte{0x60, 0, 0})...), section(3, vector([]byte{0})...),
				section(10, vector(sized([]byte{0, 0xd2, 0, 0x1a, 0x0b}))...)), "function 0 is not declared",
		},
		"a segment's place is the fuel": {
			module(section(5, 1, 0, 1), global, section(11, 1, 0, 0x23, 1, 0x0b, 0)), "unknown global 1",
		},
		"a global begins as the fuel": {
			module(section(6, 1, 0x7e, 0, 0x23, 1, 0x0b)), "unknown global 1",
		},
	} {
		t.Run(story, func(t *testing.T) {
			_, err := meter.Instrument(c.code, meter.Options{})
			var malformed *meter.Error
			if !errors.As(err, &malformed) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if malformed.Offset < 8 || malformed.Offset > len(c.code) {
				t.Errorf("offset %d of %d bytes", malformed.Offset, len(c.code))
			}
		})
	}
}

// These read in one way by the specification and in another by wazero, or belong
// to an extension that cannot be metered.
func TestWhatCannotBeMeteredIsRefused(t *testing.T) {
	for story, instructions := range map[string][]byte{
		"a vector instruction with an overlong number": {0xfd, 0x8c, 0x00},
		"a relaxed vector instruction":                 {0xfd, 0x80, 0x02},
		"try":                                          {0x06, 0x40, 0x0b},
		"throw":                                        {0x08, 0},
		"try_table":                                    {0x1f, 0x40, 0, 0x0b},
		"an atomic fence":                              {0xfe, 3, 0},
		"call_ref":                                     {0x14, 0},
		"br_on_null":                                   {0xd5, 0},
		"a block of a typed reference":                 {0x02, 0x64, 0x70, 0x0b},
		"an unknown bulk operation":                    {0xfc, 18},
		"an else without an if":                        {0x05},
		"an end too many":                              {0x0b},
		"a block without an end":                       {0x02, 0x40},
		"a label that does not exist":                  {0x0c, 1},
	} {
		t.Run(story, func(t *testing.T) {
			_, err := meter.Instrument(function(nil, instructions), meter.Options{})
			var malformed *meter.Error
			if !errors.As(err, &malformed) {
				t.Fatalf("got %v, want an Error", err)
			}
		})
	}
}

// A table without a limit of its own could be grown to gigabytes, a little at a
// time.
func TestTablesCannotGrowBeyondTheLimit(t *testing.T) {
	code := instrument(t, read(t, "testdata/hostile.wasm"), meter.Options{TableElements: 5000}).Code
	m := instantiate(t, code)
	refuel(m, 100_000_000, meter.DefaultStack)
	_, err := m.ExportedFunction("fuel table grow in a loop").Call(t.Context())
	if err == nil {
		t.Fatal("it came back")
	}
	refuel(m, 100, meter.DefaultStack)
	got, err := m.ExportedFunction("ends with the size of the table").Call(t.Context())
	if err != nil || got[0] != 4100 {
		t.Errorf("got %d elements, %v; want 4100", got, err)
	}
}

// What an instance consists of is told, so that it can be counted as memory and as work.
func TestWhatAnInstanceConsistsOfIsCounted(t *testing.T) {
	hostile := instrument(t, read(t, "testdata/hostile.wasm"), meter.Options{TableElements: 5000}).Instance
	if want := (meter.Instance{Globals: 4, Segments: 4, References: 6, Slots: 5000}); hostile != want {
		t.Errorf("got %+v, want %+v: fuel, stack and two references; a table that grows", hostile, want)
	}
	bench := instrument(t, read(t, "testdata/bench.wasm"), meter.Options{}).Instance
	if want := (meter.Instance{Globals: 2}); bench != want {
		t.Errorf("got %+v, want %+v", bench, want)
	}
	still := instrument(t, module(
		section(1, vector([]byte{0x60, 0, 0})...), section(2, vector([]byte{0, 1, 'f', 0, 0})...),
		section(4, vector([]byte{0x70, 0, 10}, []byte{0x70, 1, 5, 50})...),
	), meter.Options{}).Instance
	if want := (meter.Instance{Imports: 1, Globals: 2, Slots: 15}); still != want {
		t.Errorf("got %+v, want %+v: nothing grows its tables", still, want)
	}
}
