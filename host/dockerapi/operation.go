package dockerapi

// Operation names what a request asks the engine to do: the operationId of Docker's API description, so that the words in
// filters and logs are those of Docker's documentation. The routes it leaves out are named in the same manner.
type Operation string

// IsPing tells whether the operation is one of the two by which clients find out which API to speak.
func (o Operation) IsPing() bool { return o == SystemPing || o == SystemPingHead }

// Operations of the section System.
const (
	SystemPingHead  Operation = "SystemPingHead"
	SystemPing      Operation = "SystemPing"
	SystemVersion   Operation = "SystemVersion"
	SystemInfo      Operation = "SystemInfo"
	SystemEvents    Operation = "SystemEvents"
	SystemDataUsage Operation = "SystemDataUsage"
	SystemAuth      Operation = "SystemAuth"
)

// Operations of the section Containers.
const (
	ContainerList            Operation = "ContainerList"
	ContainerCreate          Operation = "ContainerCreate"
	ContainerPrune           Operation = "ContainerPrune"
	ContainerInspect         Operation = "ContainerInspect"
	ContainerTop             Operation = "ContainerTop"
	ContainerLogs            Operation = "ContainerLogs"
	ContainerChanges         Operation = "ContainerChanges"
	ContainerExport          Operation = "ContainerExport"
	ContainerStats           Operation = "ContainerStats"
	ContainerResize          Operation = "ContainerResize"
	ContainerStart           Operation = "ContainerStart"
	ContainerStop            Operation = "ContainerStop"
	ContainerRestart         Operation = "ContainerRestart"
	ContainerKill            Operation = "ContainerKill"
	ContainerUpdate          Operation = "ContainerUpdate"
	ContainerRename          Operation = "ContainerRename"
	ContainerPause           Operation = "ContainerPause"
	ContainerUnpause         Operation = "ContainerUnpause"
	ContainerAttach          Operation = "ContainerAttach"
	ContainerAttachWebsocket Operation = "ContainerAttachWebsocket"
	ContainerWait            Operation = "ContainerWait"
	ContainerDelete          Operation = "ContainerDelete"
	ContainerArchiveInfo     Operation = "ContainerArchiveInfo"
	ContainerArchive         Operation = "ContainerArchive"
	PutContainerArchive      Operation = "PutContainerArchive"
	ContainerCopy            Operation = "ContainerCopy" // removed from the API in 1.24; engines up to 24 still serve older versions of it
)

// Operations of the section Checkpoints.
const (
	CheckpointList   Operation = "CheckpointList" // experimental, like the other two
	CheckpointCreate Operation = "CheckpointCreate"
	CheckpointDelete Operation = "CheckpointDelete"
)

// Operations of the section Exec.
const (
	ContainerExec Operation = "ContainerExec"
	ExecStart     Operation = "ExecStart"
	ExecResize    Operation = "ExecResize"
	ExecInspect   Operation = "ExecInspect"
)

// Operations of the section Images.
const (
	ImageList           Operation = "ImageList"
	ImageCreate         Operation = "ImageCreate"
	ImageSearch         Operation = "ImageSearch"
	ImagePrune          Operation = "ImagePrune"
	ImageGetAll         Operation = "ImageGetAll"
	ImageLoad           Operation = "ImageLoad"
	ImageInspect        Operation = "ImageInspect"
	ImageHistory        Operation = "ImageHistory"
	ImageAttestations   Operation = "ImageAttestations" // since API 1.55
	ImageGet            Operation = "ImageGet"
	ImagePush           Operation = "ImagePush"
	ImageTag            Operation = "ImageTag"
	ImageDelete         Operation = "ImageDelete"
	ImageCommit         Operation = "ImageCommit"
	DistributionInspect Operation = "DistributionInspect"
)

// Operations of the section Build.
const (
	ImageBuild  Operation = "ImageBuild"
	BuildPrune  Operation = "BuildPrune"
	BuildCancel Operation = "BuildCancel" // not in the API description
	Session     Operation = "Session"
	Grpc        Operation = "Grpc" // not in the API description: BuildKit over h2c
)

// Operations of the section Networks.
const (
	NetworkList       Operation = "NetworkList"
	NetworkCreate     Operation = "NetworkCreate"
	NetworkPrune      Operation = "NetworkPrune"
	NetworkInspect    Operation = "NetworkInspect"
	NetworkDelete     Operation = "NetworkDelete"
	NetworkConnect    Operation = "NetworkConnect"
	NetworkDisconnect Operation = "NetworkDisconnect"
)

// Operations of the section Volumes.
const (
	VolumeList    Operation = "VolumeList"
	VolumeCreate  Operation = "VolumeCreate"
	VolumePrune   Operation = "VolumePrune"
	VolumeInspect Operation = "VolumeInspect"
	VolumeUpdate  Operation = "VolumeUpdate"
	VolumeDelete  Operation = "VolumeDelete"
)

// Operations of the section Plugins.
const (
	PluginList          Operation = "PluginList"
	GetPluginPrivileges Operation = "GetPluginPrivileges"
	PluginPull          Operation = "PluginPull"
	PluginCreate        Operation = "PluginCreate"
	PluginInspect       Operation = "PluginInspect"
	PluginDelete        Operation = "PluginDelete"
	PluginEnable        Operation = "PluginEnable"
	PluginDisable       Operation = "PluginDisable"
	PluginUpgrade       Operation = "PluginUpgrade"
	PluginPush          Operation = "PluginPush"
	PluginSet           Operation = "PluginSet"
)

// Operations of the section Swarm.
const (
	SwarmInspect   Operation = "SwarmInspect"
	SwarmInit      Operation = "SwarmInit"
	SwarmJoin      Operation = "SwarmJoin"
	SwarmLeave     Operation = "SwarmLeave"
	SwarmUpdate    Operation = "SwarmUpdate"
	SwarmUnlockkey Operation = "SwarmUnlockkey"
	SwarmUnlock    Operation = "SwarmUnlock"
	NodeList       Operation = "NodeList"
	NodeInspect    Operation = "NodeInspect"
	NodeDelete     Operation = "NodeDelete"
	NodeUpdate     Operation = "NodeUpdate"
	ServiceList    Operation = "ServiceList"
	ServiceCreate  Operation = "ServiceCreate"
	ServiceInspect Operation = "ServiceInspect"
	ServiceDelete  Operation = "ServiceDelete"
	ServiceUpdate  Operation = "ServiceUpdate"
	ServiceLogs    Operation = "ServiceLogs"
	TaskList       Operation = "TaskList"
	TaskInspect    Operation = "TaskInspect"
	TaskLogs       Operation = "TaskLogs"
	SecretList     Operation = "SecretList"
	SecretCreate   Operation = "SecretCreate"
	SecretInspect  Operation = "SecretInspect"
	SecretDelete   Operation = "SecretDelete"
	SecretUpdate   Operation = "SecretUpdate"
	ConfigList     Operation = "ConfigList"
	ConfigCreate   Operation = "ConfigCreate"
	ConfigInspect  Operation = "ConfigInspect"
	ConfigDelete   Operation = "ConfigDelete"
	ConfigUpdate   Operation = "ConfigUpdate"
)

// Operations of the section Debugging.
const (
	Debug Operation = "Debug" // served by an engine in debug mode only
)

const (
	// Options is the OPTIONS method, which the engine answers with an empty 200 on any path.
	Options Operation = "Options"
	// Unknown is a request that matches no route of the table. The engine may be newer than the table, so that it is
	// for the chain to let it pass or not.
	Unknown Operation = "Unknown"
)
