// Package wire speaks HTTP/1.1 on one connection, for both of its sides: strict in what it reads, canonical in what it
// writes, with header fields in the order and spelling they arrived in.
//
// It is ours, and not net/http's, because Docker's API lives on what net/http hides: bytes that a client sends before the
// 101, directions that close one at a time, the hijack that answers 200, uploads that are answered while they run.
//
// # A message's way
//
// A server reads [Conn.ReadRequest], then the body, and writes [Conn.WriteResponse], the body, [Conn.FinishBody] and
// [Conn.Flush]. A client does the same the other way round. Nothing is written to the network before Flush or before a few
// kilobytes have gathered, so a head and a small body are one system call. [CopyBody] relays a body from one connection to
// another, from whatever framing it arrives in to whatever framing it leaves in.
//
// # Framing belongs to this package
//
// Content-Length, Transfer-Encoding, Connection, Keep-Alive, TE, Trailer, Upgrade, the fields of proxies, the fields that
// Connection names, and in requests Host and Expect are taken out of the header on reading, are offered as typed values,
// and are written anew; what a filter puts under these names is dropped on writing. So nothing that frames a message is ever
// relayed as it came. Trailers are not relayed by this package; those that are
// given to [Conn.FinishBody] have to pass [CheckTrailer].
//
// # Strictness
//
// Whatever net/http refuses is refused, and also: folded lines, bare LF, Transfer-Encoding together with Content-Length or
// on HTTP/1.0, a repeated or listed Content-Length, whitespace before a colon, control characters, a Connection that names
// more than 32 fields, a Host that is missing or
// repeated on HTTP/1.1 (an empty one is allowed: Docker's clients send it), CONNECT, fragments in a target, the preface of HTTP/2.
// Absolute-form targets are reduced to origin form. [Error] carries the status and the sentence to answer with.
//
// # Concurrency
//
// A Conn has a reading and a writing half that share no state: one goroutine may read while another writes. [Conn.Abort],
// [Conn.AbortRead] and [Conn.PeerState] may be called from anywhere at any time before Close. Everything else belongs to
// the one goroutine that owns the connection.
//
// # Vanished peers
//
// See [Conn.Watch] for what can be known about a peer that hung up while nobody reads from it or writes to it.
package wire
