package host

import (
	"crypto/sha1" //nolint:gosec // the handshake of RFC 6455, no signature
	"encoding/base64"
	"encoding/binary"
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

const (
	webSocketText        = 0x80 | 1 // the only frame of its message
	webSocketClose       = 0x80 | 8
	webSocketPolicy      = 1008
	webSocketCloseReason = 123 // bytes that a close frame has room for
)

// webSocketDenial says the message in a frame of text and in the frame that
// closes.
func webSocketDenial(message string) []byte {
	var b []byte
	text := message + "\r\n"
	switch n := len(text); {
	case n < 126:
		b = append(b, webSocketText, byte(n))
	default: // denialText leaves it below 64 KiB
		b = append(b, webSocketText, 126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	b = append(b, text...)
	reason := message
	if len(reason) > webSocketCloseReason {
		reason = strings.ToValidUTF8(reason[:webSocketCloseReason], "")
	}
	b = append(b, webSocketClose, byte(2+len(reason)))
	b = binary.BigEndian.AppendUint16(b, webSocketPolicy)
	return append(b, reason...)
}
