package buildkit

import (
	"bytes"
	"errors"
	"io"

	"github.com/sluice-gateway/sluice/host/buildkit/message"
)

// exec passes a call of ExecProcess on. Its stream of messages may start any number of processes; each message that does is shown to the
// filters as a call of its own, and the others, which feed a process, are not.
func (c *call) exec() error {
	messages := &execMessages{call: c, from: c.body()}
	return c.forward(messages, toHeader(fields(c.r.Header, false)))
}

// execMessages reads the client's messages as they may be passed on.
type execMessages struct {
	call *call
	from io.ReadCloser
	out  bytes.Reader
}

func (m *execMessages) Read(p []byte) (int, error) {
	for m.out.Len() == 0 {
		wire, err := readMessage(m.from, m.call.limit(), m.call.room)
		if err = m.call.share.came(err); err != nil {
			return 0, err
		}
		if wire, err = m.pass(wire); err != nil {
			return 0, err
		}
		m.call.share.set(len(wire))
		m.out.Reset(appendMessage(nil, wire))
	}
	return m.out.Read(p)
}

// Close wakes Read.
func (m *execMessages) Close() error { return m.from.Close() }

// pass takes one message through the filters where it starts a process.
func (m *execMessages) pass(wire []byte) ([]byte, error) {
	c := m.call
	execMessage := c.method.Request
	starts, err := execMessage.Has(wire, "Init")
	if err != nil {
		return nil, refusal(codeInvalidArgument, "%v", err)
	}
	if !starts {
		return wire, nil
	}
	codec := &message.Codec{Type: execMessage, ShowUnknown: c.policy.ShowUnknown}
	document, err := c.decode(codec, wire)
	if err != nil {
		return nil, err
	}
	record := c.newRecord(c.method.operation)
	record.In, record.Stream = int64(len(wire)), true
	passage := c.begin(&record, codec, document)
	out, err := passage.request()
	record.Outcome = passage.stream.Outcome()
	if err == nil {
		wire, err = codec.Wire(out)
	}
	passage.close()
	var s *status
	if errors.As(err, &s) {
		record.Code = s.code
	}
	c.Finished(&record)
	return wire, err
}
