// Package meter rewrites a WebAssembly module so that whoever runs it can bound
// what it uses: instructions, bulk memory and stack.
//
// [Instrument] adds two globals. Fuel is paid for each straight run of
// instructions before the run begins: at the start of a function, at the head of
// each loop, and at large branches, where it is looked at later; and by length before a memory or a table is
// filled, copied, initialized or grown. Stack is paid by each call for as long as
// it lasts. When one of the two goes below zero the guest traps, and the global
// tells which it was.
//
// The host sets Fuel to a budget and Stack to its limit before each call from
// outside. What is added comes behind what there is, and no index changes: names,
// exports and everything else stay what they were. Beside the globals these are a
// function that pauses or traps, functions that do long bulk operations in pieces,
// and a global for each function that code refers to.
//
// # Trust
//
// The code is hostile. It is read by the rules that wazero reads it by, and what
// could be read in two ways is refused. Few things alone would be valid after
// rewriting and invalid before: naming a global, a local or a function that was
// added, or referring to a function that is not declared. They are refused here; all else that is wrong with a module is left to the
// compiler of the result. Limits are checked before anything is sized by a
// number that the module declares.
package meter
