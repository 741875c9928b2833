package wire

import (
	"net/netip"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// ReadRequest reads the next request's head into r, whose Header is reused. It waits for as long as the client is idle, needs
// no goroutine and sets no timer meanwhile, and returns io.EOF when the client ended the connection between two requests. An
// *[Error] is to be answered, after which the connection is closed; so is every other error, without an answer. The body of the
// previous request must have been read.
func (c *Conn) ReadRequest(r *Request) error {
	if !c.BodyDone() {
		return ErrOutOfOrder
	}
	// Until the request was understood, it is one that can only be answered and closed.
	c.minor, c.head, c.closing, c.out = 1, false, true, outbound{}
	head, err := c.readHead()
	if err != nil {
		return inRequest(err)
	}
	if err := c.parseRequest(r, head); err != nil {
		return inRequest(err)
	}
	c.minor, c.head, c.closing = r.Minor, r.Method == "HEAD", r.Close
	c.begin(r.Body, false)
	return nil
}

func (c *Conn) parseRequest(r *Request, head string) error {
	*r = Request{Header: r.Header[:0]}
	end := strings.IndexByte(head, '\n') + 1
	if err := r.readLine(head[:end]); err != nil {
		return err
	}
	var f framing
	var err error
	if r.Header, f, err = c.readFields(head[end:], true, r.Header); err != nil {
		return err
	}
	return r.apply(&f)
}

// readLine parses "METHOD target HTTP/1.x\r\n".
func (r *Request) readLine(line string) error {
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return badRequest("line does not end with CRLF")
	}
	method, rest, ok1 := strings.Cut(line, " ")
	target, version, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 {
		return badRequest("request line %q", clip(line))
	}
	if !ValidName(method) {
		return badRequest("method %q", clip(method))
	}
	minor, err := readVersion(version)
	if err != nil {
		return err
	}
	r.Method, r.Minor = method, minor
	if method == "CONNECT" {
		return &Error{Status: 501, Message: "method CONNECT is not supported"}
	}
	if !r.readTarget(target) {
		return badRequest("request target %q", clip(target))
	}
	return nil
}

// readVersion accepts HTTP/1.0 and HTTP/1.1.
func readVersion(s string) (minor int, err error) {
	switch {
	case s == "HTTP/1.1":
		return 1, nil
	case s == "HTTP/1.0":
		return 0, nil
	case len(s) == len("HTTP/1.1") && s[:5] == "HTTP/" && s[6] == '.' && digit(s[5]) && digit(s[7]):
		return 0, &Error{Status: 505, Message: "version " + s + " is not supported: use HTTP/1.1"}
	}
	return 0, malformedf("version %q", clip(s))
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// readTarget checks the target and reduces it to origin form; the authority of an absolute one becomes r.Host.
func (r *Request) readTarget(t string) bool {
	if t == "*" {
		r.Target = t
		return r.Method == "OPTIONS"
	}
	if t != "" && t[0] != '/' {
		scheme, rest, ok := strings.Cut(t, "://")
		if !ok || !abi.EqualFold(scheme, "http") && !abi.EqualFold(scheme, "https") {
			return false
		}
		path := strings.IndexAny(rest, "/?")
		if path < 0 {
			path = len(rest)
		}
		r.Host, t = rest[:path], rest[path:]
		if !validAuthority(r.Host) {
			return false
		}
		if t == "" || t[0] == '?' {
			t = "/" + t
		}
	}
	r.Target = t
	return validOrigin(t)
}

// validOrigin checks a target in origin form: no blanks, control characters or fragment, and whole escapes in the path. Bytes
// above ASCII pass, as dockerd lets them; what they mean is decided where paths are canonicalised.
func validOrigin(t string) bool {
	if t == "" || t[0] != '/' {
		return false
	}
	path := true
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c <= ' ' || c == 0x7f || c == '#':
			return false
		case c == '?':
			path = false
		case c == '%' && path:
			if i+2 >= len(t) || class[t[i+1]]&class[t[i+2]]&isHex == 0 {
				return false
			}
		}
	}
	return true
}

// validAuthority checks host[:port] of an absolute target: a name or an address, no user, no escapes.
func validAuthority(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		if a, err := netip.ParseAddr(s[1:end]); err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		host, port = "", s[end+1:]
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
		if host == "" {
			return false
		}
	} else if s == "" {
		return false
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if class[c]&isHost == 0 || c == '%' || c == '[' || c == ']' {
			return false
		}
	}
	if port == "" {
		return true
	}
	if port[0] != ':' {
		return false
	}
	for i := 1; i < len(port); i++ {
		if !digit(port[i]) {
			return false
		}
	}
	return true
}

// apply turns what the fields said into the request's typed values.
func (r *Request) apply(f *framing) error {
	switch {
	case f.hosts > 1:
		return badRequest("more than one Host field")
	case f.hosts == 0 && r.Minor == 1:
		return badRequest("no Host field")
	case !all(f.host, isHost):
		return badRequest("Host %q", clip(f.host))
	case f.encodings > 0 && r.Minor == 0:
		return badRequest("Transfer-Encoding in an HTTP/1.0 request")
	}
	if r.Host == "" {
		r.Host = f.host
	}
	// A client of HTTP/1.0 is answered and left: keeping its connection would need its own rules for framing.
	r.Close = f.close || r.Minor == 0
	r.Upgrade = f.upgrade
	switch {
	case f.chunked:
		r.Body.Kind = Chunked
	case f.lengths == 1:
		r.Body = Framing{Kind: Length, Length: f.length}
	}
	if f.expects > 0 && r.Minor == 1 {
		if f.expects > 1 || !abi.EqualFold(f.expect, "100-continue") {
			return &Error{Status: 417, Message: "expectation " + quote(f.expect) + " cannot be met"}
		}
		r.Expect100 = r.Body.HasBody()
	}
	return nil
}

// WriteRequest begins a request: r's Method, Target, Host, Header, Body, Close, Upgrade and Expect100. The head waits for the
// body or for Flush. Its body is then written with WriteBody and ended with FinishBody, also when there is none. What the
// protocol does not allow in a head is an *[Error], and nothing was written: [Conn.Unsent] and [Conn.Unanswered] hold, and the
// connection can be used on.
func (c *Conn) WriteRequest(r *Request) error {
	c.sent, c.news = 0, false // also of a request that is refused here, and so never sent
	if !c.out.done || !c.in.done || c.closing {
		return ErrOutOfOrder
	}
	if !ValidName(r.Method) || !validOrigin(r.Target) && r.Target != "*" || !all(r.Host, isHost) {
		return badRequest("%q %q for host %q cannot be written", clip(r.Method), clip(r.Target), clip(r.Host))
	}
	if err := checkFields(r.Header, r.Upgrade); err != nil {
		return inRequest(err)
	}
	b := c.writeBuffer()
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.Host...)
	b = append(b, "\r\n"...)
	b = appendFields(b, r.Header, true)
	if r.Expect100 {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	b = appendFraming(b, r.Body)
	b = appendConnection(b, r.Close, r.Upgrade)
	c.wbuf = append(b, "\r\n"...)
	c.minor, c.head, c.closing = 1, r.Method == "HEAD", r.Close
	c.out = outbound{kind: r.Body.Kind, left: r.Body.Length, done: !r.Body.HasBody()}
	c.in = inbound{} // not done until a final response was read
	return nil
}
