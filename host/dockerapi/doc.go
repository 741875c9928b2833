// Package dockerapi knows the Docker Engine's HTTP API as a gateway has to know it: which operation a request is, which
// resource it names, how its bytes travel, and which one spelling of its target both the filters and the engine are given.
//
// Everything is decided once, by [Classify], before a filter runs. The engine's router decodes a path once and then
// matches it; so does Classify, and it hands on a target that is encoded in exactly one way. What could be read in two
// ways (an encoded slash between fixed segments, dot segments, doubled slashes, a query key given twice) is refused with
// an [Error] instead of being guessed at, because a filter that reads a request differently from the engine is a bypass.
//
// Bodies are for PlanBody and CanonicalBody, before a filter sees them and again after one changed them. The engine decodes
// JSON with encoding/json, which takes keys in any case, merges what is given twice and mends text; other readers do
// none of it. The canonical body has every key in the API's spelling (schema_gen.go, generated from the engines' own types by
// .ci/schema) and no key twice, so that all readers agree. JSON in the query gets the same form from Classify.
//
// [References] lists the objects that a request names, in its path, its query and its body, for filters that ask whose they are. The
// table behind it (naming.go) is compared with every place where an engine reads text.
//
// The table of routes (table.go) is checked by a test against the operations of Docker's own API description, versions
// 1.24 to 1.56, and carries the routes which that description does not mention (/grpc, /build/cancel, checkpoints, debug).
//
// The package depends on the standard library only, and nothing in it does I/O.
package dockerapi
