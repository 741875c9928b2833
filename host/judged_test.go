package host_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// The operator's filter "deny" is behind a tenant's, and turns away what has to do with one container. The tenant's asks for that one when the
// second piece of a body comes, while a filter behind both holds the first, and the head.
func TestATenantsFilterAsksForNothingBehindTheBackOfTheOperators(t *testing.T) {
	first := make(chan struct{})
	pieces := 0
	d := hosttest.NewDriver(t)
	d.Next = func(c *hosttest.Callback, n int) *hosttest.HostCall {
		if c.Name == "request_body" && n == 0 {
			switch pieces++; pieces {
			case 1:
				close(first)
			case 2:
				return d.Call("proxy_replace_header_map_value", 0, ":path", "/containers/secret/archive?path=/")
			}
		}
		return nil
	}
	engine := hosttest.StartFakeDocker(t)
	engine.HandleRest(repeatBody)
	g := hosttest.StartGatewayWith(t, engine.Address(), fmt.Sprintf(`filters:
  - {name: tenants, module: %s, instances: 1, capabilities: {foreign_functions: [drive.it], request_headers: {write: [":path"]}}}
  - {name: deny, module: %s, instances: 1, match: {paths: ["/containers/secret/"]}}
  - {name: hold, module: %s, instances: 1}
`, d.Module(t, abi.V0_2_1), hosttest.Guest(t, "deny"), hosttest.Guest(t, "pause-in-body")), d.Functions())
	conn, r := g.Dial()
	defer conn.Close()
	write(t, conn, "PUT /containers/mine/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
	<-first
	write(t, conn, "5\r\n67890\r\n0\r\n\r\n")
	if status, answer := answered(t, r); status != 200 || !strings.Contains(answer, "1234567890") {
		t.Errorf("it is answered with %d: %s", status, answer)
	}
	for _, r := range engine.Requests() {
		if strings.Contains(r.Target, "secret") {
			t.Errorf("the engine is asked for %s, which the filter behind turns away", r.Target)
		}
	}
}
