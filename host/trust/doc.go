// Package trust tells whether a module is what somebody who is trusted has
// signed: ed25519 signatures in the form of minisign, whose trusted comment is
// bound to what the module is called, to its version and to its bytes.
//
// A signature alone says that somebody signed these bytes at some time. An older
// version with a hole that has since been closed is signed as well as the newest,
// and a signed module for one purpose as well as that for another. So the trusted
// comment, which the signature covers, is a statement:
//
//	sluice name=no-privileged version=1.2.0 sha256=9f86d081884c7d65…
//
// and whoever loads the module says which name he expects and which version at
// least. The digest is there for people and for tools that index signatures; it
// has to agree with the bytes.
//
// Keys and signatures are those of minisign, so that its own tools work:
//
//	minisign -G -p sluice.pub -s sluice.key
//	minisign -S -s sluice.key -m no-privileged.wasm -t "sluice name=… version=… sha256=…"
//
// `sluice sign` writes the same file and composes the statement.
package trust
