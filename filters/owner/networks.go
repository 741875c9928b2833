package main

import (
	"slices"
	"strconv"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// The engine keeps the name of a container's network, and looks it up when the container is started: by then it may be the name
// of another tenant's. It prefers an id in the settings of the container's endpoint, so that is where the id goes.

// pinNetworks writes the ids of a new container's networks into its endpoints.
func (x *request) pinNetworks() problem {
	mode := x.JSON().Get("HostConfig").Get("NetworkMode").Text()
	if (mode == "" || mode == "default") && !x.mayUseDefaultNetwork() {
		return forbidden("HostConfig.NetworkMode: the default network is not for tenants")
	}
	settings := x.JSON().Get("NetworkingConfig")
	endpoints := settings.Get("EndpointsConfig")
	for _, endpoint := range endpoints.Members() {
		if p := x.pinEndpoint(endpoint.Key(), endpoint); p.isSet() {
			return p
		}
	}
	// With endpoints, those are the networks that are joined.
	if endpoints.Len() > 0 || !isUserDefined(mode) {
		return problem{}
	}
	id := x.Resolve(sluice.Network, mode).ID()
	entry := dockerjson.Quote(mode) + `:{"NetworkID":` + dockerjson.Quote(id) + `}`
	switch {
	case endpoints.Kind() == dockerjson.Object:
		endpoints.Insert(mode, `{"NetworkID":`+dockerjson.Quote(id)+`}`)
	case endpoints.Kind() == dockerjson.Null:
		endpoints.Replace(`{` + entry + `}`)
	case settings.Kind() == dockerjson.Object:
		settings.Insert("EndpointsConfig", `{`+entry+`}`)
	case settings.Kind() == dockerjson.Null:
		settings.Replace(`{"EndpointsConfig":{` + entry + `}}`)
	default:
		x.JSON().Insert("NetworkingConfig", `{"EndpointsConfig":{`+entry+`}}`)
	}
	return problem{}
}

// pinEndpoint writes the id of a network into an endpoint of it. Another id there would be that of the network that is joined.
func (x *request) pinEndpoint(network string, endpoint dockerjson.Value) problem {
	if !isUserDefined(network) {
		return problem{}
	}
	id := x.Resolve(sluice.Network, network).ID()
	switch given := endpoint.Get("NetworkID"); {
	case !endpoint.IsSet():
		endpoint.Replace(`{"NetworkID":` + dockerjson.Quote(id) + `}`)
	case given.Kind() == dockerjson.Absent:
		endpoint.Insert("NetworkID", dockerjson.Quote(id))
	case given.Text() == "":
		given.Replace(dockerjson.Quote(id))
	case x.Resolve(sluice.Network, given.Text()).ID() != id:
		return forbidden("the endpoint of network " + strconv.Quote(network) + " has the NetworkID of another")
	default:
		given.Replace(dockerjson.Quote(id))
	}
	return problem{}
}

// connect does the same for a network that a container is connected to later.
func connect(x *request) problem {
	network := x.ResolveResource()
	if !isUserDefined(network.Name()) {
		return problem{}
	}
	endpoint := x.JSON().Get("EndpointConfig")
	if endpoint.Kind() == dockerjson.Absent {
		x.JSON().Insert("EndpointConfig", `{"NetworkID":`+dockerjson.Quote(network.ID())+`}`)
		return problem{}
	}
	return x.pinEndpoint(network.ID(), endpoint)
}

// isUserDefined tells whether the engine looks a network up, by its id if there is one. The others it knows by their names.
func isUserDefined(mode string) bool {
	switch mode {
	case "", "default", "bridge", "host", "none":
		return false
	}
	return len(mode) < len("container:") || mode[:len("container:")] != "container:"
}

// mayUseDefaultNetwork tells whether a container may join the network that the engine has when none is named.
func (c *config) mayUseDefaultNetwork() bool { return slices.Contains(c.networks, "bridge") }
