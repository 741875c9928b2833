package buildkit

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// maxFields is how many metadata fields a call may have: what is left of a filter's map for its own is the other half.
const maxFields = 512

// reserved are the fields of a call that are the gateway's to write.
func reserved(key string) bool {
	switch strings.ToLower(key) {
	case "te", "content-type", "content-length", "grpc-encoding", "grpc-accept-encoding", "connection", "keep-alive", "proxy-connection",
		"transfer-encoding", "upgrade", "trailer", "host", "date":
		return true
	}
	return false
}

// fields are the metadata as filters see them: names in lower case, in their order. A message that is shown is JSON.
func fields(h http.Header, document bool) []abi.Pair {
	keys := make([]string, 0, len(h))
	for key := range h {
		if !reserved(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	pairs := make([]abi.Pair, 0, len(keys)+1)
	for _, key := range keys {
		for _, value := range h[key] {
			pairs = append(pairs, abi.Pair{Key: strings.ToLower(key), Value: value})
		}
	}
	if document {
		pairs = append(pairs, abi.Pair{Key: "content-type", Value: "application/json"})
	}
	return pairs
}

func countFields(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}

// toHeader is what filters left of a call's fields.
func toHeader(pairs []abi.Pair) http.Header {
	h := make(http.Header, len(pairs)+2)
	for _, p := range pairs {
		if p.Key != "" && p.Key[0] != ':' && !reserved(p.Key) {
			key := textproto.CanonicalMIMEHeaderKey(p.Key)
			h[key] = append(h[key], p.Value)
		}
	}
	return h
}
