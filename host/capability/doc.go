// Package capability is what a filter may be granted: which parts of a request
// and its response it sees, which it can change, and what of the host it can use.
//
// A [Set] is what a configuration grants, or the ceiling that it puts on a tenant's
// filters; [Set.Covers] compares the two. [Set.Compile] makes the [Grants] that
// host calls are held against. Bodies can be granted in parts, by JSON pointers: a
// [View] makes the document that such a filter is shown, and puts back into the
// body what it was allowed to change of it.
package capability
