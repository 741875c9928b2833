// Package abi is the vocabulary of proxy-wasm: its numbers, its names and the
// bytes that travel between a host and a guest.
//
// It is shared by both sides. The host's packages use it to serve guests, and
// guests may use it as well: it depends on nothing but small parts of the
// standard library, uses no reflection, and compiles under TinyGo.
//
// The reference is proxy-wasm/spec, ABI versions 0.1.0 to 0.2.1. Where real
// SDKs depend on something else than the specification says, their behaviour
// wins and a comment says so.
package abi
