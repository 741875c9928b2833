package meter_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// The compiler believes a name section how many names it has and how long they are. So it is made anew, of what is there.
func TestTheNameSectionHasWhatIsThere(t *testing.T) {
	custom := func(content ...[]byte) []byte {
		return section(0, slices.Concat(append([][]byte{sized([]byte("name"))}, content...)...)...)
	}
	name := func(index byte, text string) []byte { return slices.Concat([]byte{index}, sized([]byte(text))) }
	plenty := binary.AppendUvarint(nil, 1<<32-1)
	good := section(1, vector(name(0, "guard.check"))...)
	for what, c := range map[string]struct {
		sections []byte
		want     []byte // the name section; nil is none
	}{
		"as it should be":       {custom(section(0, sized([]byte("guard"))...), good), custom(section(0, sized([]byte("guard"))...), good)},
		"locals":                {custom(good, section(2, vector(slices.Concat([]byte{0}, vector(name(0, "x"))))...)), custom(good)},
		"more names than bytes": {custom(section(1, plenty...)), custom(section(1, 0))},
		"a longer name":         {custom(section(0, plenty...), good), custom(good)},
		"a longer part":         {custom(good, []byte{2}, plenty), custom(good)},
		"more locals":           {custom(good, section(2, plenty...)), custom(good)},
		"no such function":      {custom(section(1, vector(name(0, "guard.check"), name(9, "none"))...)), custom(good)},
		"twice the same":        {custom(section(1, vector(name(0, "guard.check"), name(0, "again"))...)), custom(good)},
		"not UTF-8":             {custom(section(1, vector(name(0, "\xff"))...)), custom(section(1, 0))},
		"two sections":          {append(custom(good), custom(plenty)...), custom(good)},
		"a name of a megabyte": {
			custom(section(1, vector(name(0, strings.Repeat("é", 1<<19)))...)),
			custom(section(1, vector(name(0, strings.Repeat("é", 128)))...)),
		},
	} {
		plain := function(nil, nil)
		metered, err := meter.Instrument(plain, meter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := meter.Instrument(append(slices.Clone(plain), c.sections...), meter.Options{})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if tail, found := bytes.CutPrefix(got.Code, metered.Code); !found || !bytes.Equal(tail, c.want) {
			t.Errorf("%s: got %q, want %q behind the module", what, tail, c.want)
		}
	}
}

func TestTheNameOfACustomSectionEndsInIt(t *testing.T) {
	code := append(function(nil, nil), section(0, binary.AppendUvarint(nil, 1<<32-1)...)...)
	if _, err := meter.Instrument(code, meter.Options{}); err == nil {
		t.Error("got no error for a name that is longer than its section")
	}
}
