// Package upstream keeps the connections to the Docker Engine: a pool of idle ones, the exchange of a head and a small body with
// its retry when the engine was restarted, and the splice of two hijacked connections.
package upstream
