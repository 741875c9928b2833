// Package host is the gateway: it stands in front of the Docker Engine's
// socket and takes every request and response through a chain of WebAssembly
// filters.
//
// # Words
//
// From the proxy-wasm specification: a plugin is a configured Wasm module. The
// host calls a guest's callbacks, a guest makes host calls. A root context is
// a plugin's own, an HTTP context belongs to one request and its response. A
// header callback answers with an action, Continue or Pause; host calls answer
// with a status. Buffers hold bodies and configurations, maps hold header
// fields, properties hold facts. A local response comes from a filter instead
// of the upstream, which is the engine; the client is the downstream.
//
// Ours:
//
//   - gateway: the process, see [Gateway].
//   - filter: a plugin's place in a chain.
//   - service: a plugin that is in no chain: it sees no stream, and runs once, for
//     ticks and queues.
//   - chain: the filters that every stream passes, requests first to last,
//     responses last to first.
//   - stream: one request and its response on their way through the chain.
//   - stage: RequestHeaders, RequestBody, ResponseHeaders, ResponseBody, Done; on
//     a connection that has left HTTP also DownstreamData and UpstreamData, and
//     behind bodies RequestTrailers and ResponseTrailers for filters that ask.
//   - operation: what a request asks for, in the words of Docker's API
//     description (ContainerCreate), or Unknown.
//   - record: what a client of a stream takes for one thing: a JSON value, a
//     frame of a multiplexed stream.
//   - transport: how an operation's bytes travel: unary, stream or hijack.
//   - foreign function: what the host offers to filters beyond the ABI, by name;
//     see package foreign.
//   - reference: a name or an id by which a request means something of the
//     engine's, and what the engine makes of it; see package reference.
//   - module: compiled code. instance: a running module.
//   - trap: the end of a callback that crashed or ran out of its limits.
//   - verdict: allow, deny or fail (a filter could not answer).
//   - tenant: one of those whom the gateway serves. A request is one tenant's, or
//     nobody's where none are configured.
//   - capability: one thing that a filter may do; see package capability. grant: that a
//     filter may. ceiling: the most that a tenant's filters may be granted.
//   - quarantine: a filter in it is not asked, and its failure policy decides: it crashed
//     too often, or is a tenant's and could not be started.
//   - generation: one complete, immutable configuration with its compiled
//     modules and running instances. A reload makes a new one and swaps.
//
// # The way of one request
//
// handler.go tells it from top to bottom:
//
//	token out → classify → who asks → new stream → request stages 1..n
//	         → (local response?) → upstream → response stages n..1
//	         → copy or splice → Done
//
// RATIONALE.md in this directory has the reasons for the larger choices.
package host
