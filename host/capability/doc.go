// Package capability is what a filter may be granted: which parts of a request
// and its response it sees, which it can change, and what of the host it can use.
//
// A [Set] is what a configuration grants, or the ceiling that it puts on a tenant's
// filters; [Set.Covers] compares the two. [Set.Compile] makes the [Grants] that
// host calls are held against. Bodies can be granted in parts, by JSON pointers: a
// [View] makes the document that such a filter is shown, and puts back into the
// body what it was allowed to change of it.
//
// # What it defends
//
//   - A filter that is granted nothing learns nothing of a request but that there is
//     one, how long its bodies are, and how many of its fields it may see; it changes
//     nothing, and reaches nobody. It can hold a stream (limits.pause) and crash
//     (on_failure): refusing a request that way is not prevented.
//   - Names that guests give are theirs: at most 4 KiB of one is looked at, at most
//     8 of 128 bytes are kept for each capability, and looking costs the guest fuel.
//   - A document is shown in parts only if it can be read in one way: one JSON text,
//     no name twice where it is taken apart, at most 65536 members at a place.
//   - What a filter leaves of its part never moves out of the places that it may write:
//     FuzzMerge.
//
// What it does not: the time that something takes, and what another filter that is
// granted more tells by what two filters share on purpose.
package capability
