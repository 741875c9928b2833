package record

import (
	"encoding/binary"
	"encoding/json"
	"strings"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// Failure returns the record that tells a client of a stream of this format why the stream is not going on, as the engine
// tells of its own errors once the head is out; nil where the engine has no such record.
func Failure(format Format, operation dockerapi.Operation, message string) []byte {
	switch format {
	case Frames:
		return AppendFrame(nil, SystemErr, message)
	case WebSocket:
		return AppendClose(nil, message)
	case JSON, JSONSeq:
		switch operation {
		case dockerapi.ImageBuild, dockerapi.ImageCreate, dockerapi.ImagePush, dockerapi.ImageLoad,
			dockerapi.PluginPull, dockerapi.PluginPush, dockerapi.PluginUpgrade:
		default:
			return nil
		}
		type detail struct {
			Message string `json:"message"`
		}
		text, err := json.Marshal(struct {
			ErrorDetail detail `json:"errorDetail"`
			Error       string `json:"error"`
		}{detail{message}, message})
		if err != nil {
			return nil
		}
		if format == JSONSeq {
			text = append([]byte{separator}, text...)
		}
		return append(text, '\r', '\n')
	}
	return nil
}

const (
	closePolicy    = 1008
	maxCloseReason = 123 // bytes that a control frame has room for
)

// AppendText appends a WebSocket's message of text.
func AppendText(b []byte, text string) []byte {
	return appendMessage(b, wsFin|1, []byte(text))
}

// AppendClose appends the frame that closes a WebSocket for a reason of policy.
func AppendClose(b []byte, reason string) []byte {
	if len(reason) > maxCloseReason {
		reason = strings.ToValidUTF8(reason[:maxCloseReason], "")
	}
	data := append(binary.BigEndian.AppendUint16(nil, closePolicy), reason...)
	return appendMessage(b, wsFin|wsControl, data)
}
