// Package vm runs WebAssembly modules: wazero in the words of this project.
//
// An [Engine] compiles code into a [Module], at most once for the same bytes.
// A Module makes any number of [Instance]s, each with its own memory. An
// Instance is started, and then called through [Func]s that are looked up once.
//
// What a guest may do wrong ends here in an error: code that is no module, an
// import that nobody provides, a trap, an exit, a call that does not end. After
// a trap an instance is poisoned: its memory is in an unknown state (TinyGo, for
// one, does not restore its stack pointer), so every later call is refused.
//
// # Why fuel and not time
//
// wazero can interrupt a guest when the context of a call is done. That costs
// more than most callbacks do, does not end every recursion, nor a run of
// memory.fill, and without it a guest that loops keeps Go's garbage collector,
// and with it the whole process, from going on. So package meter rewrites each
// module to count for itself what it uses, and a call ends when it has used up
// its [Fuel] or its stack.
package vm
