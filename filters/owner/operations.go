package main

import (
	"slices"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

// rule is what is done with an operation, beside judging all that its requests name.
type rule struct {
	refused string                 // why tenants may not use it
	head    func(*request) problem // before the body
	body    func(*request) problem // with the body
	view    func(*answer)          // of the response
}

const (
	ofEngine = "the engine's plugins belong to whoever manages it"
	ofSwarm  = "the swarm and its nodes belong to whoever manages it"
)

// rules are all operations that this filter knows. What is missing is refused.
var rules = map[sluice.Operation]rule{
	"SystemPing": {}, "SystemPingHead": {}, "SystemVersion": {}, "SystemAuth": {}, "Options": {}, "Session": {},
	"SystemEvents": {head: onlyOwn}, "SystemInfo": {view: viewInfo}, "SystemDataUsage": {view: viewDiskUsage},

	"ContainerList": {head: onlyOwn}, "ContainerPrune": {head: onlyOwn}, "ContainerCreate": {body: createContainer},
	"ContainerInspect": {}, "ContainerTop": {}, "ContainerLogs": {}, "ContainerChanges": {}, "ContainerExport": {}, "ContainerStats": {},
	"ContainerResize": {}, "ContainerStop": {}, "ContainerKill": {}, "ContainerUpdate": {}, "ContainerRename": {}, "ContainerPause": {},
	"ContainerUnpause": {}, "ContainerAttach": {}, "ContainerAttachWebsocket": {}, "ContainerWait": {}, "ContainerDelete": {head: noLink},
	// From here on what is mounted can be reached.
	"ContainerStart": {head: judgeMounts}, "ContainerRestart": {head: judgeMounts}, "ContainerArchive": {head: judgeMounts},
	"ContainerArchiveInfo": {head: judgeMounts}, "PutContainerArchive": {head: judgeMounts}, "ContainerCopy": {head: judgeMounts},
	"CheckpointList": {}, "CheckpointCreate": {}, "CheckpointDelete": {},
	"ContainerExec": {}, "ExecStart": {}, "ExecResize": {}, "ExecInspect": {},

	"ImageList": {view: viewImages}, "ImagePrune": {head: onlyOwn}, "ImageSearch": {}, "DistributionInspect": {},
	"ImageInspect": {}, "ImageHistory": {}, "ImageAttestations": {}, "ImageGet": {}, "ImageGetAll": {head: namesImages}, "ImagePush": {},
	"ImageTag": {}, "ImageDelete": {}, "ImageCreate": {head: labelImport},
	"ImageCommit": {head: labelCommit}, "ImageBuild": {head: checkBuild}, "BuildCancel": {},
	"ImageLoad":  {refused: "an archive brings any names for images, those of others too (allow_load)"},
	"BuildPrune": {refused: ofBuilds},
	"Grpc":       {refused: unlooked},

	"BuildkitSolve": {body: solve}, "BuildkitFrontendSolve": {body: solveInside}, "BuildkitStatus": {}, "BuildkitSession": {}, "BuildkitInfo": {head: noDiskUsage},
	"BuildkitTrace": {}, "BuildkitResolve": {}, "BuildkitRead": {}, "BuildkitFrontend": {}, "BuildkitContainer": {}, "BuildkitExec": {},
	"BuildkitPrune": {refused: ofBuilds}, "BuildkitHistory": {refused: ofBuilds}, "BuildkitHistoryUpdate": {refused: ofBuilds}, "BuildkitContent": {refused: ofBuilds},
	// What the engine asks of the client.
	"BuildkitFiles": {}, "BuildkitExport": {}, "BuildkitUpload": {}, "BuildkitCache": {}, "BuildkitAuth": {}, "BuildkitSecret": {}, "BuildkitSSH": {},
	"BuildkitExporters": {}, "BuildkitPolicy": {},

	"NetworkList": {view: viewNetworks}, "NetworkPrune": {head: onlyOwn}, "NetworkCreate": {body: label}, "NetworkInspect": {view: viewNetwork},
	"NetworkDelete": {}, "NetworkConnect": {body: connect}, "NetworkDisconnect": {},
	"VolumeList": {head: onlyOwn}, "VolumePrune": {head: onlyOwn}, "VolumeCreate": {body: label}, "VolumeInspect": {}, "VolumeUpdate": {}, "VolumeDelete": {},

	"ServiceList": {head: onlyOwn}, "ServiceCreate": {body: labelService}, "ServiceUpdate": {body: labelService}, "ServiceInspect": {},
	"ServiceDelete": {}, "ServiceLogs": {}, "TaskList": {view: viewTasks}, "TaskInspect": {}, "TaskLogs": {},
	"SecretList": {head: onlyOwn}, "SecretCreate": {body: label}, "SecretInspect": {}, "SecretDelete": {}, "SecretUpdate": {body: label},
	"ConfigList": {head: onlyOwn}, "ConfigCreate": {body: label}, "ConfigInspect": {}, "ConfigDelete": {}, "ConfigUpdate": {body: label},

	"PluginList": {}, "PluginInspect": {}, "GetPluginPrivileges": {refused: ofEngine}, "PluginPull": {refused: ofEngine}, "PluginCreate": {refused: ofEngine},
	"PluginDelete": {refused: ofEngine}, "PluginEnable": {refused: ofEngine}, "PluginDisable": {refused: ofEngine}, "PluginUpgrade": {refused: ofEngine},
	"PluginPush": {refused: ofEngine}, "PluginSet": {refused: ofEngine},
	"SwarmInspect": {refused: ofSwarm}, "SwarmInit": {refused: ofSwarm}, "SwarmJoin": {refused: ofSwarm}, "SwarmLeave": {refused: ofSwarm},
	"SwarmUpdate": {refused: ofSwarm}, "SwarmUnlockkey": {refused: ofSwarm}, "SwarmUnlock": {refused: ofSwarm},
	"NodeList": {refused: ofSwarm}, "NodeInspect": {refused: ofSwarm}, "NodeDelete": {refused: ofSwarm}, "NodeUpdate": {refused: ofSwarm},
}

// withBody are the operations whose body names objects or creates one.
var withBody = []sluice.Operation{
	"ContainerCreate", "NetworkCreate", "NetworkConnect", "NetworkDisconnect", "VolumeCreate", "VolumeUpdate", "ServiceCreate", "ServiceUpdate",
	"SecretCreate", "SecretUpdate", "ConfigCreate", "ConfigUpdate", "BuildkitSolve", "BuildkitFrontendSolve",
}

// excepted tells whether the configuration allows an operation that is refused otherwise.
func (x *request) excepted() bool {
	switch x.Operation() {
	case "ImageLoad":
		return x.load
	case "Grpc":
		return x.grpc || isMediated(x.Request)
	}
	return false
}

// reads are the operations that look at an image, or copy it, and leave it as it is.
var reads = []sluice.Operation{"ImageInspect", "ImageHistory", "ImageAttestations", "ImageGet", "ImagePush", "ImageTag"}

// ofShared are the operations that may have a network or a volume for their target that all tenants share.
var ofShared = []sluice.Operation{"NetworkInspect", "NetworkConnect", "NetworkDisconnect", "VolumeInspect"}

func oneOf(op sluice.Operation, list []sluice.Operation) bool { return slices.Contains(list, op) }
