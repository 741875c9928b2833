package abi

// LogLevel is the severity of a log line; greater is worse.
type LogLevel uint32

// The log levels.
const (
	LogLevelTrace LogLevel = iota
	LogLevelDebug
	LogLevelInfo
	LogLevelWarn
	LogLevelError
	LogLevelCritical
)

// Valid tells whether the specification knows the level.
func (l LogLevel) Valid() bool { return l <= LogLevelCritical }

// String is the level as the specification spells it, such as "WARN".
func (l LogLevel) String() string {
	return name("LOG_LEVEL", uint32(l), "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL")
}

// BufferType names a buffer that a guest can read or write.
type BufferType uint32

// The buffers.
const (
	BufferTypeHTTPRequestBody BufferType = iota
	BufferTypeHTTPResponseBody
	BufferTypeDownstreamData
	BufferTypeUpstreamData
	BufferTypeHTTPCallResponseBody
	BufferTypeGRPCCallMessage
	BufferTypeVMConfiguration
	BufferTypePluginConfiguration
	// BufferTypeForeignFunctionArguments is called CallData by the SDKs.
	BufferTypeForeignFunctionArguments
)

// Valid tells whether the specification knows the buffer.
func (t BufferType) Valid() bool { return t <= BufferTypeForeignFunctionArguments }

// String is the buffer as the specification spells it, such as
// "HTTP_REQUEST_BODY".
func (t BufferType) String() string {
	return name("BUFFER", uint32(t),
		"HTTP_REQUEST_BODY", "HTTP_RESPONSE_BODY", "DOWNSTREAM_DATA", "UPSTREAM_DATA", "HTTP_CALL_RESPONSE_BODY",
		"GRPC_CALL_MESSAGE", "VM_CONFIGURATION", "PLUGIN_CONFIGURATION", "FOREIGN_FUNCTION_ARGUMENTS")
}

// MapType names a map of header fields that a guest can read or write.
type MapType uint32

// The maps.
const (
	MapTypeHTTPRequestHeaders MapType = iota
	MapTypeHTTPRequestTrailers
	MapTypeHTTPResponseHeaders
	MapTypeHTTPResponseTrailers
	MapTypeGRPCCallInitialMetadata
	MapTypeGRPCCallTrailingMetadata
	MapTypeHTTPCallResponseHeaders
	MapTypeHTTPCallResponseTrailers
)

// Valid tells whether the specification knows the map.
func (t MapType) Valid() bool { return t <= MapTypeHTTPCallResponseTrailers }

// String is the map as the specification spells it, such as
// "HTTP_REQUEST_HEADERS".
func (t MapType) String() string {
	return name("MAP", uint32(t),
		"HTTP_REQUEST_HEADERS", "HTTP_REQUEST_TRAILERS", "HTTP_RESPONSE_HEADERS", "HTTP_RESPONSE_TRAILERS",
		"GRPC_CALL_INITIAL_METADATA", "GRPC_CALL_TRAILING_METADATA", "HTTP_CALL_RESPONSE_HEADERS", "HTTP_CALL_RESPONSE_TRAILERS")
}

// StreamType names one direction of a stream.
type StreamType uint32

// The stream types.
const (
	StreamTypeHTTPRequest StreamType = iota
	StreamTypeHTTPResponse
	StreamTypeDownstream
	StreamTypeUpstream
)

// Valid tells whether the specification knows the stream type.
func (t StreamType) Valid() bool { return t <= StreamTypeUpstream }

// String is the stream type as the specification spells it, such as
// "HTTP_REQUEST".
func (t StreamType) String() string {
	return name("STREAM", uint32(t), "HTTP_REQUEST", "HTTP_RESPONSE", "DOWNSTREAM", "UPSTREAM")
}

// PeerType says which side closed a connection.
type PeerType uint32

// The peers.
const (
	PeerTypeUnknown PeerType = iota
	PeerTypeLocal
	PeerTypeRemote
)

// Valid tells whether the specification knows the peer type.
func (t PeerType) Valid() bool { return t <= PeerTypeRemote }

// String is the peer as the specification spells it, such as "REMOTE".
func (t PeerType) String() string {
	return name("PEER", uint32(t), "UNKNOWN", "LOCAL", "REMOTE")
}

// MetricType is the kind of a metric.
type MetricType uint32

// The kinds of metrics.
const (
	MetricTypeCounter MetricType = iota
	MetricTypeGauge
	MetricTypeHistogram
)

// Valid tells whether the specification knows the kind.
func (t MetricType) Valid() bool { return t <= MetricTypeHistogram }

// String is the kind as the specification spells it, such as "GAUGE".
func (t MetricType) String() string {
	return name("METRIC", uint32(t), "COUNTER", "GAUGE", "HISTOGRAM")
}

// name picks the word of an enumeration that counts from 0.
func name(kind string, value uint32, words ...string) string {
	if uint64(value) < uint64(len(words)) {
		return words[value]
	}
	return unknown(kind, value)
}
