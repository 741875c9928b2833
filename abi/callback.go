package abi

// callbacks are the shapes of the exports that a host calls: how many i32 they
// take, and whether they give one.
var callbacks = map[string]struct {
	params int
	result bool
}{
	ExportOnMemoryAllocate:      {1, true},
	ExportMalloc:                {1, true},
	ExportOnContextCreate:       {2, false},
	ExportOnVMStart:             {2, true},
	ExportOnConfigure:           {2, true},
	ExportValidateConfiguration: {2, true},
	ExportOnTick:                {1, false},
	ExportOnQueueReady:          {2, false},
	ExportOnDone:                {1, true},
	ExportOnLog:                 {1, false},
	ExportOnDelete:              {1, false},
	ExportOnForeignFunction:     {3, false},
	ExportOnHTTPCallResponse:    {5, false},
	ExportOnGRPCReceiveInitial:  {3, false},
	ExportOnGRPCReceive:         {3, false},
	ExportOnGRPCReceiveTrailing: {3, false},
	ExportOnGRPCClose:           {3, false},
	ExportOnNewConnection:       {1, true},
	ExportOnDownstreamData:      {3, true},
	ExportOnDownstreamClose:     {2, false},
	ExportOnUpstreamData:        {3, true},
	ExportOnUpstreamClose:       {2, false},
	ExportOnRequestHeaders:      {3, true},
	ExportOnRequestBody:         {3, true},
	ExportOnRequestTrailers:     {2, true},
	ExportOnRequestMetadata:     {2, true},
	ExportOnResponseHeaders:     {3, true},
	ExportOnResponseBody:        {3, true},
	ExportOnResponseTrailers:    {2, true},
	ExportOnResponseMetadata:    {2, true},
}

// Callback tells how many i32 arguments a callback takes in a version of the
// ABI, and whether it gives an i32 result that means something. An export that
// the ABI does not know, and that a host therefore never calls, is not ok.
func Callback(export string, v Version) (params int, result, ok bool) {
	c, ok := callbacks[export]
	if v == V0_1_0 && (export == ExportOnRequestHeaders || export == ExportOnResponseHeaders) {
		c.params = 2 // without end_of_stream
	}
	return c.params, c.result, ok
}
