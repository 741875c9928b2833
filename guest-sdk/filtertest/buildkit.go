package filtertest

import (
	"fmt"

	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/buildkit/message"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// classify finds out what a request of a case is: one of Docker's API, or a gRPC call.
func classify(r Request) (dockerapi.Call, error) {
	if call, ok := buildkit.Classify(r.Path, ""); ok {
		return call, nil
	}
	return dockerapi.Classify(r.Method, r.Path)
}

// canonical is the gateway's care for a body that a filter has changed.
func canonical(call *dockerapi.Call, body []byte) ([]byte, error) {
	if !call.GRPC {
		body, _, err := dockerapi.CanonicalBody(call, body, dockerapi.JSONLimits{})
		return body, err
	}
	m, ok := message.FindMethod(call.Path)
	if !ok || m.Request == nil {
		return nil, fmt.Errorf("%s has no message that a filter sees", call.Path)
	}
	codec := message.Codec{Type: m.Request}
	return codec.Canonical(body)
}

// buildkitMode is the property docker.buildkit: mediated, as by default, unless the case says otherwise.
func buildkitMode(r Request) string {
	if mode, ok := r.Properties["docker.buildkit"]; ok {
		return mode
	}
	return "mediated"
}
