package buildkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/buildkit/message"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// call is one gRPC call on its way.
type call struct {
	*mediation
	w       http.ResponseWriter
	r       *http.Request
	policy  *Policy
	method  method
	id      string // of what it is about, as the message says
	passage *passage
	share   share // what it holds of its message
	record  Record
	in      atomic.Int64
	cut     bool
}

// serve is the way of a call, from top to bottom.
func (c *call) serve() error {
	if err := c.admit(); err != nil {
		return err
	}
	switch c.r.URL.Path {
	case healthCheck:
		// How a side finds out whether the other is still there: it asks for nothing.
		return c.forward(c.body(), c.r.Header)
	case session:
		return c.tunnel()
	case execProcess:
		return c.exec()
	}

	// What is asked for.
	body := c.body()
	var codec *message.Codec
	var document []byte
	if c.method.Request != nil && !c.method.Stream {
		wire, err := readOnly(body, c.limit(), c.room)
		if err = c.share.came(err); err != nil {
			return err
		}
		// An engine is trusted to know what it asks a client for.
		codec = &message.Codec{Type: c.method.Request, ShowUnknown: c.policy.ShowUnknown || c.side == client}
		if document, err = c.decode(codec, wire); err != nil {
			return err
		}
	}
	c.name(document)
	if err := c.granted(); err != nil {
		return err
	}

	// What the filters make of it.
	c.passage = c.begin(&c.record, codec, document)
	out, err := c.passage.request()
	if err != nil {
		return err
	}
	metadata := c.passage.metadata()
	if c.r.URL.Path == forwardAgent {
		c.r.Header = metadata // which names the agent
		c.name(nil)
		if err := c.granted(); err != nil {
			return err
		}
	}
	if document != nil {
		// Once more: a filter may have written another document, in the place of this one.
		c.name(out)
		if err := c.granted(); err != nil {
			return err
		}
		wire, err := codec.Wire(out)
		if err != nil {
			return refusal(codeInternal, "%v", err)
		}
		// Nothing but that is held from here on, and that until it is sent: what is called may go on for long, and need other calls.
		codec.Forget()
		document, c.passage.document = nil, nil
		c.share.set(len(wire))
		body = c.sending(wire)
	}
	return c.forward(body, metadata)
}

// admit finds out what is called, and whether it can be looked into.
func (c *call) admit() error {
	contentType := strings.Join(c.r.Header.Values("Content-Type"), ", ")
	switch {
	case c.r.Method != http.MethodPost || contentType != contentTypeGRPC && contentType != contentTypeGRPC+"+proto":
		return refusal(codeUnimplemented, "only gRPC calls are passed on here, and this is %s with content type %s", quoted(c.r.Method), quoted(contentType))
	case !c.policy.Mediated:
		return refusal(codePermissionDenied, "the gateway's configuration no longer passes BuildKit's calls on (buildkit.mode)")
	case c.r.URL.Path == healthCheck && c.r.URL.RawQuery == "":
		return nil
	}
	var ok bool
	if c.method, ok = findMethod(c.side, c.r.URL.Path); !ok || c.r.RequestURI != c.r.URL.Path {
		return refusal(codePermissionDenied, "the method %s is not among those that may be called on %s", quoted(c.r.URL.Path), c.side)
	}
	c.record.Operation, c.record.Stream = c.method.operation, c.method.Stream
	for _, encoding := range c.r.Header.Values("Grpc-Encoding") {
		if encoding != "identity" {
			return errCompressed
		}
	}
	if n := countFields(c.r.Header); n > maxFields {
		return refusal(codeResourceExhausted, "%d metadata fields are more than the %d that fit", n, maxFields)
	}
	return nil
}

func (c *call) newRecord(op dockerapi.Operation) Record {
	return Record{RequestID: c.NewID(), Operation: op, Path: c.r.URL.Path, ToClient: c.side == client, Begin: time.Now()}
}

func (c *call) limit() int { return c.policy.Chain.BodyLimit }

// room finds room for a message and, as a rule, for its JSON, until it has come: see came.
func (c *call) room(size int) error {
	if err := c.share.take(size + c.jsonOf(size)); err != nil {
		return err
	}
	c.share.due(size)
	return nil
}

// jsonOf is how long the JSON of a message of so many bytes is at most, as a rule.
func (c *call) jsonOf(size int) int { return min(growth*size, c.limit()) }

func (c *call) decode(codec *message.Codec, wire []byte) ([]byte, error) {
	codec.Limit = c.jsonOf(len(wire))
	document, err := codec.JSON(wire)
	if errors.Is(err, message.ErrTooLarge) && codec.Limit < c.limit() {
		codec.Limit = c.limit()
		if err := c.share.take(len(wire) + codec.Limit); err != nil {
			return nil, err
		}
		document, err = codec.JSON(wire)
	}
	codec.Limit = c.limit() // for what filters make of it
	if errors.Is(err, message.ErrTooLarge) {
		return nil, refusal(codeResourceExhausted, "%v: its JSON exceeds limits.body (%d bytes)", err, c.limit())
	}
	if err != nil {
		return nil, refusal(codeInvalidArgument, "%v", err)
	}
	c.share.set(len(wire) + 2*len(document)) // filters may write another one
	return document, nil
}

// sending is a message as the body of a request. What it holds is let go of once it is read, or closed before.
func (c *call) sending(wire []byte) io.ReadCloser {
	head := bytes.NewReader(appendPrefix(nil, len(wire)))
	return &sentMessage{Reader: io.MultiReader(head, bytes.NewReader(wire)), share: &c.share}
}

type sentMessage struct {
	io.Reader
	share *share
}

func (m *sentMessage) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if err != nil {
		m.share.set(0) // net/http closes it at the end of the call only
	}
	return n, err
}

