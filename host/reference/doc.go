// Package reference finds out what a name in a request means to the engine.
//
// A name that a client writes is not what the engine acts upon: web may be a container's name, the beginning of another's id, or
// a link's alias that leads to a third; an image has as many names as it has tags and digests. Guessing how the engine looks
// names up is how guards are passed, so nothing is guessed here: a [Resolver] asks the engine itself, by the same name, on a
// connection of the gateway's own.
//
// # What can come of it
//
// A [Reference], or an *[Error] of one of three kinds, which errors.Is tells apart:
//
//   - [ErrNotFound]: the engine answered that the reference names nothing (404).
//   - [ErrBadReference]: the reference can name nothing, or more than one thing: it is malformed or ambiguous (400, 409), or it
//     has no place in a path.
//   - [ErrEngine]: nobody knows. The engine could not be reached, did not answer in time, or answered something unexpected. Who
//     decides about a request must deny it.
//
// # Filters
//
// [Functions] are the foreign functions by which filters ask: sluice.resolve and sluice.pin. Within a stream every answer, a
// failure among them, is kept for all of its filters, so that they judge the same thing and the engine is asked once.
//
//	sluice.resolve  {"kind": "container", "ref": "web", "details": true}
//
// answers {"found": true, "kind": "container", "id": "…", …} with the fields of [Reference] (HostConfig and Mounts with details
// only), or {"found": false, "problem": "not_found", "message": "…"}, or the same with the problem "bad_reference". Without kind
// and ref it is about the resource in the request's path. Statuses: BAD_ARGUMENT for arguments that are not these, for an
// unknown kind, and when the path names no resource that could be asked for; BROKEN_CONNECTION for ErrEngine, and for what the
// stream cannot keep, see [MaxKept]; INTERNAL_FAILURE when the stream has asked for more than [MaxPerStream] references, when the
// answer is larger than foreign.MaxResultBytes or its details are not kept, or when there is no fuel left. None of them can be taken for an answer. A question waits for the filter's
// turn, see foreign.Turns; one that gets none is BROKEN_CONNECTION, too, and not kept: the next filter may have a turn.
//
//	sluice.pin  {"id": "…"}
//
// resolves the resource in the request's path and puts its id in the place of the name, so that the engine acts upon what was
// judged, whoever renames what meanwhile. The id is optional: with another than the one that the reference has, it answers
// BAD_ARGUMENT. The result is sluice.resolve's with "pinned": true, or false where the path is as it was; see [Pinnable]. What is
// not found is not pinned: a filter that lets the request go on lets the engine act upon what is created in this moment.
package reference
