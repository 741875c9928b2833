package abi

// ModuleEnv is the module from which a guest imports the functions of the ABI.
const ModuleEnv = "env"

// ExportABIVersionPrefix begins the name of every version marker.
const ExportABIVersionPrefix = "proxy_abi_version_"

// Markers: functions that are never called and whose presence tells the
// version.
const (
	ExportABIVersion010 = ExportABIVersionPrefix + "0_1_0"
	ExportABIVersion020 = ExportABIVersionPrefix + "0_2_0"
	ExportABIVersion021 = ExportABIVersionPrefix + "0_2_1"
)

// Exports that start a module and that lend memory.
const (
	ExportInitialize       = "_initialize"
	ExportStart            = "_start"
	ExportMain             = "main"
	ExportMainVoid         = "__main_void"
	ExportOnMemoryAllocate = "proxy_on_memory_allocate"
	ExportMalloc           = "malloc"
)

// Callbacks of the life of a context and of a module.
const (
	ExportOnContextCreate       = "proxy_on_context_create"
	ExportOnVMStart             = "proxy_on_vm_start"
	ExportOnConfigure           = "proxy_on_configure"
	ExportValidateConfiguration = "proxy_validate_configuration"
	ExportOnTick                = "proxy_on_tick"
	ExportOnQueueReady          = "proxy_on_queue_ready"
	ExportOnDone                = "proxy_on_done"
	ExportOnLog                 = "proxy_on_log"
	ExportOnDelete              = "proxy_on_delete"
	ExportOnForeignFunction     = "proxy_on_foreign_function"
	ExportOnHTTPCallResponse    = "proxy_on_http_call_response"
	ExportOnGRPCReceiveInitial  = "proxy_on_grpc_receive_initial_metadata"
	ExportOnGRPCReceive         = "proxy_on_grpc_receive"
	ExportOnGRPCReceiveTrailing = "proxy_on_grpc_receive_trailing_metadata"
	ExportOnGRPCClose           = "proxy_on_grpc_close"
	ExportOnNewConnection       = "proxy_on_new_connection"
	ExportOnDownstreamData      = "proxy_on_downstream_data"
	ExportOnDownstreamClose     = "proxy_on_downstream_connection_close"
	ExportOnUpstreamData        = "proxy_on_upstream_data"
	ExportOnUpstreamClose       = "proxy_on_upstream_connection_close"
	ExportOnRequestHeaders      = "proxy_on_request_headers"
	ExportOnRequestBody         = "proxy_on_request_body"
	ExportOnRequestTrailers     = "proxy_on_request_trailers"
	ExportOnRequestMetadata     = "proxy_on_request_metadata"
	ExportOnResponseHeaders     = "proxy_on_response_headers"
	ExportOnResponseBody        = "proxy_on_response_body"
	ExportOnResponseTrailers    = "proxy_on_response_trailers"
	ExportOnResponseMetadata    = "proxy_on_response_metadata"
)

// Functions that a guest imports from ModuleEnv.
const (
	ImportLog                       = "proxy_log"
	ImportGetLogLevel               = "proxy_get_log_level"
	ImportGetCurrentTimeNanoseconds = "proxy_get_current_time_nanoseconds"
	ImportSetTickPeriodMilliseconds = "proxy_set_tick_period_milliseconds"
	ImportSetEffectiveContext       = "proxy_set_effective_context"
	ImportDone                      = "proxy_done"
	ImportGetBufferBytes            = "proxy_get_buffer_bytes"
	ImportSetBufferBytes            = "proxy_set_buffer_bytes"
	ImportGetBufferStatus           = "proxy_get_buffer_status"
	ImportGetHeaderMapSize          = "proxy_get_header_map_size"
	ImportGetHeaderMapPairs         = "proxy_get_header_map_pairs"
	ImportSetHeaderMapPairs         = "proxy_set_header_map_pairs"
	ImportGetHeaderMapValue         = "proxy_get_header_map_value"
	ImportAddHeaderMapValue         = "proxy_add_header_map_value"
	ImportReplaceHeaderMapValue     = "proxy_replace_header_map_value"
	ImportRemoveHeaderMapValue      = "proxy_remove_header_map_value"
	ImportContinueStream            = "proxy_continue_stream"
	ImportCloseStream               = "proxy_close_stream"
	ImportGetStatus                 = "proxy_get_status"
	ImportSendLocalResponse         = "proxy_send_local_response"
	ImportHTTPCall                  = "proxy_http_call"
	ImportGRPCCall                  = "proxy_grpc_call"
	ImportGRPCStream                = "proxy_grpc_stream"
	ImportGRPCSend                  = "proxy_grpc_send"
	ImportGRPCCancel                = "proxy_grpc_cancel"
	ImportGRPCClose                 = "proxy_grpc_close"
	ImportGetSharedData             = "proxy_get_shared_data"
	ImportSetSharedData             = "proxy_set_shared_data"
	ImportRegisterSharedQueue       = "proxy_register_shared_queue"
	ImportResolveSharedQueue        = "proxy_resolve_shared_queue"
	ImportEnqueueSharedQueue        = "proxy_enqueue_shared_queue"
	ImportDequeueSharedQueue        = "proxy_dequeue_shared_queue"
	ImportDefineMetric              = "proxy_define_metric"
	ImportRecordMetric              = "proxy_record_metric"
	ImportIncrementMetric           = "proxy_increment_metric"
	ImportGetMetric                 = "proxy_get_metric"
	ImportGetProperty               = "proxy_get_property"
	ImportSetProperty               = "proxy_set_property"
	ImportCallForeignFunction       = "proxy_call_foreign_function"
)

// Functions that only guests of version 0.1.0 import.
const (
	ImportGetConfiguration = "proxy_get_configuration"
	ImportContinueRequest  = "proxy_continue_request"
	ImportContinueResponse = "proxy_continue_response"
	ImportClearRouteCache  = "proxy_clear_route_cache"
)