func (m *sentMessage) Close() error {
	m.share.set(0)
	return nil
}

// name finds out what the call is about.
func (c *call) name(document []byte) {
	if c.r.URL.Path == forwardAgent {
		// The one method whose object stands in the metadata; clients take the first value.
		c.id = c.r.Header.Get(agentID)
	} else if _, key := c.method.resource(); document != nil {
		var fields map[string]json.RawMessage
		c.id = ""
		if json.Unmarshal(document, &fields) == nil {
			_ = json.Unmarshal(fields[key], &c.id) // a message without it is about nothing
		}
	}
	if c.id == "" && c.method.operation == dockerapi.BuildkitSSH {
		c.id = defaultSSH
	}
}

// agentID is the metadata field with the id of an ssh agent.
const agentID = "Buildkit.ssh.id"

// granted checks the configuration's grants.
func (c *call) granted() error {
	if why := c.policy.Grants.check(c.r.URL.Path, c.id); why != "" {
		return refusal(codePermissionDenied, "%s", why)
	}
	if len(c.r.Header.Values(agentID)) > 1 {
		return refusal(codeInvalidArgument, "the call names more than one ssh agent")
	}
	return nil
}

// forward calls the other side and passes its answer on.
func (c *call) forward(body io.ReadCloser, metadata http.Header) error {
	response, err := c.send(body, metadata)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := c.answer(response); err != nil {
		return err
	}
	return c.relay(response)
}

// send makes the call and returns when the answer begins. Closing the body has to wake whoever reads it.
func (c *call) send(body io.ReadCloser, metadata http.Header) (*http.Response, error) {
	host := c.r.Host
	if host == "" {
		host = "localhost"
	}
	request := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: host, Path: c.r.URL.Path}, Host: host,
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: metadata, Body: body, ContentLength: -1,
	}
	request.Header.Set("Content-Type", contentTypeGRPC)
	request.Header.Set("Te", "trailers")
	response, err := c.callee.RoundTrip(request.WithContext(c.r.Context()))
	if err != nil {
		return nil, c.broken(err)
	}
	contentType := response.Header.Get("Content-Type")
	if response.StatusCode != 200 || !strings.HasPrefix(contentType, contentTypeGRPC) {
		response.Body.Close()
		return nil, failure(codeUnavailable, "%s answered with HTTP status %d and content type %s, which is no gRPC", c.side, response.StatusCode, quoted(contentType))
	}
	return response, nil
}

// answer takes the head of the answer through the filters, and passes it on.
func (c *call) answer(response *http.Response) error {
	pairs := fields(response.Header, false)
	if c.passage != nil {
		var err error
		if pairs, err = c.passage.response(pairs); err != nil {
			return err
		}
	}
	head := toHeader(pairs)
	h := c.w.Header()
	for key, values := range head {
		switch key {
		case headerStatus, headerMessage, headerStatusDetailsBin:
			// An answer that is nothing but its end; its end is passed on as such.
			if response.Trailer == nil {
				response.Trailer = http.Header{}
			}
			response.Trailer[key] = response.Header[key]
		default:
			h[key] = values
		}
	}
	h.Set("Content-Type", contentTypeGRPC)
	c.w.WriteHeader(200)
	return c.flush()
}

// relay passes the messages of the answer and its end on.
func (c *call) relay(response *http.Response) error {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for {
		n, err := response.Body.Read(*buffer)
		if n > 0 {
			c.record.Out += int64(n)
			if _, err := c.w.Write((*buffer)[:n]); err != nil {
				return errCallerGone
			}
			if err := c.flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c.broken(err)
		}
	}
	return c.close(response.Trailer)
}

// close ends the call as the other side ended it.
func (c *call) close(trailer http.Header) error {
	text := trailer.Get(headerStatus)
	code, err := strconv.Atoi(text)
	if err != nil || code < 0 {
		return failure(codeInternal, "%s ended the call without a status", c.side)
	}
	c.record.Code = code
	h := c.w.Header()
	for key, values := range trailer {
		h[http.TrailerPrefix+key] = values
	}
	return nil
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

func (c *call) flush() error {
	if http.NewResponseController(c.w).Flush() != nil {
		return errCallerGone
	}
	return nil
}

var errCallerGone = failure(codeCancelled, "the caller went away")

// broken is the status for an answer that broke off.
func (c *call) broken(err error) error {
	if c.r.Context().Err() != nil {
		return errCallerGone
	}
	return broken(c.side, err)
}

// end finishes the call with the gateway's own status.
func (c *call) end(err error) {
	var s *status
	if !errors.As(err, &s) {
		if c.r.Context().Err() != nil {
			s = errCallerGone
		} else {
			s = failure(codeInternal, "%v", err)
		}
	}
	c.record.Code = s.code
	if c.passage != nil {
		c.record.Outcome = c.passage.stream.Outcome()
	}
	c.record.Outcome = s.outcome(c.record.Outcome)
	if !s.denied {
		c.record.Problem = s.message
	}
	if s == errCallerGone || c.cut {
		return // nobody reads what would be said
	}
	s.write(c.w, c.record.RequestID)
}

// finish is the end of the call.
func (c *call) finish() {
	c.share.end()
	if c.passage != nil {
		if c.record.Outcome == (chain.Outcome{}) {
			c.record.Outcome = c.passage.stream.Outcome()
		}
		c.passage.close()
	}
	if c.r.URL.Path == healthCheck && c.record.Code == codeOK {
		return
	}
	c.record.In = c.in.Load()
	c.Finished(&c.record)
}

// body is the request's body, counted.
func (c *call) body() io.ReadCloser { return &counter{ReadCloser: c.r.Body, n: &c.in} }

type counter struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}
