// Command engine28 describes the request bodies of Docker Engine 28, the last whose types are in the module docker/docker.
package main

import (
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/checkpoint"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/volume"

	"github.com/sluice-gateway/sluice/.ci/schema/describe"
)

func main() {
	describe.Main(map[string]any{
		"ContainerCreate":   new(container.CreateRequest),
		"ContainerUpdate":   new(container.UpdateConfig),
		"CheckpointCreate":  new(checkpoint.CreateOptions),
		"ContainerExec":     new(container.ExecOptions),
		"ExecStart":         new(container.ExecStartOptions),
		"SystemAuth":        new(registry.AuthConfig),
		"ImageCommit":       new(container.CreateRequest),
		"NetworkCreate":     new(network.CreateRequest),
		"NetworkConnect":    new(network.ConnectOptions),
		"NetworkDisconnect": new(network.DisconnectOptions),
		"VolumeCreate":      new(volume.CreateOptions),
		"VolumeUpdate":      new(volume.UpdateOptions),
		"PluginPull":        new(types.PluginPrivileges),
		"PluginUpgrade":     new(types.PluginPrivileges),
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
