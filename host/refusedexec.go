package host

import (
	"fmt"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// This file is about execs whose start was denied a moment ago, or whose
// connection was cut. The command line takes the end of a stream for success and asks the engine for
// the exit code; of an exec that was never started, or still runs, that is null,
// which it reads as 0. A denied exec must not look like one that went well, so
// this question is answered with the denial, once. Before it asks, it sets the
// terminal's size, which an engine lets wait ten seconds for a start that does
// not come.

// refuseAfterStart refuses what a client asks of an exec whose start was denied
// a moment ago.
func (x *exchange) refuseAfterStart() {
	call := &x.info.Call
	if call.Operation != dockerapi.ExecInspect && call.Operation != dockerapi.ExecResize {
		return
	}
	if !x.gateway.refusedExecs.some.Load() {
		return
	}
	if request := x.gateway.refusedExecs.find(call.ResourceID, x.who(), call.Operation == dockerapi.ExecInspect); request != "" {
		x.stream.Refuse(409, fmt.Sprintf("this exec has no exit code: it was denied (request %s)", request))
	}
}
