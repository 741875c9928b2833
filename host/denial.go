package host

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/record"
	"github.com/sluice-gateway/sluice/host/wire"
)

// This file is how a denial is told to a client that asked for a connection to
// a process. Docker's command line, and whoever uses Docker's Go client, shows
// nothing of an ordinary answer to such a request but its status ("unable to
// upgrade to tcp, received 403"). So it is given what it asked for, a hijacked
// connection, and finds the reason on it, as the engine does when the process
// of an exec cannot be started.

// denialForm is how a denial goes to the client.
type denialForm uint8

const (
	// plainDenial is the ordinary answer, {"message": …}.
	plainDenial denialForm = iota
	// frameDenial is 101, the message as a frame of standard error, and a frame
	// of the engine's own errors, which makes clients fail.
	frameDenial
	// textDenial is 101 and the message, for a terminal.
	textDenial
	// resetDenial is textDenial, its connection reset, which makes clients fail.
	resetDenial
	// messageDenial is a WebSocket that opens, says the message and closes.
	messageDenial
	// callDenial is an HTTP/2 connection on which every gRPC call is refused with
	// the message.
	callDenial
)

// answerDenial answers a request to hijack its connection, which is denied with
// the body of an ordinary answer, in a form that its client shows. False means
// that the ordinary answer is the right one, and that nothing was written.
func (x *exchange) answerDenial(status int, fields []abi.Pair, body []byte) bool {
	form := x.denialForm(status)
	if form == plainDenial {
		return false
	}
	x.status, x.sent = status, 101
	message := denialText(status, body)
	if form == callDenial {
		if err := x.refuseCalls(message); err != nil {
			x.explain(err)
		}
		x.conn.Abort()
		return true
	}
	x.conn.BoundWrites(answerTime)
	x.reply = wire.Response{Status: 101, Header: x.reply.Header[:0]}
	for i := range fields {
		if key := fields[i].Key; key != "" && key[0] != ':' && !strings.HasPrefix(strings.ToLower(key), "content-") {
			x.reply.Header = append(x.reply.Header, fields[i])
		}
	}
	if form == messageDenial {
		x.reply.Upgrade = "websocket"
		x.reply.Header = append(x.reply.Header, abi.Pair{Key: "Sec-WebSocket-Accept", Value: webSocketAccept(x.request.Header)})
	} else {
		x.reply.Reason, x.reply.Upgrade = "UPGRADED", "tcp"
		x.reply.Header = append(x.reply.Header, abi.Pair{Key: "Content-Type", Value: streamType(&x.info.Call, form == frameDenial)})
	}
	if x.info.Call.Operation == dockerapi.ExecStart {
		x.gateway.refusedExecs.add(x.info.Call.ResourceID, x.who(), x.info.RequestID)
	}
	err := x.conn.WriteResponse(&x.reply)
	if err == nil {
		x.conn.Hijack()
		var n int
		n, err = x.conn.WriteBody(denialStream(form, status, message))
		x.out += int64(n)
	}
	if err == nil {
		err = x.conn.Flush()
	}
	if err != nil {
		x.explain(err)
		x.conn.Abort()
		return true
	}
	if form == resetDenial {
		time.Sleep(resetDelay)
		x.conn.Reset()
		return true
	}
	x.part()
	return true
}

// resetDelay is how long a text has to be read before its connection is reset:
// some systems drop with the connection what was not read yet.
const resetDelay = 100 * time.Millisecond

