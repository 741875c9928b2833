package plugin

import (
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// Stages is a set of the stages at which a filter is called.
type Stages uint16

// The stages of a stream that a filter can hook.
const (
	RequestHeaders Stages = 1 << iota
	RequestBody
	ResponseHeaders
	ResponseBody

	// DownstreamData and UpstreamData are what the client and the engine say on
	// a connection that has left HTTP. With either of them the filter is told too
	// of the connection's beginning and end.
	DownstreamData
	UpstreamData

	// RequestTrailers and ResponseTrailers are the fields behind a chunked body. A
	// filter has to ask for them, since the last call with a body is then no end.
	RequestTrailers
	ResponseTrailers

	// Connection is the beginning and the end of a connection that has left HTTP:
	// proxy_on_new_connection and the two close callbacks. It is not a stage that a
	// configuration can name.
	Connection

	// Log is the end of a stream: proxy_on_done and proxy_on_log. It is not a
	// stage that a configuration can name.
	Log

	// Answer is a callback about a call that the stream's filter made to another
	// service. It may come at any time between the others.
	Answer

	// HTTPStages are the stages of requests and responses, but for the trailers.
	HTTPStages = RequestHeaders | RequestBody | ResponseHeaders | ResponseBody
	// DataStages are the stages of connections that have left HTTP.
	DataStages = DownstreamData | UpstreamData
	// TrailerStages are the stages of what comes behind a body.
	TrailerStages = RequestTrailers | ResponseTrailers
	// AllStages is every stage that a configuration can name.
	AllStages = HTTPStages | DataStages | TrailerStages
)

// stageNames is the spelling used in configuration files, logs and in the hint
// that a filter gives by the property sluice.stages.
var stageNames = [...]struct {
	stage Stages
	name  string
}{
	{RequestHeaders, "request_headers"},
	{RequestBody, "request_body"},
	{ResponseHeaders, "response_headers"},
	{ResponseBody, "response_body"},
	{DownstreamData, "downstream_data"},
	{UpstreamData, "upstream_data"},
	{RequestTrailers, "request_trailers"},
	{ResponseTrailers, "response_trailers"},
}

// ParseStages reads stage names. An unknown name is an error; no name at all is
// the empty set.
func ParseStages(names []string) (Stages, error) {
	var set Stages
next:
	for _, name := range names {
		for _, known := range stageNames {
			if name == known.name {
				set |= known.stage
				continue next
			}
		}
		return 0, fmt.Errorf("unknown stage %q: use request_headers, request_body, response_headers, response_body, downstream_data, upstream_data, request_trailers or response_trailers", name)
	}
	return set, nil
}

// String lists the stages of the set, separated by commas.
func (s Stages) String() string { return strings.Join(s.Names(), ",") }

// Names lists the stages of the set; it is empty and not nil for none.
func (s Stages) Names() []string {
	names := []string{}
	for _, known := range stageNames {
		if s&known.stage != 0 {
			names = append(names, known.name)
		}
	}
	return names
}

// callback is the index of a guest's export in an instance's table of kept
// function handles: looking one up by name costs microseconds.
type callback int

const (
	onVMStart callback = iota
	onConfigure
	onContextCreate
	onTick
	onQueueReady
	onHTTPCallResponse
	onGRPCReceiveInitialMetadata
	onGRPCReceive
	onGRPCReceiveTrailingMetadata
	onGRPCClose
	onRequestHeaders
	onRequestBody
	onRequestTrailers
	onResponseHeaders
	onResponseBody
	onResponseTrailers
	onNewConnection
	onDownstreamData
	onUpstreamData
	onDownstreamClose
	onUpstreamClose
	onDone
	onLog
	onDelete
	callbackCount
)

var callbackNames = [callbackCount]string{
	onVMStart:                     abi.ExportOnVMStart,
	onConfigure:                   abi.ExportOnConfigure,
	onContextCreate:               abi.ExportOnContextCreate,
	onTick:                        abi.ExportOnTick,
	onQueueReady:                  abi.ExportOnQueueReady,
	onHTTPCallResponse:            abi.ExportOnHTTPCallResponse,
	onGRPCReceiveInitialMetadata:  abi.ExportOnGRPCReceiveInitial,
	onGRPCReceive:                 abi.ExportOnGRPCReceive,
	onGRPCReceiveTrailingMetadata: abi.ExportOnGRPCReceiveTrailing,
	onGRPCClose:                   abi.ExportOnGRPCClose,
	onRequestHeaders:              abi.ExportOnRequestHeaders,
	onRequestBody:                 abi.ExportOnRequestBody,
	onRequestTrailers:             abi.ExportOnRequestTrailers,
	onResponseHeaders:             abi.ExportOnResponseHeaders,
	onResponseBody:                abi.ExportOnResponseBody,
	onResponseTrailers:            abi.ExportOnResponseTrailers,
	onNewConnection:               abi.ExportOnNewConnection,
	onDownstreamData:              abi.ExportOnDownstreamData,
	onUpstreamData:                abi.ExportOnUpstreamData,
	onDownstreamClose:             abi.ExportOnDownstreamClose,
	onUpstreamClose:               abi.ExportOnUpstreamClose,
	onDone:                        abi.ExportOnDone,
	onLog:                         abi.ExportOnLog,
	onDelete:                      abi.ExportOnDelete,
}

// callbackStages is the stage that a callback runs in.
var callbackStages = [callbackCount]Stages{
	onRequestHeaders:   RequestHeaders,
	onRequestBody:      RequestBody,
	onResponseHeaders:  ResponseHeaders,
	onResponseBody:     ResponseBody,
	onRequestTrailers:  RequestTrailers,
	onResponseTrailers: ResponseTrailers,
	onNewConnection:    Connection,
	onDownstreamData:   DownstreamData,
	onUpstreamData:     UpstreamData,
	onDownstreamClose:  Connection,
	onUpstreamClose:    Connection,
	onDone:             Log,
	onLog:              Log,
}

// stageCallbacks maps the stages to the exports that serve them.
var stageCallbacks = map[Stages]callback{
	RequestHeaders:   onRequestHeaders,
	RequestBody:      onRequestBody,
	ResponseHeaders:  onResponseHeaders,
	ResponseBody:     onResponseBody,
	DownstreamData:   onDownstreamData,
	UpstreamData:     onUpstreamData,
	RequestTrailers:  onRequestTrailers,
	ResponseTrailers: onResponseTrailers,
}
