// Package hostcall is what guests import from the module "env": every function
// of the proxy-wasm ABI, one file a family.
//
// A host call checks what the guest gave (numbers from a guest are strangers:
// every i32 is masked, every address goes through the helpers of memory.go),
// asks the [Context] that the guest acts upon, and answers with an
// [abi.Status]. OK is answered only after every output was written. What a
// guest passes in is copied before the call returns; what it gets is copied into
// memory that its own allocator lent. Every function of the ABI is served.
//
// The instance that a call comes from is the [context.Context] that the guest
// was called with; see [Caller].
package hostcall