// denialForm chooses the form by what the client asked for and what it expects
// to read. Where that cannot be known the ordinary answer is the only one that
// nobody takes for something else.
func (x *exchange) denialForm(status int) denialForm {
	if x.request.Upgrade == "" || x.request.Minor == 0 || x.info.Call.Transport != dockerapi.Hijack {
		return plainDenial // such a client reads the answer like any other
	}
	if status == 404 {
		// As the engine says it of what does not exist, so that nobody can tell
		// from the form that it does.
		return plainDenial
	}
	switch x.info.Call.Operation {
	case dockerapi.Grpc, dockerapi.Session:
		// Nobody calls on a session: the build that it is for has to be refused too
		// for the client to show why, as in mode deny.
		calls := x.info.Call.Operation == dockerapi.Grpc || x.lateSession || x.gen.config.BuildKit.Mode == config.BuildKitDeny
		if calls && strings.EqualFold(x.request.Upgrade, h2c) {
			return callDenial
		}
	case dockerapi.ExecStart:
		start, ok := x.execStart()
		switch {
		case !ok || start.Detach:
			return plainDenial
		case start.Tty:
			return textDenial // refusedExecs makes it fail
		}
		return frameDenial
	case dockerapi.ContainerAttach:
		terminal, err := x.hasTerminal(&x.info.Call)
		switch {
		case err != nil:
			return plainDenial
		case !terminal:
			return frameDenial
		case x.conn.CanReset():
			return resetDenial
		}
		// The end of a stream alone is no failure for `docker attach` and
		// `docker run`: they would wait for the container's end.
		return plainDenial
	case dockerapi.ContainerAttachWebsocket:
		if webSocketAccept(x.request.Header) != "" {
			return messageDenial
		}
	}
	return plainDenial
}

// execStartBody is what matters in the body of ExecStart.
type execStartBody struct{ Detach, Tty bool }

// execBodyTime is how long the body of a request that is denied by its head
// alone may take to come.
const execBodyTime = time.Second

// execStart is what the client wants of an exec. Where the denial came before
// the body was read, it is read now: clients send these few bytes with the head.
func (x *exchange) execStart() (start execStartBody, ok bool) {
	body := x.canonical
	if body == nil && x.hasBody {
		if x.request.Expect100 || x.upload != nil || x.conn.BodyDone() { // or it was read, and is no JSON
			return start, false
		}
		limit := time.Now().Add(execBodyTime)
		_ = x.conn.NetConn().SetReadDeadline(limit)
		for done := false; !done; {
			var chunk []byte
			var err error
			if chunk, done, err = x.conn.NextBody(); err != nil {
				return start, false
			}
			if body = append(body, chunk...); len(body) > discardable {
				return start, false
			}
		}
		_ = x.conn.NetConn().SetReadDeadline(time.Time{})
	}
	if len(body) == 0 {
		return start, true // as the engine takes it
	}
	return start, json.Unmarshal(body, &start) == nil
}

// streamType is the media type that the engine gives to a hijacked connection.
func streamType(call *dockerapi.Call, frames bool) string {
	if frames && dockerapi.AtLeast(call.APIVersion, "1.42") {
		return "application/vnd.docker.multiplexed-stream"
	}
	return "application/vnd.docker.raw-stream"
}

// denialText is what the client is to read: the message of an answer in the
// engine's form, or the answer itself, without what would do something to a
// terminal.
func denialText(status int, body []byte) string {
	var engine struct{ Message string }
	message := string(body)
	if json.Unmarshal(body, &engine) == nil && engine.Message != "" {
		message = engine.Message
	}
	if len(message) > maxDenialText {
		message = message[:maxDenialText] + "…"
	}
	message = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(message, "\uFFFD"))
	if message = strings.TrimSpace(message); message == "" {
		message = "denied with status " + strconv.Itoa(status)
	}
	return message
}

// maxDenialText is how much of an answer is made into a text. A frame of it is
// one that every client takes.
const maxDenialText = 16 << 10

// denialStream is what follows the head.
func denialStream(form denialForm, status int, message string) []byte {
	switch form {
	case frameDenial:
		b := record.AppendFrame(nil, record.Stderr, message+"\n")
		return record.AppendFrame(b, record.SystemErr, fmt.Sprintf("the gateway denied the call (%d)", status))
	case messageDenial:
		return record.AppendClose(record.AppendText(nil, message+"\r\n"), message)
	default:
		return []byte(strings.ReplaceAll(message, "\n", "\r\n") + "\r\n")
	}
}
