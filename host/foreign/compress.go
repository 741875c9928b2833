package foreign

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"runtime"

	"github.com/sluice-gateway/sluice/abi"
)

// builtin are the functions that other hosts have under the same names, so that
// filters which were written for these find them: Envoy's.
var builtin = map[string]Function{
	"compress":   compress,
	"uncompress": uncompress,
}

// What a byte costs, in units: somewhat more than it takes a current processor. A compressor's tables have to be cleared
// for each call, however little there is to compress.
const (
	compressorUnits = 30_000
	compressUnits   = 40 // of what is compressed
	uncompressUnits = 5  // of what comes of it
)

// A compressor is kept for the next call: it has 800 KB of tables, which take longer to make than most of what is compressed.
type compressor struct {
	to   *zlib.Writer
	made bytes.Buffer
}

// compressors are those that nobody uses.
var compressors = make(chan *compressor, runtime.GOMAXPROCS(0))

// compress makes a zlib stream (RFC 1950) of its argument.
func compress(c Call) ([]byte, abi.Status) {
	if !c.Fuel.Charge(compressorUnits + compressUnits*int64(len(c.Arguments))) {
		return nil, abi.StatusInternalFailure
	}
	var with *compressor
	select {
	case with = <-compressors:
	default:
		with = new(compressor)
		with.to = zlib.NewWriter(&with.made)
	}
	_, _ = with.to.Write(c.Arguments) // a Buffer takes everything
	_ = with.to.Close()
	made := with.made.Bytes()
	with.made = bytes.Buffer{}
	with.to.Reset(&with.made)
	select {
	case compressors <- with:
	default:
	}
	return made, abi.StatusOK
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
