package dockerapi

// Operations of the section BuildKit: the gRPC calls inside of the connections that Grpc and Session open. They are not in the API
// description; the names are this gateway's own, one for each kind of consequence. The exact method is the call's path.
//
// Those of the first group are called by the client on the engine, those of the second by the engine on the client.
const (
	BuildkitSolve         Operation = "BuildkitSolve"         // begin a build: Control/Solve
	BuildkitFrontendSolve Operation = "BuildkitFrontendSolve" // a step of a build: LLBBridge/Solve
	BuildkitStatus        Operation = "BuildkitStatus"        // watch a build: Control/Status
	BuildkitSession       Operation = "BuildkitSession"       // open a session inside of /grpc: Control/Session
	BuildkitInfo          Operation = "BuildkitInfo"          // Control/Info, ListWorkers, DiskUsage
	BuildkitPrune         Operation = "BuildkitPrune"         // drop what the build cache holds: Control/Prune
	BuildkitHistory       Operation = "BuildkitHistory"       // read records of builds: Control/ListenBuildHistory
	BuildkitHistoryUpdate Operation = "BuildkitHistoryUpdate" // pin or delete them: Control/UpdateBuildHistory
	BuildkitContent       Operation = "BuildkitContent"       // read what the records refer to: Content/Info, Read
	BuildkitTrace         Operation = "BuildkitTrace"         // hand traces over: TraceService/Export
	BuildkitResolve       Operation = "BuildkitResolve"       // look a source up: LLBBridge/ResolveImageConfig, ResolveSourceMeta
	BuildkitRead          Operation = "BuildkitRead"          // read files of a result: LLBBridge/ReadFile, ReadDir, StatFile
	BuildkitFrontend      Operation = "BuildkitFrontend"      // LLBBridge/Ping, Inputs, Evaluate, Return, Warn, ReleaseContainer
	BuildkitContainer     Operation = "BuildkitContainer"     // make a container of results: LLBBridge/NewContainer
	BuildkitExec          Operation = "BuildkitExec"          // start a process in it: LLBBridge/ExecProcess

	BuildkitFiles     Operation = "BuildkitFiles"     // read the client's files: FileSync/DiffCopy, TarStream
	BuildkitExport    Operation = "BuildkitExport"    // write results to the client: FileSend/DiffCopy
	BuildkitUpload    Operation = "BuildkitUpload"    // read a context from the client's standard input: Upload/Pull
	BuildkitCache     Operation = "BuildkitCache"     // a client's local cache and image layouts: Content
	BuildkitAuth      Operation = "BuildkitAuth"      // ask for the client's registry credentials: Auth
	BuildkitSecret    Operation = "BuildkitSecret"    // ask for a secret: Secrets/GetSecret
	BuildkitSSH       Operation = "BuildkitSSH"       // use the client's ssh agent: SSH/CheckAgent, ForwardAgent
	BuildkitExporters Operation = "BuildkitExporters" // ask which exporters to use: Exporter/FindExporters
	BuildkitPolicy    Operation = "BuildkitPolicy"    // ask whether a source may be used: PolicyVerifier/CheckPolicy
)

// grpcOperations are what Classify does not answer.
var grpcOperations = []Operation{
	BuildkitSolve, BuildkitFrontendSolve, BuildkitStatus, BuildkitSession, BuildkitInfo, BuildkitPrune, BuildkitHistory,
	BuildkitHistoryUpdate, BuildkitContent, BuildkitTrace, BuildkitResolve, BuildkitRead, BuildkitFrontend, BuildkitContainer, BuildkitExec,
	BuildkitFiles, BuildkitExport, BuildkitUpload, BuildkitCache, BuildkitAuth, BuildkitSecret, BuildkitSSH, BuildkitExporters, BuildkitPolicy,
}

// GRPCOperations returns the operations of gRPC calls, in the order of their list.
func GRPCOperations() []Operation { return append([]Operation(nil), grpcOperations...) }

// GRPCCall is the Call of a gRPC call at a path, which is its method: /moby.buildkit.v1.Control/Solve. kind and id name what it is
// about: "secret" and its id; both may be empty.
func GRPCCall(op Operation, path string, transport Transport, kind, id string) Call {
	return Call{
		Operation: op, Transport: transport, Body: BodyJSON, GRPC: true,
		Path: path, RoutePath: path, ResourceKind: kind, ResourceID: id, target: path,
	}
}
