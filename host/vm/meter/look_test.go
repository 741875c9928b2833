package meter_test

import (
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// What is paid at branches is looked at by the next loop or call, and in a function that can
// come back to itself at once: on the way back from a deep recursion nobody gets far without
// fuel.
func TestBranchesAreLookedAtInTime(t *testing.T) {
	arm := slices.Concat([]byte{0x41, 1, 0x04, 0x40}, slices.Repeat([]byte{0x41, 1, 0x1a}, 50), []byte{0x0b}) // 100 units and two
	arms := slices.Repeat(arm, 10)
	recursion := []byte{0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x10, 1, 0x0b}
	loop := slices.Concat([]byte{0x03, 0x40}, arms, []byte{0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b})
	caller := slices.Concat([]byte{0x03, 0x40, 0x41, 1, 0x10, 2, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b})
	none := []byte{0x01}
	for story, c := range map[string]struct {
		f, called []byte
		most      int64 // that it may get below zero
	}{
		"back from a recursion":         {slices.Concat(recursion, arms), none, 200},
		"in a loop":                     {loop, none, 1500},
		"in a function without a loop":  {caller, arms, 1500},
		"in front of a loop, and after": {slices.Concat(arms, loop, arms), none, 2500},
	} {
		t.Run(story, func(t *testing.T) {
			body := func(code []byte) []byte { return sized(slices.Concat([]byte{0}, code, []byte{0x0b})) }
			code := module(
				section(1, vector([]byte{0x60, 0, 0}, []byte{0x60, 1, 0x7f, 0})...), section(3, vector([]byte{0}, []byte{1}, []byte{1})...),
				section(7, vector([]byte{1, 'f', 0, 1})...),
				section(10, vector(body(none), body(c.f), body(c.called))...),
			)
			m := instantiate(t, instrument(t, code, meter.Options{}).Code)
			f := m.ExportedFunction("f")
			const times = 1000
			refuel(m, 1<<40, 1<<40)
			if _, err := f.Call(t.Context(), times); err != nil {
				t.Fatal(err)
			}
			fuel, _ := left(m)
			all := 1<<40 - fuel
			if all < 1000*times {
				t.Fatalf("all of it takes %d units only", all)
			}
			for part := int64(1); part < 20; part++ {
				refuel(m, all*part/20+part, 1<<40)
				_, err := f.Call(t.Context(), times)
				if fuel, _ := left(m); err == nil || fuel >= 0 || fuel < -c.most {
					t.Errorf("with %d of 20 parts of what it takes: got %v with %d units left", part, err, fuel)
				}
			}
		})
	}
}
