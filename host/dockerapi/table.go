package dockerapi

// unknownRoute is what a request has that matches nothing: nobody knows how long its bodies are, so they are never held.
var unknownRoute = Route{Operation: Unknown, Transport: Stream, Body: BodyRaw}

var optionsRoute = Route{Method: "OPTIONS", Operation: Options, Kind: "system"}

// table holds every route of the Engine API from version 1.24 to 1.56. Each exists with and without a version in front.
var table = []Route{
	// System
	{"HEAD", "/_ping", SystemPingHead, "system", Unary, BodyNone, ""},
	{"GET", "/_ping", SystemPing, "system", Unary, BodyNone, ""},
	{"GET", "/version", SystemVersion, "system", Unary, BodyNone, ""},
	{"GET", "/info", SystemInfo, "system", Unary, BodyNone, ""},
	{"GET", "/events", SystemEvents, "system", Stream, BodyNone, ""},
	{"GET", "/system/df", SystemDataUsage, "system", Unary, BodyNone, "type* verbose?"},
	{"POST", "/auth", SystemAuth, "system", Unary, BodyJSON, ""},

	// Containers
	{"GET", "/containers/json", ContainerList, "container", Unary, BodyNone, "all? size?"},
	{"POST", "/containers/create", ContainerCreate, "container", Unary, BodyJSON, ""},
	{"POST", "/containers/prune", ContainerPrune, "container", Unary, BodyNone, ""},
	{"GET", "/containers/{name...}/json", ContainerInspect, "container", Unary, BodyNone, "size?"},
	{"GET", "/containers/{name...}/top", ContainerTop, "container", Unary, BodyNone, ""},
	{"GET", "/containers/{name...}/logs", ContainerLogs, "container", Stream, BodyNone, "details? follow? stderr? stdout? timestamps?"},
	{"GET", "/containers/{name...}/changes", ContainerChanges, "container", Unary, BodyNone, ""},
	{"GET", "/containers/{name...}/export", ContainerExport, "container", Stream, BodyNone, ""},
	{"GET", "/containers/{name...}/stats", ContainerStats, "container", Stream, BodyNone, "one-shot? stream?"},
	{"POST", "/containers/{name...}/resize", ContainerResize, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/start", ContainerStart, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/stop", ContainerStop, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/restart", ContainerRestart, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/kill", ContainerKill, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/update", ContainerUpdate, "container", Unary, BodyJSON, ""},
	{"POST", "/containers/{name...}/rename", ContainerRename, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/pause", ContainerPause, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/unpause", ContainerUnpause, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/attach", ContainerAttach, "container", Hijack, BodyNone, "logs? stderr? stdin? stdout? stream?"},
	{"GET", "/containers/{name...}/attach/ws", ContainerAttachWebsocket, "container", Hijack, BodyNone, "logs? stderr? stdin? stdout? stream?"},
	{"POST", "/containers/{name...}/wait", ContainerWait, "container", Stream, BodyNone, ""},
	{"DELETE", "/containers/{name...}", ContainerDelete, "container", Unary, BodyNone, "force? link? v?"},
	{"HEAD", "/containers/{name...}/archive", ContainerArchiveInfo, "container", Unary, BodyNone, ""},
	{"GET", "/containers/{name...}/archive", ContainerArchive, "container", Stream, BodyNone, ""},
	{"PUT", "/containers/{name...}/archive", PutContainerArchive, "container", Stream, BodyRaw, "copyUIDGID? noOverwriteDirNonDir?"},
	{"POST", "/containers/{name...}/copy", ContainerCopy, "container", Stream, BodyJSON, ""},

	// Checkpoints
	{"GET", "/containers/{name...}/checkpoints", CheckpointList, "container", Unary, BodyNone, ""},
	{"POST", "/containers/{name...}/checkpoints", CheckpointCreate, "container", Unary, BodyJSON, ""},
	{"DELETE", "/containers/{name}/checkpoints/{checkpoint}", CheckpointDelete, "container", Unary, BodyNone, ""},

	// Exec
	{"POST", "/containers/{name...}/exec", ContainerExec, "container", Unary, BodyJSON, ""},
	{"POST", "/exec/{id...}/start", ExecStart, "exec", Hijack, BodyJSON, ""},
	{"POST", "/exec/{id...}/resize", ExecResize, "exec", Unary, BodyNone, ""},
	{"GET", "/exec/{id...}/json", ExecInspect, "exec", Unary, BodyNone, ""},

	// Images
	{"GET", "/images/json", ImageList, "image", Unary, BodyNone, "all? identity? manifests? shared-size?"},
	{"POST", "/images/create", ImageCreate, "image", Stream, BodyRaw, "changes*"},
	{"GET", "/images/search", ImageSearch, "image", Unary, BodyNone, ""},
	{"POST", "/images/prune", ImagePrune, "image", Unary, BodyNone, ""},
	{"GET", "/images/get", ImageGetAll, "image", Stream, BodyNone, "names* platform*"},
	{"POST", "/images/load", ImageLoad, "image", Stream, BodyRaw, "platform* quiet?"},
	{"GET", "/images/{name...}/json", ImageInspect, "image", Unary, BodyNone, "manifests?"},
	{"GET", "/images/{name...}/history", ImageHistory, "image", Unary, BodyNone, ""},
	{"GET", "/images/{name...}/attestations", ImageAttestations, "image", Unary, BodyNone, "platform* statement? type*"},
	{"GET", "/images/{name...}/get", ImageGet, "image", Stream, BodyNone, "names* platform*"},
	{"POST", "/images/{name...}/push", ImagePush, "image", Stream, BodyJSON, ""},
	{"POST", "/images/{name...}/tag", ImageTag, "image", Unary, BodyNone, ""},
	{"DELETE", "/images/{name...}", ImageDelete, "image", Unary, BodyNone, "force? noprune? platforms*"},
	{"POST", "/commit", ImageCommit, "image", Unary, BodyJSON, "changes* pause?"},
	{"GET", "/distribution/{name...}/json", DistributionInspect, "distribution", Unary, BodyNone, ""},

	// Build
	{"POST", "/build", ImageBuild, "build", Stream, BodyRaw, "extrahosts* forcerm? nocache? pull? q? rm? securityopt* squash? t*"},
	{"POST", "/build/prune", BuildPrune, "build", Unary, BodyNone, "all?"},
	{"POST", "/build/cancel", BuildCancel, "build", Unary, BodyNone, ""},
	{"POST", "/session", Session, "session", Hijack, BodyNone, ""},
	{"POST", "/grpc", Grpc, "session", Hijack, BodyNone, ""},

	// Networks
	{"GET", "/networks", NetworkList, "network", Unary, BodyNone, ""},
	{"POST", "/networks/create", NetworkCreate, "network", Unary, BodyJSON, ""},
	{"POST", "/networks/prune", NetworkPrune, "network", Unary, BodyNone, ""},
	{"GET", "/networks/{id...}", NetworkInspect, "network", Unary, BodyNone, "verbose!"},
	{"DELETE", "/networks/{id...}", NetworkDelete, "network", Unary, BodyNone, ""},
	{"POST", "/networks/{id...}/connect", NetworkConnect, "network", Unary, BodyJSON, ""},
	{"POST", "/networks/{id...}/disconnect", NetworkDisconnect, "network", Unary, BodyJSON, ""},

	// Volumes
	{"GET", "/volumes", VolumeList, "volume", Unary, BodyNone, ""},
	{"POST", "/volumes/create", VolumeCreate, "volume", Unary, BodyJSON, ""},
	{"POST", "/volumes/prune", VolumePrune, "volume", Unary, BodyNone, ""},
	{"GET", "/volumes/{name...}", VolumeInspect, "volume", Unary, BodyNone, ""},
	{"PUT", "/volumes/{name...}", VolumeUpdate, "volume", Unary, BodyJSON, ""},
	{"DELETE", "/volumes/{name...}", VolumeDelete, "volume", Unary, BodyNone, "force?"},

	// Plugins
	{"GET", "/plugins", PluginList, "plugin", Unary, BodyNone, ""},
	{"GET", "/plugins/privileges", GetPluginPrivileges, "plugin", Unary, BodyNone, ""},
	{"POST", "/plugins/pull", PluginPull, "plugin", Stream, BodyJSON, ""},
	{"POST", "/plugins/create", PluginCreate, "plugin", Stream, BodyRaw, ""},
	{"GET", "/plugins/{name...}/json", PluginInspect, "plugin", Unary, BodyNone, ""},
	{"DELETE", "/plugins/{name...}", PluginDelete, "plugin", Unary, BodyNone, "force?"},
	{"POST", "/plugins/{name...}/enable", PluginEnable, "plugin", Unary, BodyNone, ""},
	{"POST", "/plugins/{name...}/disable", PluginDisable, "plugin", Unary, BodyNone, "force?"},
	{"POST", "/plugins/{name...}/upgrade", PluginUpgrade, "plugin", Stream, BodyJSON, ""},
	{"POST", "/plugins/{name...}/push", PluginPush, "plugin", Stream, BodyNone, ""},
	{"POST", "/plugins/{name...}/set", PluginSet, "plugin", Unary, BodyJSON, ""},

	// Swarm
	{"GET", "/swarm", SwarmInspect, "swarm", Unary, BodyNone, ""},
	{"POST", "/swarm/init", SwarmInit, "swarm", Unary, BodyJSON, ""},
	{"POST", "/swarm/join", SwarmJoin, "swarm", Unary, BodyJSON, ""},
	{"POST", "/swarm/leave", SwarmLeave, "swarm", Unary, BodyNone, "force?"},
	{"POST", "/swarm/update", SwarmUpdate, "swarm", Unary, BodyJSON, "rotateManagerToken! rotateManagerUnlockKey! rotateWorkerToken!"},
	{"GET", "/swarm/unlockkey", SwarmUnlockkey, "swarm", Unary, BodyNone, ""},
	{"POST", "/swarm/unlock", SwarmUnlock, "swarm", Unary, BodyJSON, ""},
	{"GET", "/nodes", NodeList, "node", Unary, BodyNone, ""},
	{"GET", "/nodes/{id}", NodeInspect, "node", Unary, BodyNone, ""},
	{"DELETE", "/nodes/{id}", NodeDelete, "node", Unary, BodyNone, "force?"},
	{"POST", "/nodes/{id}/update", NodeUpdate, "node", Unary, BodyJSON, ""},
	{"GET", "/services", ServiceList, "service", Unary, BodyNone, "status!"},
	{"POST", "/services/create", ServiceCreate, "service", Unary, BodyJSON, ""},
	{"GET", "/services/{id}", ServiceInspect, "service", Unary, BodyNone, "insertDefaults!"},
	{"DELETE", "/services/{id}", ServiceDelete, "service", Unary, BodyNone, ""},
	{"POST", "/services/{id}/update", ServiceUpdate, "service", Unary, BodyJSON, ""},
	{"GET", "/services/{id}/logs", ServiceLogs, "service", Stream, BodyNone, "details? follow? stderr? stdout? timestamps?"},
	{"GET", "/tasks", TaskList, "task", Unary, BodyNone, ""},
	{"GET", "/tasks/{id}", TaskInspect, "task", Unary, BodyNone, ""},
	{"GET", "/tasks/{id}/logs", TaskLogs, "task", Stream, BodyNone, "details? follow? stderr? stdout? timestamps?"},
	{"GET", "/secrets", SecretList, "secret", Unary, BodyNone, ""},
	{"POST", "/secrets/create", SecretCreate, "secret", Unary, BodyJSON, ""},
	{"GET", "/secrets/{id}", SecretInspect, "secret", Unary, BodyNone, ""},
	{"DELETE", "/secrets/{id}", SecretDelete, "secret", Unary, BodyNone, ""},
	{"POST", "/secrets/{id}/update", SecretUpdate, "secret", Unary, BodyJSON, ""},
	{"GET", "/configs", ConfigList, "config", Unary, BodyNone, ""},
	{"POST", "/configs/create", ConfigCreate, "config", Unary, BodyJSON, ""},
	{"GET", "/configs/{id}", ConfigInspect, "config", Unary, BodyNone, ""},
	{"DELETE", "/configs/{id}", ConfigDelete, "config", Unary, BodyNone, ""},
	{"POST", "/configs/{id}/update", ConfigUpdate, "config", Unary, BodyJSON, ""},

	// Debugging
	{"GET", "/debug/vars", Debug, "debug", Unary, BodyNone, ""},
	{"GET", "/debug/pprof/", Debug, "debug", Stream, BodyNone, ""},
	{"GET", "/debug/pprof/{name}", Debug, "debug", Stream, BodyNone, ""},
}
