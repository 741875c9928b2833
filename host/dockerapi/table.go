package dockerapi

// unknownRoute is what a request has that matches nothing: nobody knows how long its bodies are, so they are never held.
var unknownRoute = Route{Operation: Unknown, Transport: Stream, Body: BodyRaw}

var optionsRoute = Route{Method: "OPTIONS", Operation: Options, Kind: "system"}

// table holds every route of the Engine API from version 1.24 to 1.55. Each exists with and without a version in front.
var table = []Route{
	// System
	{"HEAD", "/_ping", SystemPingHead, "system", Unary, BodyNone, nil},
	{"GET", "/_ping", SystemPing, "system", Unary, BodyNone, nil},
	{"GET", "/version", SystemVersion, "system", Unary, BodyNone, nil},
	{"GET", "/info", SystemInfo, "system", Unary, BodyNone, nil},
	{"GET", "/events", SystemEvents, "system", Stream, BodyNone, nil},
	{"GET", "/system/df", SystemDataUsage, "system", Unary, BodyNone, []string{"type"}},
	{"POST", "/auth", SystemAuth, "system", Unary, BodyJSON, nil},

	// Containers
	{"GET", "/containers/json", ContainerList, "container", Unary, BodyNone, nil},
	{"POST", "/containers/create", ContainerCreate, "container", Unary, BodyJSON, nil},
	{"POST", "/containers/prune", ContainerPrune, "container", Unary, BodyNone, nil},
	{"GET", "/containers/{name...}/json", ContainerInspect, "container", Unary, BodyNone, nil},
	{"GET", "/containers/{name...}/top", ContainerTop, "container", Unary, BodyNone, nil},
	{"GET", "/containers/{name...}/logs", ContainerLogs, "container", Stream, BodyNone, nil},
	{"GET", "/containers/{name...}/changes", ContainerChanges, "container", Unary, BodyNone, nil},
	{"GET", "/containers/{name...}/export", ContainerExport, "container", Stream, BodyNone, nil},
	{"GET", "/containers/{name...}/stats", ContainerStats, "container", Stream, BodyNone, nil},
	{"POST", "/containers/{name...}/resize", ContainerResize, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/start", ContainerStart, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/stop", ContainerStop, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/restart", ContainerRestart, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/kill", ContainerKill, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/update", ContainerUpdate, "container", Unary, BodyJSON, nil},
	{"POST", "/containers/{name...}/rename", ContainerRename, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/pause", ContainerPause, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/unpause", ContainerUnpause, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/attach", ContainerAttach, "container", Hijack, BodyNone, nil},
	{"GET", "/containers/{name...}/attach/ws", ContainerAttachWebsocket, "container", Hijack, BodyNone, nil},
	{"POST", "/containers/{name...}/wait", ContainerWait, "container", Stream, BodyNone, nil},
	{"DELETE", "/containers/{name...}", ContainerDelete, "container", Unary, BodyNone, nil},
	{"HEAD", "/containers/{name...}/archive", ContainerArchiveInfo, "container", Unary, BodyNone, nil},
	{"GET", "/containers/{name...}/archive", ContainerArchive, "container", Stream, BodyNone, nil},
	{"PUT", "/containers/{name...}/archive", PutContainerArchive, "container", Stream, BodyRaw, nil},
	{"POST", "/containers/{name...}/copy", ContainerCopy, "container", Stream, BodyJSON, nil},

	// Checkpoints
	{"GET", "/containers/{name...}/checkpoints", CheckpointList, "container", Unary, BodyNone, nil},
	{"POST", "/containers/{name...}/checkpoints", CheckpointCreate, "container", Unary, BodyJSON, nil},
	{"DELETE", "/containers/{name}/checkpoints/{checkpoint}", CheckpointDelete, "container", Unary, BodyNone, nil},

	// Exec
	{"POST", "/containers/{name...}/exec", ContainerExec, "container", Unary, BodyJSON, nil},
	{"POST", "/exec/{id...}/start", ExecStart, "exec", Hijack, BodyJSON, nil},
	{"POST", "/exec/{id...}/resize", ExecResize, "exec", Unary, BodyNone, nil},
	{"GET", "/exec/{id...}/json", ExecInspect, "exec", Unary, BodyNone, nil},

	// Images
	{"GET", "/images/json", ImageList, "image", Unary, BodyNone, nil},
	{"POST", "/images/create", ImageCreate, "image", Stream, BodyRaw, []string{"changes"}},
	{"GET", "/images/search", ImageSearch, "image", Unary, BodyNone, nil},
	{"POST", "/images/prune", ImagePrune, "image", Unary, BodyNone, nil},
	{"GET", "/images/get", ImageGetAll, "image", Stream, BodyNone, []string{"names", "platform"}},
	{"POST", "/images/load", ImageLoad, "image", Stream, BodyRaw, []string{"platform"}},
	{"GET", "/images/{name...}/json", ImageInspect, "image", Unary, BodyNone, nil},
	{"GET", "/images/{name...}/history", ImageHistory, "image", Unary, BodyNone, nil},
	{"GET", "/images/{name...}/attestations", ImageAttestations, "image", Unary, BodyNone, []string{"platform", "type"}},
	{"GET", "/images/{name...}/get", ImageGet, "image", Stream, BodyNone, []string{"platform"}},
	{"POST", "/images/{name...}/push", ImagePush, "image", Stream, BodyJSON, nil},
	{"POST", "/images/{name...}/tag", ImageTag, "image", Unary, BodyNone, nil},
	{"DELETE", "/images/{name...}", ImageDelete, "image", Unary, BodyNone, []string{"platforms"}},
	{"POST", "/commit", ImageCommit, "image", Unary, BodyJSON, []string{"changes"}},
	{"GET", "/distribution/{name...}/json", DistributionInspect, "distribution", Unary, BodyNone, nil},

	// Build
	{"POST", "/build", ImageBuild, "build", Stream, BodyRaw, []string{"t", "extrahosts", "securityopt"}},
	{"POST", "/build/prune", BuildPrune, "build", Unary, BodyNone, nil},
	{"POST", "/build/cancel", BuildCancel, "build", Unary, BodyNone, nil},
	{"POST", "/session", Session, "session", Hijack, BodyNone, nil},
	{"POST", "/grpc", Grpc, "session", Hijack, BodyNone, nil},

	// Networks
	{"GET", "/networks", NetworkList, "network", Unary, BodyNone, nil},
	{"POST", "/networks/create", NetworkCreate, "network", Unary, BodyJSON, nil},
	{"POST", "/networks/prune", NetworkPrune, "network", Unary, BodyNone, nil},
	{"GET", "/networks/{id...}", NetworkInspect, "network", Unary, BodyNone, nil},
	{"DELETE", "/networks/{id...}", NetworkDelete, "network", Unary, BodyNone, nil},
	{"POST", "/networks/{id...}/connect", NetworkConnect, "network", Unary, BodyJSON, nil},
	{"POST", "/networks/{id...}/disconnect", NetworkDisconnect, "network", Unary, BodyJSON, nil},

	// Volumes
	{"GET", "/volumes", VolumeList, "volume", Unary, BodyNone, nil},
	{"POST", "/volumes/create", VolumeCreate, "volume", Unary, BodyJSON, nil},
	{"POST", "/volumes/prune", VolumePrune, "volume", Unary, BodyNone, nil},
	{"GET", "/volumes/{name...}", VolumeInspect, "volume", Unary, BodyNone, nil},
	{"PUT", "/volumes/{name...}", VolumeUpdate, "volume", Unary, BodyJSON, nil},
	{"DELETE", "/volumes/{name...}", VolumeDelete, "volume", Unary, BodyNone, nil},

	// Plugins
	{"GET", "/plugins", PluginList, "plugin", Unary, BodyNone, nil},
	{"GET", "/plugins/privileges", GetPluginPrivileges, "plugin", Unary, BodyNone, nil},
	{"POST", "/plugins/pull", PluginPull, "plugin", Stream, BodyJSON, nil},
	{"POST", "/plugins/create", PluginCreate, "plugin", Stream, BodyRaw, nil},
	{"GET", "/plugins/{name...}/json", PluginInspect, "plugin", Unary, BodyNone, nil},
	{"DELETE", "/plugins/{name...}", PluginDelete, "plugin", Unary, BodyNone, nil},
	{"POST", "/plugins/{name...}/enable", PluginEnable, "plugin", Unary, BodyNone, nil},
	{"POST", "/plugins/{name...}/disable", PluginDisable, "plugin", Unary, BodyNone, nil},
	{"POST", "/plugins/{name...}/upgrade", PluginUpgrade, "plugin", Stream, BodyJSON, nil},
	{"POST", "/plugins/{name...}/push", PluginPush, "plugin", Stream, BodyNone, nil},
	{"POST", "/plugins/{name...}/set", PluginSet, "plugin", Unary, BodyJSON, nil},

	// Swarm
	{"GET", "/swarm", SwarmInspect, "swarm", Unary, BodyNone, nil},
	{"POST", "/swarm/init", SwarmInit, "swarm", Unary, BodyJSON, nil},
	{"POST", "/swarm/join", SwarmJoin, "swarm", Unary, BodyJSON, nil},
	{"POST", "/swarm/leave", SwarmLeave, "swarm", Unary, BodyNone, nil},
	{"POST", "/swarm/update", SwarmUpdate, "swarm", Unary, BodyJSON, nil},
	{"GET", "/swarm/unlockkey", SwarmUnlockkey, "swarm", Unary, BodyNone, nil},
	{"POST", "/swarm/unlock", SwarmUnlock, "swarm", Unary, BodyJSON, nil},
	{"GET", "/nodes", NodeList, "node", Unary, BodyNone, nil},
	{"GET", "/nodes/{id}", NodeInspect, "node", Unary, BodyNone, nil},
	{"DELETE", "/nodes/{id}", NodeDelete, "node", Unary, BodyNone, nil},
	{"POST", "/nodes/{id}/update", NodeUpdate, "node", Unary, BodyJSON, nil},
	{"GET", "/services", ServiceList, "service", Unary, BodyNone, nil},
	{"POST", "/services/create", ServiceCreate, "service", Unary, BodyJSON, nil},
	{"GET", "/services/{id}", ServiceInspect, "service", Unary, BodyNone, nil},
	{"DELETE", "/services/{id}", ServiceDelete, "service", Unary, BodyNone, nil},
	{"POST", "/services/{id}/update", ServiceUpdate, "service", Unary, BodyJSON, nil},
	{"GET", "/services/{id}/logs", ServiceLogs, "service", Stream, BodyNone, nil},
	{"GET", "/tasks", TaskList, "task", Unary, BodyNone, nil},
	{"GET", "/tasks/{id}", TaskInspect, "task", Unary, BodyNone, nil},
	{"GET", "/tasks/{id}/logs", TaskLogs, "task", Stream, BodyNone, nil},
	{"GET", "/secrets", SecretList, "secret", Unary, BodyNone, nil},
	{"POST", "/secrets/create", SecretCreate, "secret", Unary, BodyJSON, nil},
	{"GET", "/secrets/{id}", SecretInspect, "secret", Unary, BodyNone, nil},
	{"DELETE", "/secrets/{id}", SecretDelete, "secret", Unary, BodyNone, nil},
	{"POST", "/secrets/{id}/update", SecretUpdate, "secret", Unary, BodyJSON, nil},
	{"GET", "/configs", ConfigList, "config", Unary, BodyNone, nil},
	{"POST", "/configs/create", ConfigCreate, "config", Unary, BodyJSON, nil},
	{"GET", "/configs/{id}", ConfigInspect, "config", Unary, BodyNone, nil},
	{"DELETE", "/configs/{id}", ConfigDelete, "config", Unary, BodyNone, nil},
	{"POST", "/configs/{id}/update", ConfigUpdate, "config", Unary, BodyJSON, nil},

	// Debugging
	{"GET", "/debug/vars", Debug, "debug", Unary, BodyNone, nil},
	{"GET", "/debug/pprof/", Debug, "debug", Stream, BodyNone, nil},
	{"GET", "/debug/pprof/{name}", Debug, "debug", Stream, BodyNone, nil},
}
