// Package vm runs WebAssembly modules: wazero in the words of this project.
//
// An [Engine] compiles code into a [Module], at most once for the same bytes.
// A Module makes any number of [Instance]s, each with its own memory. An
// Instance is started, and then called through [Func]s that are looked up once.
//
// What a guest may do wrong ends here in an error: code that is no module, an
// import that nobody provides, a trap, an exit, a call that takes too long. After
// a trap an instance is poisoned: its memory is in an unknown state (TinyGo, for
// one, does not restore its stack pointer), so every later call is refused.
//
// # Why one long-lived Done channel an instance
//
// wazero interrupts a guest when the context of a call is done. A timeout
// context for each call costs more than most callbacks; so an instance has one
// channel for its whole life, and one goroutine of the Engine, the watchdog,
// closes it when a running call is over its time. The context that a guest is
// called with must return that channel: see [InstanceOptions].
package vm
