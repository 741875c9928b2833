// Command engine20 describes the request bodies of Docker Engine 20.10.
package main

import (
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/volume"

	"github.com/sluice-gateway/sluice/.ci/schema/describe"
)

func main() {
	describe.Main(map[string]any{
		"ContainerCreate": new(configWrapper),
		// What this engine (and those up to 26.1) reads beside HostConfig: its fields at the top level.
		"ContainerCreate legacy": new(legacyConfig),
		"ContainerUpdate":        new(container.UpdateConfig),
		"ContainerCopy":          new(types.CopyConfig),
		"CheckpointCreate":       new(types.CheckpointCreateOptions),
		"ContainerExec":          new(types.ExecConfig),
		"ExecStart":              new(types.ExecStartCheck),
		"ImagePush":              new(types.AuthConfig),
		"SystemAuth":             new(types.AuthConfig),
		"ImageCommit":            new(configWrapper),
		"NetworkCreate":          new(types.NetworkCreateRequest),
		"NetworkConnect":         new(types.NetworkConnect),
		"NetworkDisconnect":      new(types.NetworkDisconnect),
		"VolumeCreate":           new(volume.VolumeCreateBody),
		"PluginPull":             new(types.PluginPrivileges),
		"PluginUpgrade":          new(types.PluginPrivileges),
		"PluginSet":              new([]string),
		"SwarmInit":              new(swarm.InitRequest),
		"SwarmJoin":              new(swarm.JoinRequest),
		"SwarmUpdate":            new(swarm.Spec),
		"SwarmUnlock":            new(swarm.UnlockRequest),
		"NodeUpdate":             new(swarm.NodeSpec),
		"ServiceCreate":          new(swarm.ServiceSpec),
		"ServiceUpdate":          new(swarm.ServiceSpec),
		"SecretCreate":           new(swarm.SecretSpec),
		"SecretUpdate":           new(swarm.SecretSpec),
		"ConfigCreate":           new(swarm.ConfigSpec),
		"ConfigUpdate":           new(swarm.ConfigSpec),
	})
}

// configWrapper is runconfig.ContainerConfigWrapper without what legacyConfig has.
type configWrapper struct {
	*container.Config
	HostConfig       *container.HostConfig
	NetworkingConfig *network.NetworkingConfig
}

type legacyConfig struct {
	*container.HostConfig
	Cpuset string
}
