// Command engine29 describes the request bodies of Docker Engine 29 and later, from the API's own module.
package main

import (
	"github.com/moby/moby/api/types/checkpoint"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/plugin"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/sluice-gateway/sluice/.ci/schema/describe"
)

func main() {
	describe.Main(map[string]any{
		"ContainerCreate":   new(container.CreateRequest),
		"ContainerUpdate":   new(container.UpdateConfig),
		"CheckpointCreate":  new(checkpoint.CreateRequest),
		"ContainerExec":     new(container.ExecCreateRequest),
		"ExecStart":         new(container.ExecStartRequest),
		"SystemAuth":        new(registry.AuthConfig),
		"ImageCommit":       new(container.CreateRequest),
		"NetworkCreate":     new(network.CreateRequest),
		"NetworkConnect":    new(network.ConnectRequest),
		"NetworkDisconnect": new(network.DisconnectRequest),
		"VolumeCreate":      new(volume.CreateRequest),
		"VolumeUpdate":      new(volumeUpdate),
		"PluginPull":        new(plugin.Privileges),
		"PluginUpgrade":     new(plugin.Privileges),
		"PluginSet":         new([]string),
		"SwarmInit":         new(swarm.InitRequest),
		"SwarmJoin":         new(swarm.JoinRequest),
		"SwarmUpdate":       new(swarm.Spec),
		"SwarmUnlock":       new(swarm.UnlockRequest),
		"NodeUpdate":        new(swarm.NodeSpec),
		"ServiceCreate":     new(swarm.ServiceSpec),
		"ServiceUpdate":     new(swarm.ServiceSpec),
		"SecretCreate":      new(swarm.SecretSpec),
		"SecretUpdate":      new(swarm.SecretSpec),
		"ConfigCreate":      new(swarm.ConfigSpec),
		"ConfigUpdate":      new(swarm.ConfigSpec),
	})
}

// volumeUpdate is the engine's own type for the body: the module does not have it.
type volumeUpdate struct {
	Spec *volume.ClusterVolumeSpec
}
