package hostcall

import "github.com/sluice-gateway/sluice/abi"

// Data that the instances of a filter share.
var sharedData = []function{
	later(abi.ImportGetSharedData, "bow"),
	later(abi.ImportSetSharedData, "bbv"),
}

// Queues between filters.
var sharedQueues = []function{
	later(abi.ImportRegisterSharedQueue, "bw"),
	later(abi.ImportResolveSharedQueue, "bbw"),
	later(abi.ImportEnqueueSharedQueue, "vb"),
	later(abi.ImportDequeueSharedQueue, "vo"),
}
