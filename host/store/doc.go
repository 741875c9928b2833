// Package store keeps what filters share with each other and with themselves:
// data by key, with compare-and-set, and queues.
//
// # Who shares what
//
// Everything belongs to a [Namespace]: a tenant and a vm_id. Filters of one
// namespace see the same data. A queue belongs to the namespace that registered
// it, and filters of other namespaces of the same tenant reach it by [Space.Resolve];
// nothing crosses from one tenant to another.
//
// # Bounds
//
// [Limits] bounds each namespace: its keys, the bytes of keys and values, its
// queues, and the items and bytes of a queue. What would exceed a bound is refused
// with [ErrFull] and counted; nothing is ever dropped to make room. What goes by
// itself is only what has a time to live.
//
// # Compare and set
//
// Each write of a key gives it a number, which is handed out with the value. A
// write that names a number takes place only if it is still the key's: of two
// that read the same, one succeeds. The number 0 means "whatever is there". A key
// that was deleted, or whose time is over, has no number, so a write that names
// one fails then too. A key does not get a number again that it had before, even
// after it was deleted (not before 4,294,967,295 other writes).
//
// # Forms
//
// [NewMemory] keeps everything in memory: it is empty when the process starts.
// [OpenFile] keeps it in a directory as well, from which it comes back; see there
// for what a crash can cost.
package store
