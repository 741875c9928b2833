// Package sluice is what the author of a Sluice filter imports.
//
// A filter is a program of package main that registers itself when it is initialised:
//
//	package main
//
//	import sluice "github.com/sluice-gateway/sluice/guest-sdk"
//
//	type config struct{ registry string }
//
//	func init() {
//		sluice.Register(sluice.Filter[config]{
//			Name:        "one-registry",
//			Parse:       func(c *sluice.Config) config { return config{registry: c.String("registry", "")} },
//			Operations:  []sluice.Operation{"ContainerCreate"},
//			RequestBody: check,
//		})
//	}
//
//	func check(c *config, r *sluice.Request) sluice.Verdict {
//		image := r.JSON().Get("Image").Text()
//		if !strings.HasPrefix(image, c.registry+"/") {
//			return sluice.Deny("images must come from " + c.registry)
//		}
//		return sluice.Allow()
//	}
//
//	func main() {}
//
// and is compiled by
//
//	tinygo build -o one-registry.wasm -target=wasi -scheduler=none -no-debug .
//
// # Stages
//
// A filter has a function for each stage that it takes part in: RequestHeaders, RequestBody, ResponseHeaders,
// ResponseBody, Record. The functions get a [Request] a [Response] or a [Record], read and change it, and answer with a [Verdict].
//
// # Failing closed
//
// Only [Allow] lets a stream go on. The zero Verdict, which a forgotten branch returns, denies. So does an Allow after
// something went wrong on the way to it: a host call that failed, a setter that was too late, a JSON document that can be
// read in two ways (see [Request.JSON]). A panic ends the instance, and the gateway denies the request. What a filter does
// not understand it need not handle: it need only not say Allow.
//
// # Whole bodies
//
// RequestBody and ResponseBody are called once, with the whole body: the gateway holds it back until then, and refuses the
// request when it is larger than its limit. An endless response (logs, events) cannot be held, so these two run only for
// the operations that the filter lists, or, without a list, for those that have an ordinary request and response.
// RequestChunk and ResponseChunk are called for each piece of a stream as it passes.
//
// # Records of streams
//
// Record is called for each record of a stream: an event, a line of a build's progress, what a process wrote in one go to its
// standard output or error (logs, attach, exec). Where the network cuts the stream does not matter: it is what a client takes
// for one thing.
//
//	sluice.Filter[struct{}]{
//		Operations: []sluice.Operation{"SystemEvents"},
//		Record: func(_ *struct{}, r *sluice.Record) sluice.Verdict {
//			if r.JSON().Get("Actor").Get("Attributes").Member("team").Text() != "ci" {
//				r.Drop()
//			}
//			return sluice.Allow()
//		},
//	}
//
// What a process writes is cut where it wrote, and a terminal's output wherever it was read: a word may be split between two
// records of a process that means to.
//
// # References
//
// A name is not what the engine acts upon. "web" may be a container's name or the beginning of another's id, "allowed/al" a link
// that leads to a third. [Request.ResolveResource] asks the engine what the request's path names, [Request.Resolve] what any
// other reference does, such as one in a body; the answer has the id, the labels, the owner, a container's HostConfig, a
// volume's options. [Request.Pin] also makes the request name what was judged by its id, so that nobody can give the name to
// something else meanwhile:
//
//	func check(c *config, r *sluice.Request) sluice.Verdict {
//		if target := r.Pin(); target.Exists() && target.Owner() != c.team {
//			return sluice.Deny(r.ResourceID() + " belongs to somebody else")
//		}
//		return sluice.Allow()
//	}
//
// When the engine does not answer, an Allow does not count. A filter that asks for its request's resource says so by
// [Filter.ResolvesResource].
//
// # Calls to other services
//
// A function may ask a service that the gateway's configuration lets the filter call, and leave the verdict to the answer:
// see [Request.Call]. The request waits meanwhile, and other requests do not. No answer denies.
//
// # Tests
//
// Package filtertest runs a table of cases against the filter twice: natively and as compiled WebAssembly.
package sluice
