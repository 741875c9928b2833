package plugin

import (
	"errors"
	"log/slog"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// GRPCCall implements hostcall.Callouts. As with Envoy the guest is told once:
// by proxy_on_grpc_receive when there is an answer, or by proxy_on_grpc_close.
func (c *callouts) GRPCCall(upstream []byte, g hostcall.GRPCCall) (uint32, abi.Status) {
	if g.Timeout == 0 {
		g.Timeout = c.instance.plugin.options.Upstreams[string(upstream)].Timeout()
	}
	call, status := c.open(upstream, g)
	if status != abi.StatusOK {
		return 0, status
	}
	call.unary = true
	_ = call.grpc.Send(g.Message) // it is within the upstream's limit, and the first
	call.grpc.CloseSend()
	call.run(func() {
		var got unary
		status := call.grpc.Run(call.ctx, &got)
		if status.Code == callout.CodeOK && got.messages != 1 {
			status = callout.Status{Code: callout.CodeInternal, Message: "the answer is not one message"}
		}
		if status.Code != callout.CodeOK {
			call.closed(status)
			return
		}
		a := answer{ended: true}.
			with(abi.MapTypeGRPCCallInitialMetadata, got.initial).
			with(abi.MapTypeGRPCCallTrailingMetadata, got.trailing).
			withBody(abi.BufferTypeGRPCCallMessage, got.message)
		call.deliver(a, true, onGRPCReceive, len(got.message))
	})
	return call.id, abi.StatusOK
}

// unary keeps what a call with one answer brings.
type unary struct {
	initial, trailing []abi.Pair
	message           []byte
	messages          int
}

func (u *unary) InitialMetadata(fields []abi.Pair)  { u.initial = fields }
func (u *unary) TrailingMetadata(fields []abi.Pair) { u.trailing = fields }
func (u *unary) Message(message []byte) {
	u.message = message
	u.messages++
}

// GRPCStream implements hostcall.Callouts.
func (c *callouts) GRPCStream(upstream []byte, g hostcall.GRPCCall) (uint32, abi.Status) {
	g.Timeout = 0
	call, status := c.open(upstream, g)
	if status != abi.StatusOK {
		return 0, status
	}
	call.run(func() { call.closed(call.grpc.Run(call.ctx, streamed{call})) })
	return call.id, abi.StatusOK
}

func (c *callouts) open(upstream []byte, g hostcall.GRPCCall) (*pendingCall, abi.Status) {
	p := c.instance.plugin
	stream, err := p.options.Upstreams[string(upstream)].Open(g.Service, g.Method, g.Metadata, g.Timeout)
	if err != nil {
		p.log.Debug("the filter makes a gRPC call that cannot be made", slog.Any("error", err))
		return nil, abi.StatusBadArgument
	}
	call, status := c.begin(upstream)
	if status != abi.StatusOK {
		return nil, status
	}
	call.grpc = stream
	return call, abi.StatusOK
}

// streamed tells the guest of a stream's events. A guest that is gone, or does
// not want to hear of it any more, ends it.
type streamed struct{ call *pendingCall }

func (s streamed) InitialMetadata(fields []abi.Pair) {
	a := answer{}.with(abi.MapTypeGRPCCallInitialMetadata, fields)
	s.tell(a, onGRPCReceiveInitialMetadata, len(fields))
}

func (s streamed) Message(message []byte) {
	a := answer{}.withBody(abi.BufferTypeGRPCCallMessage, message)
	s.tell(a, onGRPCReceive, len(message))
}

func (s streamed) TrailingMetadata(fields []abi.Pair) {
	a := answer{}.with(abi.MapTypeGRPCCallTrailingMetadata, fields)
	s.tell(a, onGRPCReceiveTrailingMetadata, len(fields))
}

func (s streamed) tell(a answer, c callback, size int) {
	if !s.call.deliver(a, false, c, size) {
		s.call.cancel()
	}
}

// closed is the last that the guest hears of a stream, or of a unary call that
// has no answer.
func (call *pendingCall) closed(status callout.Status) {
	if status.Err != nil {
		call.failed(status.Err)
	}
	a := answer{ended: true, code: uint32(status.Code), message: clip(status.Message)}
	call.deliver(a, true, onGRPCClose, int(status.Code))
}

// maxStatusMessage is how much of a service's words a guest is told.
const maxStatusMessage = 4 << 10

func clip(message string) string { return message[:min(len(message), maxStatusMessage)] }

// GRPCSendLimit implements hostcall.Callouts.
func (c *callouts) GRPCSendLimit(id uint32) (int, abi.Status) {
	call, status := c.grpc(id)
	switch {
	case status != abi.StatusOK:
		return 0, status
	case call.unary:
		return 0, abi.StatusBadArgument
	}
	return call.upstream.BodyLimit(), abi.StatusOK
}

// GRPCSend implements hostcall.Callouts.
func (c *callouts) GRPCSend(id uint32, message []byte, end bool) abi.Status {
	call, status := c.grpc(id)
	if status != abi.StatusOK {
		return status
	}
	switch err := call.grpc.Send(message); {
	case errors.Is(err, callout.ErrQueueFull):
		return abi.StatusInternalFailure
	case err != nil:
		return abi.StatusBadArgument // after the end of the sending side
	}
	if end {
		call.grpc.CloseSend()
	}
	return abi.StatusOK
}

// GRPCCancel implements hostcall.Callouts.
func (c *callouts) GRPCCancel(id uint32) abi.Status {
	call, status := c.grpc(id)
	if status != abi.StatusOK {
		return status
	}
	call.dropped = true
	call.end()
	call.cancel()
	return abi.StatusOK
}

// GRPCClose implements hostcall.Callouts.
func (c *callouts) GRPCClose(id uint32) abi.Status {
	call, status := c.grpc(id)
	switch {
	case status != abi.StatusOK:
		return status
	case call.unary:
		return c.GRPCCancel(id)
	}
	call.grpc.CloseSend()
	return abi.StatusOK
}

func (c *callouts) grpc(id uint32) (*pendingCall, abi.Status) {
	call := c.pending[id]
	if call == nil || call.grpc == nil {
		return nil, abi.StatusNotFound
	}
	return call, abi.StatusOK
}
