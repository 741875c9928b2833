package callout

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/pieces"
)

// A Request is an HTTP call. NewRequest makes it.
type Request struct {
	// Caller is for upstreams inside of the process; see Upstream.Inside.
	Caller Caller

	method, path, authority string
	header, trailer         http.Header
	body                    []byte
	timeout                 time.Duration
}

// NewRequest checks what a guest made of a request: fields with the
// pseudo-headers :method, :path and :authority, each of them once. An error says
// what is wrong. The body is taken over; a timeout of 0 is the upstream's.
//
// Fields that speak of the connection or frame the body are left out: guests pass
// on the fields of the request that they are asked about.
func NewRequest(fields []abi.Pair, body []byte, trailers []abi.Pair, timeout time.Duration) (*Request, error) {
	r := &Request{body: body, timeout: timeout, header: make(http.Header, len(fields))}
	if bad := abi.CheckFields(fields); bad != "" {
		return nil, errors.New(bad)
	}
	if bad := abi.CheckFields(trailers); bad != "" {
		return nil, errors.New(bad)
	}
	seen := make(map[string]bool, 4)
	for _, f := range fields {
		if f.Key[0] != ':' {
			r.header.Add(f.Key, f.Value)
			continue
		}
		name := strings.ToLower(f.Key)
		if seen[name] {
			return nil, errors.New("there are two " + name)
		}
		seen[name] = true
		switch name {
		case ":method":
			r.method = f.Value
		case ":path":
			r.path = f.Value
		case ":authority":
			r.authority = f.Value
		case ":scheme": // what the upstream is, and not what the guest says
		default:
			return nil, errors.New(f.Key + " is no pseudo-header of a request")
		}
	}
	for _, name := range [...]string{":method", ":path", ":authority"} {
		if !seen[name] {
			return nil, errors.New(name + " is missing")
		}
	}
	if r.method == "" || r.method == http.MethodConnect || strings.ContainsFunc(r.method, notToken) {
		return nil, errors.New(":method is not one that can be called")
	}
	if strings.ContainsFunc(r.authority, notHost) {
		return nil, errors.New(":authority is not a host")
	}
	if _, err := target(r.path); err != nil {
		return nil, err
	}
	for _, f := range trailers {
		if f.Key[0] == ':' || slices.Contains(framing, http.CanonicalHeaderKey(f.Key)) {
			return nil, errors.New(f.Key + " cannot be a trailer")
		}
		if r.trailer == nil {
			r.trailer = make(http.Header, len(trailers))
		}
		r.trailer.Add(f.Key, f.Value)
	}
	for _, name := range framing {
		r.header.Del(name)
	}
	if _, there := r.header["User-Agent"]; !there {
		r.header["User-Agent"] = nil // or net/http would add its own
	}
	return r, nil
}

// framing are the fields that belong to a connection and not to a request.
var framing = []string{
	"Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

func notToken(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
}

func notHost(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"#/<>?@\\^`{|}", c)
}

// target reads a :path. It is sent as it stands.
func target(path string) (*url.URL, error) {
	if path == "" || path[0] != '/' || strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' }) {
		return nil, errors.New(":path is not a path: it begins with / and has printable characters only")
	}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, errors.New(":path is not a path: " + err.Error())
	}
	return u, nil
}

// A Response is the answer to an HTTP call. Fields are in lower case and sorted,
// the values of one field in their order; :status comes first.
type Response struct {
	Fields   []abi.Pair
	Body     []byte
	Trailers []abi.Pair
}

// Do makes the call and reads the whole answer. Its error is a *Failure.
func (u *Upstream) Do(ctx context.Context, r *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, u.timeout(r.timeout))
	defer cancel()
	response, err := u.do(ctx, r)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return response, nil
}

// httpRequest is what net/http is given.
func (u *Upstream) httpRequest(ctx context.Context, r *Request) (*http.Request, error) {
	request, err := u.request(ctx, r.method, r.path, r.authority, r.header)
	if err != nil {
		return nil, err
	}
	if len(r.body) == 0 && len(r.trailer) == 0 {
		request.Body = http.NoBody
		return request, nil
	}
	// A pooled connection may turn out to be closed before a byte was sent.
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
	request.Body, _ = request.GetBody()
	request.ContentLength = int64(len(r.body))
	if len(r.trailer) > 0 {
		// HTTP/1.1 has a place for them behind chunks only, and net/http makes none of its
		// own accord of an empty body of a GET.
		request.ContentLength, request.TransferEncoding, request.Trailer = -1, []string{"chunked"}, r.trailer
	}
	return request, nil
}

func (u *Upstream) do(ctx context.Context, r *Request) (*Response, error) {
	request, err := u.httpRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	transport, done, err := u.roundTripper(ctx, &r.Caller)
	if err != nil {
		return nil, err
	}
	defer done()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 {
		return nil, errors.New("the answer switches protocols, which nobody asked for")
	}
	fields, err := pairs(answer.StatusCode, answer.Header)
	if err != nil {
		return nil, err
	}
	body, err := readBody(answer, u.options.Body)
	if err != nil {
		return nil, err
	}
	trailers, err := pairs(0, answer.Trailer)
	if err != nil {
		return nil, err
	}
	return &Response{Fields: fields, Body: body, Trailers: trailers}, nil
}

// request is what HTTP and gRPC calls have in common.
func (u *Upstream) request(ctx context.Context, method, path, authority string, header http.Header) (*http.Request, error) {
	location, err := target(path)
	if err != nil {
		return nil, err
	}
	// One host for all: connections are pooled by it.
	location.Scheme, location.Host = u.scheme, "upstream"
	request := &http.Request{
		Method: method, URL: location, Host: authority, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if authority == "" {
		request.Host = u.options.Name
	}
	return request.WithContext(ctx), nil
}

// readBody reads all of a body of at most limit bytes.
func readBody(answer *http.Response, limit int) ([]byte, error) {
	if answer.ContentLength > int64(limit) {
		return nil, &Failure{Reason: ReasonTooLarge}
	}
	var body []byte
	if answer.ContentLength > 0 {
		body = make([]byte, 0, min(answer.ContentLength, 64<<10)) // a length is a stranger's word
	}
	for {
		if len(body) == cap(body) {
			body = pieces.Grow(body, 512)
		}
		n, err := answer.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, &Failure{Reason: ReasonTooLarge}
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
	}
}

// errHead is an answer with more fields than a map may have.
var errHead = errors.New("the answer's head has too many fields")

// pairs turns net/http's fields into a map's, with :status before them unless it
// is 0.
func pairs(status int, header http.Header) ([]abi.Pair, error) {
	names := make([]string, 0, len(header))
	count := 1
	for name, values := range header {
		names = append(names, name)
		count += len(values)
	}
	if count > abi.MaxPairs {
		return nil, errHead
	}
	slices.Sort(names)
	list := make([]abi.Pair, 0, count)
	if status != 0 {
		list = append(list, abi.Pair{Key: ":status", Value: statusText(status)})
	}
	for _, name := range names {
		for _, value := range header[name] {
			list = append(list, abi.Pair{Key: strings.ToLower(name), Value: value})
		}
	}
	return list, nil
}

func statusText(code int) string {
	return string([]byte{byte('0' + code/100%10), byte('0' + code/10%10), byte('0' + code%10)})
}
