package sluice

import "slices"

// Operation is what a request asks of the engine, by the name that Docker's API description (operationId) has for it.
type Operation string

// Unknown is the operation of a request that matches no route of the API.
const Unknown Operation = "Unknown"

// Known tells whether there is such an operation. [Config.Operations] refuses others, as a misspelt name in a rule would
// silently match nothing.
func (o Operation) Known() bool { return slices.Contains(operations[:], o) }

// Operations returns every operation that the gateway knows.
func Operations() []Operation { return slices.Clone(operations[:]) }

// operations is dockerapi's list; a test holds them together. (Guests do not import the gateway's packages.)
var operations = [...]Operation{
	"SystemPingHead", "SystemPing", "SystemVersion", "SystemInfo", "SystemEvents", "SystemDataUsage",
	"SystemAuth", "ContainerList", "ContainerCreate", "ContainerPrune", "ContainerInspect", "ContainerTop",
	"ContainerLogs", "ContainerChanges", "ContainerExport", "ContainerStats", "ContainerResize",
	"ContainerStart", "ContainerStop", "ContainerRestart", "ContainerKill", "ContainerUpdate",
	"ContainerRename", "ContainerPause", "ContainerUnpause", "ContainerAttach", "ContainerAttachWebsocket",
	"ContainerWait", "ContainerDelete", "ContainerArchiveInfo", "ContainerArchive", "PutContainerArchive",
	"ContainerCopy", "CheckpointList", "CheckpointCreate", "CheckpointDelete", "ContainerExec", "ExecStart",
	"ExecResize", "ExecInspect", "ImageList", "ImageCreate", "ImageSearch", "ImagePrune", "ImageGetAll",
	"ImageLoad", "ImageInspect", "ImageHistory", "ImageAttestations", "ImageGet", "ImagePush", "ImageTag",
	"ImageDelete", "ImageCommit", "DistributionInspect", "ImageBuild", "BuildPrune", "BuildCancel", "Session",
	"Grpc", "NetworkList", "NetworkCreate", "NetworkPrune", "NetworkInspect", "NetworkDelete", "NetworkConnect",
	"NetworkDisconnect", "VolumeList", "VolumeCreate", "VolumePrune", "VolumeInspect", "VolumeUpdate",
	"VolumeDelete", "PluginList", "GetPluginPrivileges", "PluginPull", "PluginCreate", "PluginInspect",
	"PluginDelete", "PluginEnable", "PluginDisable", "PluginUpgrade", "PluginPush", "PluginSet", "SwarmInspect",
	"SwarmInit", "SwarmJoin", "SwarmLeave", "SwarmUpdate", "SwarmUnlockkey", "SwarmUnlock", "NodeList",
	"NodeInspect", "NodeDelete", "NodeUpdate", "ServiceList", "ServiceCreate", "ServiceInspect",
	"ServiceDelete", "ServiceUpdate", "ServiceLogs", "TaskList", "TaskInspect", "TaskLogs", "SecretList",
	"SecretCreate", "SecretInspect", "SecretDelete", "SecretUpdate", "ConfigList", "ConfigCreate",
	"ConfigInspect", "ConfigDelete", "ConfigUpdate", "Debug", "Options", "Unknown",
	"BuildkitSolve", "BuildkitFrontendSolve", "BuildkitStatus", "BuildkitSession", "BuildkitInfo",
	"BuildkitPrune", "BuildkitHistory", "BuildkitHistoryUpdate", "BuildkitContent", "BuildkitTrace",
	"BuildkitResolve", "BuildkitRead", "BuildkitFrontend", "BuildkitContainer", "BuildkitExec", "BuildkitFiles",
	"BuildkitExport", "BuildkitUpload", "BuildkitCache", "BuildkitAuth", "BuildkitSecret", "BuildkitSSH",
	"BuildkitExporters", "BuildkitPolicy",
}
