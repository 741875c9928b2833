// Package callout carries the calls that filters make to other services, HTTP
// and gRPC, to the services that the configuration names.
//
// An [Upstream] is one such service. Its [Upstream.Do] makes an HTTP call and
// [Upstream.Open] a gRPC one, unary or a stream; both are for a goroutine of the
// caller's, and end when their context does. Everything is bounded: the time, the
// bytes of a body, of a head and of a message, the messages that wait to be
// sent. An upstream may be inside of the process ([Options.Dial]): the Docker
// Engine is, behind the gateway's own way of a request. No redirect is followed, no proxy of the environment is used, and
// nothing is added to what the guest asked for but what frames it.
//
// Why net/http here, while the request path has an HTTP of its own? A callout is
// an ordinary client's call: nothing of it has to look as if there were no
// gateway in between. What net/http does well (HTTP/2, TLS with its
// negotiation, trailers both ways, a pool of connections, cancelling) is what is
// needed; what it hides (order and spelling of fields, early bytes, half-close)
// is not. gRPC is HTTP/2 with five bytes before each message, which is less code
// than it would take to fit a library of gRPC around raw messages, and adds
// nothing to the binary: host/RATIONALE.md has the figures.
package callout
