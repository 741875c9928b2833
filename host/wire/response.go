package wire

import (
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// ReadResponse reads the next response's head into r, whose Header is reused. method is that of the request. Informational
// responses are returned like others ([Response.Informational]); call again for the final one. io.EOF means that the server
// ended the connection without a byte of an answer. A malformed response is an *[Error] of status 502, and so is a malformed body.
func (c *Conn) ReadResponse(r *Response, method string) error {
	head, err := c.readHead()
	if err == nil {
		err = c.parseResponse(r, head, method)
	}
	return fromUpstream(err)
}

func (c *Conn) parseResponse(r *Response, head, method string) error {
	*r = Response{Header: r.Header[:0]}
	end := strings.IndexByte(head, '\n') + 1
	line, ok := strings.CutSuffix(head[:end], "\r\n")
	version, rest, ok2 := strings.Cut(line, " ")
	status, reason, _ := strings.Cut(rest, " ")
	if !ok || !ok2 || len(status) != 3 || status[0] < '1' || !digit(status[0]) || !digit(status[1]) || !digit(status[2]) || !ValidValue(reason) {
		return malformedf("status line %q", clip(line))
	}
	minor, err := readVersion(version)
	if err != nil {
		return err
	}
	r.Minor, r.Reason = minor, reason
	r.Status = int(status[0]-'0')*100 + int(status[1]-'0')*10 + int(status[2]-'0')
	var f framing
	if r.Header, f, err = c.readFields(head[end:], false, r.Header); err != nil {
		return err
	}
	if f.encodings > 0 && r.Minor == 0 {
		return malformedf("Transfer-Encoding in an HTTP/1.0 response")
	}
	r.Upgrade = f.upgrade
	if r.Informational() {
		return nil
	}
	r.Close = f.close || r.Minor == 0 && !f.keep
	switch {
	case r.Status == 101 || r.Status == 204 && f.lengths == 0:
	case method == "HEAD" || r.Status == 304 || r.Status == 204:
		if f.lengths == 1 {
			r.Body = Framing{Kind: LengthOnly, Length: f.length}
		}
	case f.chunked:
		r.Body.Kind = Chunked
	case f.lengths == 1:
		r.Body = Framing{Kind: Length, Length: f.length}
	default:
		r.Body.Kind = UntilClose
		r.Close = true
	}
	c.closing = c.closing || r.Close
	c.begin(r.Body, true)
	return nil
}

// WriteResponse begins a response to the request that was read last: r's Status, Reason, Header, Body, Close and Upgrade. The
// head waits for the body or for Flush. What the request demands is done here: to HEAD no body is written, whatever follows; to
// HTTP/1.0 chunks become a body until close; "Connection: close" is said when either side wants it. After an informational
// status the final response is still to come, and 101 is written without a field that was not given. What the protocol does
// not allow in a head is an *[Error], and nothing was written.
func (c *Conn) WriteResponse(r *Response) error {
	c.sent = 0 // also of a response that is refused here; c.news is the reading half's, which may be running
	if c.out.done {
		return ErrOutOfOrder
	}
	if r.Status < 100 || r.Status > 999 || !ValidValue(r.Reason) {
		return badResponse("status %d %q cannot be written", r.Status, clip(r.Reason))
	}
	if err := checkFields(r.Header, r.Upgrade); err != nil {
		return inResponse(err)
	}
	b := c.writeBuffer()
	if c.minor == 0 {
		b = append(b, "HTTP/1.0 "...)
	} else {
		b = append(b, "HTTP/1.1 "...)
	}
	b = appendInt(b, int64(r.Status))
	b = append(b, ' ')
	if r.Reason != "" {
		b = append(b, r.Reason...)
	} else {
		b = append(b, reasonOf(r.Status)...)
	}
	b = append(b, "\r\n"...)
	b = appendFields(b, r.Header, false)
	if r.Informational() {
		c.wbuf = append(b, "\r\n"...)
		return nil
	}
	body := c.frame(r)
	if r.Status == 101 || body.Kind == Raw {
		b = appendConnection(b, false, r.Upgrade)
	} else {
		b = appendFraming(b, body)
		b = appendConnection(b, c.closing, r.Upgrade)
	}
	c.wbuf = append(b, "\r\n"...)
	return nil
}

// frame decides how the response's body really goes out, and prepares the writing half for it.
func (c *Conn) frame(r *Response) Framing {
	body := r.Body
	switch {
	case r.Status == 101:
		body = Framing{}
	case r.Status == 204 || r.Status == 304 || c.head:
		if body.Kind == Length && r.Status != 204 {
			body.Kind = LengthOnly
		}
		if body.Kind != LengthOnly {
			body = Framing{}
		}
	case body.Kind == None || body.Kind == LengthOnly:
		// Everywhere else silence would mean a body until close.
		body = Framing{Kind: Length}
	case body.Kind == Chunked && c.minor == 0:
		body.Kind = UntilClose
	}
	if r.Close || body.Kind == UntilClose || body.Kind == Raw || r.Status == 101 {
		c.closing = true
	}
	empty := c.head || r.Status == 204 || r.Status == 304
	c.out = outbound{kind: body.Kind, left: body.Length, discard: empty, done: !body.HasBody() && r.Status != 101}
	return body
}

// Continue100 tells a client that waits for it to send its body, at once.
func (c *Conn) Continue100() error {
	if c.out.done || c.minor == 0 {
		return ErrOutOfOrder
	}
	c.wbuf = append(c.writeBuffer(), "HTTP/1.1 100 Continue\r\n\r\n"...)
	return c.Flush()
}

// checkFields refuses names and values that would become other fields on the wire.
func checkFields(fields []abi.Pair, upgrade string) error {
	for i := range fields {
		if p := &fields[i]; !ValidName(p.Key) || !ValidValue(p.Value) {
			return malformedf("header field %q with value %q cannot be written", clip(p.Key), clip(p.Value))
		}
	}
	if !ValidValue(upgrade) {
		return malformedf("Upgrade %q cannot be written", clip(upgrade))
	}
	return nil
}

// appendFields writes the ordinary fields. Those that frame the message are not the caller's to set.
func appendFields(b []byte, fields []abi.Pair, request bool) []byte {
	for i := range fields {
		p := &fields[i]
		if id := fieldOf(p.Key); id != other && (request || id != fieldHost && id != fieldExpect) {
			continue
		}
		b = append(b, p.Key...)
		b = append(b, ": "...)
		b = append(b, p.Value...)
		b = append(b, "\r\n"...)
	}
	return b
}

func appendFraming(b []byte, f Framing) []byte {
	switch f.Kind {
	case Length, LengthOnly:
		b = append(b, "Content-Length: "...)
		b = appendInt(b, f.Length)
		b = append(b, "\r\n"...)
	case Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return b
}

func appendConnection(b []byte, closing bool, upgrade string) []byte {
	switch {
	case upgrade != "" && closing:
		b = append(b, "Connection: Upgrade, close\r\nUpgrade: "...)
	case upgrade != "":
		b = append(b, "Connection: Upgrade\r\nUpgrade: "...)
	case closing:
		return append(b, "Connection: close\r\n"...)
	default:
		return b
	}
	b = append(b, upgrade...)
	return append(b, "\r\n"...)
}
