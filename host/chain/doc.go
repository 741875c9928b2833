// Package chain takes a stream (one request and its response) through the
// filters of a chain.
//
// The request passes the filters in their order, the response in the reverse
// order:
//
//	client ─► filter 1 ─► filter 2 ─► … ─► filter n ─► engine
//	client ◄─ filter 1 ◄─ filter 2 ◄─ … ◄─ filter n ◄─ engine
//
// A filter sees a request's head before its body, and the head reaches the next
// filter only when this one has let go of the first byte of the body, or of the
// head where it does not want the body. So a filter may change the head while
// it reads the body, and the filters behind it, and the engine, see the head as
// it was left: no filter is passed by something that it did not judge. The same
// holds for the responses of unary operations. The head of a streaming response
// goes out at once, because clients wait for it (`docker run` does, on /wait).
//
// The body of a streaming response, and what the engine sends on a hijacked
// connection, passes piece by piece. A filter that asks for records, by the
// property sluice.response_body with the value records, is called once a record
// (package record): see record.go.
//
// A connection that has left HTTP passes the filters that take part in it in both
// directions, as connections: see connection.go. Trailers come to the filters that
// ask for them: see trailers.go.
//
// A Stream is driven by the gateway's handler, which owns the connections; it
// reads and writes none itself.
package chain
