package foreign

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"

	"github.com/sluice-gateway/sluice/abi"
)

// builtin are the functions that other hosts have under the same names, so that
// filters which were written for these find them: Envoy's.
var builtin = map[string]Function{
	"compress":   compress,
	"uncompress": uncompress,
}

// What a byte costs, in units: somewhat more than it takes a current processor.
const (
	compressUnits   = 40 // of what is compressed
	uncompressUnits = 5  // of what comes of it
)

// compress makes a zlib stream (RFC 1950) of its argument.
func compress(c Call) ([]byte, abi.Status) {
	if !c.Fuel.Charge(compressUnits * int64(len(c.Arguments))) {
		return nil, abi.StatusInternalFailure
	}
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(c.Arguments) // a Buffer takes everything
	_ = w.Close()
	return out.Bytes(), abi.StatusOK
}

// uncompress reads a zlib stream, which has to be whole and the only one.
// BAD_ARGUMENT: it is not; SERIALIZATION_FAILURE: more than [MaxResultBytes] come
// of it.
func uncompress(c Call) ([]byte, abi.Status) {
	in := bytes.NewReader(c.Arguments)
	r, err := zlib.NewReader(in)
	if err != nil {
		return nil, abi.StatusBadArgument
	}
	var out bytes.Buffer
	for {
		// A little at a time: a few bytes may say that they are gigabytes.
		const piece = 32 << 10
		if !c.Fuel.Charge(uncompressUnits * piece) {
			return nil, abi.StatusInternalFailure
		}
		_, err := io.CopyN(&out, r, piece)
		switch {
		case out.Len() > MaxResultBytes:
			return nil, abi.StatusSerializationFailure
		case errors.Is(err, io.EOF) && in.Len() == 0:
			return out.Bytes(), abi.StatusOK
		case err != nil:
			return nil, abi.StatusBadArgument
		}
	}
}
