// Package record cuts a stream of the engine into its records, and puts what filters leave of them together again.
//
// A record is what a client of the stream takes for one thing: a JSON value with the end of its line in events, stats and the
// progress of builds and pulls; one frame of the multiplexed stream that logs, attach and exec give of a container without a
// terminal; one message of a WebSocket. The boundaries are those that the client finds, never those of the network: a
// filter that is shown one record where the client reads two, or the other way round, judges something else than what the
// client gets. So what cannot be cut with certainty is an [Error], and the stream ends there: it is never passed on unseen.
//
// [Of] says how the body of an answer is made of records, a [Splitter] cuts it. Nothing here does I/O, and memory is bounded
// by the limit of a record, whatever the length of the stream.
package record
