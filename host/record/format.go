package record

import (
	"strings"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// Format is how a body is made of records.
type Format uint8

const (
	// Raw bodies have no records that anybody could find: a terminal's output, archives. They are given as they come.
	Raw Format = iota
	// JSON is one JSON value after the other, with or without white space between them.
	JSON
	// JSONSeq is JSON with a record separator (U+001E) before each value: RFC 7464.
	JSONSeq
	// Frames is the multiplexed stream of a container without a terminal: frames of a type, three zero bytes, the payload's
	// length in four bytes, big endian, and the payload.
	Frames
	// WebSocket is the frames of RFC 6455 as a server sends them, not masked.
	WebSocket
)

// String names the format in errors and tests.
func (f Format) String() string {
	switch f {
	case Raw:
		return "raw"
	case JSON:
		return "json"
	case JSONSeq:
		return "json-seq"
	case Frames:
		return "frames"
	case WebSocket:
		return "websocket"
	}
	return "invalid"
}

// An Answer is what is known of a response whose body is to be cut.
type Answer struct {
	Status int
	// ContentType is the field of that name, "" where there is none: engines give none to logs and stats up to API 1.41.
	ContentType string
	// Hijacked says that the connection left HTTP with this answer.
	Hijacked bool
}

// Of says how the body of an answer is made of records. Where byTerminal is true that depends on what the answer does not
// tell: the body is Frames where the container, the exec's start, the service or the task is without a terminal, and Raw
// otherwise.
func Of(call *dockerapi.Call, a Answer) (f Format, byTerminal bool) {
	media, _, _ := strings.Cut(a.ContentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if !a.Hijacked && a.Status != 200 {
		return byMedia(media), false // an error
	}
	switch call.Operation {
	case dockerapi.SystemEvents, dockerapi.ContainerStats, dockerapi.ContainerWait,
		dockerapi.ImageBuild, dockerapi.ImageCreate, dockerapi.ImagePush, dockerapi.ImageLoad,
		dockerapi.PluginPull, dockerapi.PluginPush, dockerapi.PluginUpgrade:
		// Whatever the answer calls it: what turns out to be something else ends the stream.
		if media == mediaJSONSeq {
			return JSONSeq, false
		}
		return JSON, false
	case dockerapi.ContainerLogs, dockerapi.ServiceLogs, dockerapi.TaskLogs, dockerapi.ContainerAttach, dockerapi.ExecStart:
		switch {
		case media == mediaMultiplexed:
			return Frames, false
		case media == mediaRaw && dockerapi.AtLeast(call.APIVersion, "1.42") && !(a.Hijacked && a.Status == 200):
			// Since 1.42 the engine says what it sends, but for the old form of a hijack, which is always called raw.
			return Raw, false
		}
		return Raw, true
	case dockerapi.ContainerAttachWebsocket:
		return WebSocket, false
	}
	return byMedia(media), false
}

const (
	mediaRaw         = "application/vnd.docker.raw-stream"
	mediaMultiplexed = "application/vnd.docker.multiplexed-stream"
	mediaJSONSeq     = "application/json-seq"
)

func byMedia(media string) Format {
	switch media {
	case "application/json", "application/jsonl", "application/x-ndjson", "application/ndjson":
		return JSON
	case mediaJSONSeq:
		return JSONSeq
	case mediaMultiplexed:
		return Frames
	}
	return Raw
}
