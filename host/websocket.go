package host

import (
	"crypto/sha1" //nolint:gosec // the handshake of RFC 6455, no signature
	"encoding/base64"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// webSocketAccept is the answer to a WebSocket's handshake, "" where the
// request is none.
func webSocketAccept(header []abi.Pair) string {
	key, version := "", ""
	for i := range header {
		switch f := &header[i]; {
		case abi.EqualFold(f.Key, "sec-websocket-key"):
			key = strings.TrimSpace(f.Value)
		case abi.EqualFold(f.Key, "sec-websocket-version"):
			version = strings.TrimSpace(f.Value)
		}
	}
	if nonce, err := base64.StdEncoding.DecodeString(key); err != nil || len(nonce) != 16 || version != "13" {
		return ""
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}
