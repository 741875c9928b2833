package capability

import (
	"slices"

	"github.com/sluice-gateway/sluice/abi"
)

// needs is what the host calls are for. Those that need nothing are not in it.
var needs = map[string][]Capability{
	abi.ImportLog:                       {Log},
	abi.ImportSetTickPeriodMilliseconds: {Timers},
	abi.ImportSetBufferBytes:            {WriteRequestBody, WriteResponseBody, WriteConnection},
	abi.ImportGetHeaderMapSize:          {ReadRequestHeaders, ReadResponseHeaders},
	abi.ImportGetHeaderMapPairs:         {ReadRequestHeaders, ReadResponseHeaders},
	abi.ImportGetHeaderMapValue:         {ReadRequestHeaders, ReadResponseHeaders},
	abi.ImportSetHeaderMapPairs:         {WriteRequestHeaders, WriteResponseHeaders},
	abi.ImportAddHeaderMapValue:         {WriteRequestHeaders, WriteResponseHeaders},
	abi.ImportReplaceHeaderMapValue:     {WriteRequestHeaders, WriteResponseHeaders},
	abi.ImportRemoveHeaderMapValue:      {WriteRequestHeaders, WriteResponseHeaders},
	abi.ImportCloseStream:               {LocalResponse},
	abi.ImportSendLocalResponse:         {LocalResponse},
	abi.ImportHTTPCall:                  {Callouts},
	abi.ImportGRPCCall:                  {Callouts},
	abi.ImportGRPCStream:                {Callouts},
	abi.ImportGetSharedData:             {ReadSharedData},
	abi.ImportSetSharedData:             {WriteSharedData},
	abi.ImportRegisterSharedQueue:       {ReadQueues},
	abi.ImportDequeueSharedQueue:        {ReadQueues},
	abi.ImportResolveSharedQueue:        {WriteQueues},
	abi.ImportEnqueueSharedQueue:        {WriteQueues},
	abi.ImportDefineMetric:              {Metrics},
	abi.ImportGetProperty:               {ReadProperties},
	abi.ImportSetProperty:               {WriteProperties},
	abi.ImportCallForeignFunction:       {ForeignFunctions},
}

// ownUse are host calls that are good for something without a grant: a filter reads
// its own name, and says of itself which stages it is for.
var ownUse = []string{abi.ImportGetProperty, abi.ImportSetProperty}

// An Unusable is host calls that a module imports and can do nothing with.
type Unusable struct {
	Imports []string // without the name of the module, in alphabetical order
	// Any is what they need: any of these would do.
	Any []Capability
}

// Unusable finds the imports, names of host calls, that nothing is granted for. A
// module may import what it never calls: SDKs do.
func (g *Grants) Unusable(imports []string) []Unusable {
	if g == nil {
		return nil
	}
	var found []Unusable
	for _, name := range imports {
		any := needs[name]
		if len(any) == 0 || slices.Contains(ownUse, name) || slices.ContainsFunc(any, g.Has) {
			continue
		}
		at := slices.IndexFunc(found, func(u Unusable) bool { return slices.Equal(u.Any, any) })
		if at < 0 {
			at = len(found)
			found = append(found, Unusable{Any: any})
		}
		found[at].Imports = append(found[at].Imports, name)
	}
	return found
}

// Uses are the capabilities' keys that a module's imports may be for, in their
// order.
func Uses(imports []string) []string {
	var keys []string
	for _, key := range Keys() {
		for _, c := range Halved(key) {
			if slices.ContainsFunc(imports, func(name string) bool { return slices.Contains(needs[name], c) }) {
				keys = append(keys, key)
				break
			}
		}
	}
	return keys
}
