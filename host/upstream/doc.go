// Package upstream keeps the connections to the Docker Engine: a pool of idle ones, and the splice of two hijacked connections.
//
// # A connection that died at rest
//
// dockerd closes what has rested for 300 seconds, so the pool closes it earlier, and a restarted dockerd is found out by a look at the
// socket before it is handed out. Between that look and the request a moment remains: microseconds, and a tenth of a second on unix
// sockets, where a dead peer refuses every byte and no harm is done. Whoever sends the request decides then whether to send it again on a connection from Dial: [wire.Conn.Unanswered] and [wire.Conn.Unsent] say what is known.
package upstream
