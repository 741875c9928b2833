package hostcall

import "github.com/sluice-gateway/sluice/abi"

// Pseudo-headers stand for what a head says outside of its fields. A map has
// only those that the gateway reads, and each of them once: what one filter sees
// first is then all that there is for the next one, and for the engine. A guest
// may remove them; the chain refuses a head that lacks one it needs.
var (
	requestPseudo  = []string{":method", ":path", ":authority", ":scheme"}
	responsePseudo = []string{":status"}
)

func isPseudo(key string) bool { return key != "" && key[0] == ':' }

// pseudo is the name of a pseudo-header in lower case; false when maps of the
// type have none of that name.
func pseudo(of abi.MapType, key string) (name string, ok bool) {
	var names []string
	switch of {
	case abi.MapTypeHTTPRequestHeaders:
		names = requestPseudo
	case abi.MapTypeHTTPResponseHeaders:
		names = responsePseudo
	}
	for _, name := range names {
		if abi.EqualFold(name, key) {
			return name, true
		}
	}
	return "", false
}

// settlePseudo puts the pseudo-headers among the pairs in lower case, and tells
// whether a map of the type can have these, each of them once.
func settlePseudo(of abi.MapType, pairs []abi.Pair) bool {
	var seen [4]string // a map has no more
	n := 0
	for i := range pairs {
		if !isPseudo(pairs[i].Key) {
			continue
		}
		name, ok := pseudo(of, pairs[i].Key)
		if !ok {
			return false
		}
		for _, other := range seen[:n] {
			if other == name {
				return false
			}
		}
		seen[n] = name
		n++
		pairs[i].Key = name
	}
	return true
}
