package buildkit

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/buildkit/message"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// passage is the way of one call, or of one message of a call, through the filters.
type passage struct {
	call     *call
	stream   *chain.Stream
	unbind   func() // ends what watches the caller for the stream
	document []byte
}

// begin opens a stream of the chain. document is what the call asks for, in JSON; nil where it sends a stream of messages.
func (c *call) begin(record *Record, codec *message.Codec, document []byte) *passage {
	info := chain.Info{
		RequestID: record.RequestID, Method: http.MethodPost, Authority: c.r.Host, Protocol: "HTTP/2",
		Call:   c.method.call(c.id),
		Client: c.Client,
	}
	if document != nil {
		info.Plan, info.Canonical = dockerapi.BodyCanonical, codec.Canonical
	}
	p := &passage{call: c, document: document}
	p.stream = c.policy.Chain.Open(c.Life, info, fields(c.r.Header, document != nil))
	p.unbind = bind(c.r.Context(), p.stream)
	return p
}

// bind cancels what filters hold of the stream when the caller goes away. What it returns is called before the stream is closed.
func bind(ctx context.Context, s *chain.Stream) (unbind func()) {
	var wait sync.WaitGroup
	wait.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer wait.Done()
		s.Cancel()
	})
	return func() {
		if !stop() {
			wait.Wait()
		}
	}
}

// request asks the filters, first to last. It returns what they made of the document.
func (p *passage) request() ([]byte, error) {
	ready := p.stream.RequestHeaders(p.document == nil)
	out := p.document
	if p.document != nil && p.stream.Local() == nil {
		out, ready = p.stream.RequestBody(p.document, true)
	}
	if !ready || p.stream.Local() != nil {
		return nil, p.local()
	}
	return out, nil
}

// metadata are the request's fields as the filters left them.
func (p *passage) metadata() http.Header { return toHeader(p.stream.RequestFields()) }

// response takes the head of the answer through the filters, last to first.
func (p *passage) response(head []abi.Pair) ([]abi.Pair, error) {
	if !p.stream.ResponseHeaders("200", head, true, false) {
		return nil, p.local()
	}
	return p.stream.ResponseFields(), nil
}

// local makes the end of the call out of a local response, which passes the response stages like any other.
func (p *passage) local() error {
	for {
		l := p.stream.BeginLocal()
		if l.Abort {
			p.call.cut = true
			return failure(codeInternal, "a filter closed the call")
		}
		out := l.Body
		ready := p.stream.ResponseHeaders(l.StatusText(), l.Fields, len(out) == 0, true)
		if (!ready || p.stream.WantsResponseBody()) && p.stream.Local() == nil {
			out, ready = p.stream.ResponseBody(out, true)
		}
		if !ready {
			continue // a filter on the way put another in its place
		}
		code := l.Status
		for _, f := range p.stream.ResponseFields() {
			if f.Key == ":status" {
				if n, err := strconv.Atoi(f.Value); err == nil {
					code = n
				}
			}
		}
		return fromLocal(code, out)
	}
}

func (p *passage) close() {
	p.unbind()
	p.stream.Close()
}
