package host

import (
	"crypto/rand"
	"encoding/base32"
	"strconv"
	"sync/atomic"
)

// requestIDs makes ids that are short enough to be read out over a telephone,
// and unique over the gateways of a fleet for all practical purposes: a random
// prefix for the process and a count.
type requestIDs struct {
	prefix string
	count  atomic.Uint64
}

func (r *requestIDs) init() {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	r.prefix = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").EncodeToString(b[:]) + "-"
}

func (r *requestIDs) next() string {
	var b [24]byte
	return string(strconv.AppendUint(append(b[:0], r.prefix...), r.count.Add(1), 36))
}
