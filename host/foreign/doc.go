// Package foreign is the registry of foreign functions: what the host offers to filters beyond the proxy-wasm ABI, called by
// name through proxy_call_foreign_function.
//
// The gateway's own functions have names that begin with [Reserved]; whoever embeds the gateway registers others
// (host.Options.Functions). A filter that calls a function which is not there is told NOT_FOUND, so a function must not answer
// NOT_FOUND to say something else: see [Function].
package foreign
