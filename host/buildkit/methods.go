package buildkit

import (
	"github.com/sluice-gateway/sluice/host/buildkit/message"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// side says who is called.
type side uint8

const (
	engine side = iota // by the client, on /grpc
	client             // by the engine, on /session
)

func (s side) String() string {
	if s == engine {
		return "the engine"
	}
	return "the client"
}

const (
	healthCheck  = "/grpc.health.v1.Health/Check"
	session      = "/moby.buildkit.v1.Control/Session"
	execProcess  = "/moby.buildkit.v1.frontend.LLBBridge/ExecProcess"
	getSecret    = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
	checkAgent   = "/moby.sshforward.v1.SSH/CheckAgent"
	forwardAgent = "/moby.sshforward.v1.SSH/ForwardAgent"
)

// onEngine is what clients may call on the engine, and the operation that filters see. Engines serve no more that a build needs.
var onEngine = map[string]dockerapi.Operation{
	"/moby.buildkit.v1.Control/Solve":              dockerapi.BuildkitSolve,
	"/moby.buildkit.v1.Control/Status":             dockerapi.BuildkitStatus,
	session:                                        dockerapi.BuildkitSession,
	"/moby.buildkit.v1.Control/Info":               dockerapi.BuildkitInfo,
	"/moby.buildkit.v1.Control/ListWorkers":        dockerapi.BuildkitInfo,
	"/moby.buildkit.v1.Control/DiskUsage":          dockerapi.BuildkitInfo,
	"/moby.buildkit.v1.Control/Prune":              dockerapi.BuildkitPrune,
	"/moby.buildkit.v1.Control/ListenBuildHistory": dockerapi.BuildkitHistory,
	"/moby.buildkit.v1.Control/UpdateBuildHistory": dockerapi.BuildkitHistoryUpdate,

	"/moby.buildkit.v1.frontend.LLBBridge/Solve":              dockerapi.BuildkitFrontendSolve,
	"/moby.buildkit.v1.frontend.LLBBridge/ResolveImageConfig": dockerapi.BuildkitResolve,
	"/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta":  dockerapi.BuildkitResolve,
	"/moby.buildkit.v1.frontend.LLBBridge/ReadFile":           dockerapi.BuildkitRead,
	"/moby.buildkit.v1.frontend.LLBBridge/ReadDir":            dockerapi.BuildkitRead,
	"/moby.buildkit.v1.frontend.LLBBridge/StatFile":           dockerapi.BuildkitRead,
	"/moby.buildkit.v1.frontend.LLBBridge/ReadFileContainer":  dockerapi.BuildkitRead,
	"/moby.buildkit.v1.frontend.LLBBridge/ReadDirContainer":   dockerapi.BuildkitRead,
	"/moby.buildkit.v1.frontend.LLBBridge/StatFileContainer":  dockerapi.BuildkitRead,
	"/moby.buildkit.v1.frontend.LLBBridge/Evaluate":           dockerapi.BuildkitFrontend,
	"/moby.buildkit.v1.frontend.LLBBridge/Ping":               dockerapi.BuildkitFrontend,
	"/moby.buildkit.v1.frontend.LLBBridge/Inputs":             dockerapi.BuildkitFrontend,
	"/moby.buildkit.v1.frontend.LLBBridge/Return":             dockerapi.BuildkitFrontend,
	"/moby.buildkit.v1.frontend.LLBBridge/Warn":               dockerapi.BuildkitFrontend,
	"/moby.buildkit.v1.frontend.LLBBridge/ReleaseContainer":   dockerapi.BuildkitFrontend,
	"/moby.buildkit.v1.frontend.LLBBridge/NewContainer":       dockerapi.BuildkitContainer,
	execProcess: dockerapi.BuildkitExec,

	// The records of builds: the store that they refer to is read, never written.
	"/containerd.services.content.v1.Content/Info": dockerapi.BuildkitContent,
	"/containerd.services.content.v1.Content/Read": dockerapi.BuildkitContent,

	"/opentelemetry.proto.collector.trace.v1.TraceService/Export": dockerapi.BuildkitTrace,
}

// onClient is what engines may call on a client's session.
var onClient = map[string]dockerapi.Operation{
	"/moby.filesync.v1.FileSync/DiffCopy":  dockerapi.BuildkitFiles,
	"/moby.filesync.v1.FileSync/TarStream": dockerapi.BuildkitFiles,
	"/moby.filesync.v1.FileSend/DiffCopy":  dockerapi.BuildkitExport,
	"/moby.upload.v1.Upload/Pull":          dockerapi.BuildkitUpload,

	"/moby.filesync.v1.Auth/Credentials":          dockerapi.BuildkitAuth,
	"/moby.filesync.v1.Auth/FetchToken":           dockerapi.BuildkitAuth,
	"/moby.filesync.v1.Auth/GetTokenAuthority":    dockerapi.BuildkitAuth,
	"/moby.filesync.v1.Auth/VerifyTokenAuthority": dockerapi.BuildkitAuth,

	getSecret:    dockerapi.BuildkitSecret,
	checkAgent:   dockerapi.BuildkitSSH,
	forwardAgent: dockerapi.BuildkitSSH,

	"/moby.exporter.v1.Exporter/FindExporters":                                dockerapi.BuildkitExporters,
	"/moby.buildkit.v1.sourcepolicy.policysession.PolicyVerifier/CheckPolicy": dockerapi.BuildkitPolicy,

	"/containerd.services.content.v1.Content/Info":         dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/Update":       dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/List":         dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/Delete":       dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/Read":         dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/Status":       dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/ListStatuses": dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/Write":        dockerapi.BuildkitCache,
	"/containerd.services.content.v1.Content/Abort":        dockerapi.BuildkitCache,
}

// method is one that may be called.
type method struct {
	operation dockerapi.Operation
	message.Method
}

func findMethod(s side, path string) (m method, ok bool) {
	list := onEngine
	if s == client {
		list = onClient
	}
	if m.operation, ok = list[path]; !ok {
		return m, false
	}
	m.Method, ok = message.FindMethod(path)
	return m, ok
}

// resource is what a method's call is about: the kind of the property docker.resource.kind, and the key of the message that names it. The
// kinds are none of the engine's own: a secret of a build is no secret of a swarm.
func (m *method) resource() (kind, key string) {
	switch m.operation {
	case dockerapi.BuildkitSecret:
		return "build-secret", "ID"
	case dockerapi.BuildkitSSH:
		return "ssh-agent", "ID"
	case dockerapi.BuildkitAuth:
		return "registry", "Host"
	}
	return "build", "Ref"
}

// Classify returns the Call of a method as filters see it, where it is one that may be called; id is what it is about, which may be
// empty.
func Classify(path, id string) (call dockerapi.Call, ok bool) {
	for _, s := range []side{engine, client} {
		if m, ok := findMethod(s, path); ok {
			return m.call(id), true
		}
	}
	return call, false
}

func (m *method) call(id string) dockerapi.Call {
	transport := dockerapi.Unary
	if m.Stream {
		transport = dockerapi.Stream
	}
	kind, _ := m.resource()
	return dockerapi.GRPCCall(m.operation, m.Path, transport, kind, id)
}
