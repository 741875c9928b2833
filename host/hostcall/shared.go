package hostcall

import "github.com/sluice-gateway/sluice/abi"

// maxSharedName is how much of a key or of a queue's name is looked at; what is
// longer than this is refused anyway.
const maxSharedName = 64 << 10

// Data that the instances of a filter, and the filters of a vm_id, share.
var sharedData = []function{
	{name: abi.ImportGetSharedData, args: "bow", body: getSharedData, charges: true},
	{name: abi.ImportSetSharedData, args: "bbv", body: setSharedData, charges: true},
}

// proxy_get_shared_data(key, **value, *size, *cas): NOT_FOUND, and nothing is
// written, where there is no such key.
func getSharedData(c call) abi.Status {
	key, ok := c.view(0)
	switch {
	case !c.charge(len(key), lookupUnits):
		return abi.StatusInternalFailure
	case !ok || !c.writable(2, 4) || !c.writable(3, 4) || !c.writable(4, 4):
		return abi.StatusInvalidMemoryAccess
	}
	value, cas, status := c.caller.Shared().GetData(key)
	switch {
	case status != abi.StatusOK:
		return status
	case !c.caller.Charge(int64(len(value)) / bytesPerUnit):
		return abi.StatusInternalFailure
	}
	if status := give(c, 2, value); status != abi.StatusOK {
		return status
	}
	return c.putU32(4, cas)
}

// proxy_set_shared_data(key, value, cas): CAS_MISMATCH where cas is neither 0 nor
// the key's number. A value at address 0 with length 0 deletes the key, as the
// specification came to say; at any other address it is an empty value.
// INTERNAL_FAILURE: over a bound.
func setSharedData(c call) abi.Status {
	key, ok1 := c.view(0)
	value, ok2 := c.view(2)
	switch {
	case !c.charge(len(key), c.kept(len(key)+len(value))):
		return abi.StatusInternalFailure
	case !ok1 || !ok2:
		return abi.StatusInvalidMemoryAccess
	case c.u32(2) == 0 && c.u32(3) == 0:
		return c.caller.Shared().DeleteData(key, c.u32(4))
	}
	return c.caller.Shared().SetData(key, value, c.u32(4))
}

// Queues between filters.
var sharedQueues = []function{
	{name: abi.ImportRegisterSharedQueue, args: "bw", body: registerSharedQueue, charges: true},
	{name: abi.ImportResolveSharedQueue, args: "bbw", body: resolveSharedQueue, charges: true},
	{name: abi.ImportEnqueueSharedQueue, args: "vb", body: enqueueSharedQueue, charges: true},
	{name: abi.ImportDequeueSharedQueue, args: "vo", body: dequeueSharedQueue},
}

// proxy_register_shared_queue(name, *id). To register a queue again gives the same
// id. INTERNAL_FAILURE: over a bound.
func registerSharedQueue(c call) abi.Status {
	name, ok := c.view(0)
	switch {
	case !c.charge(len(name), lookupUnits+int64(len(name))):
		return abi.StatusInternalFailure
	case !ok || !c.writable(2, 4):
		return abi.StatusInvalidMemoryAccess
	case len(name) > maxSharedName:
		return abi.StatusBadArgument
	}
	id, status := c.caller.Shared().RegisterQueue(string(name))
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(2, id)
}

// proxy_resolve_shared_queue(vm_id, name, *id): NOT_FOUND; an empty vm_id is the
// guest's own.
func resolveSharedQueue(c call) abi.Status {
	vmID, ok1 := c.view(0)
	name, ok2 := c.view(2)
	switch {
	case !c.charge(len(vmID)+len(name), lookupUnits+int64(len(vmID)+len(name))):
		return abi.StatusInternalFailure
	case !ok1 || !ok2 || !c.writable(4, 4):
		return abi.StatusInvalidMemoryAccess
	case len(vmID) > maxSharedName, len(name) > maxSharedName:
		return abi.StatusNotFound
	}
	id, status := c.caller.Shared().ResolveQueue(string(vmID), string(name))
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(4, id)
}

// proxy_enqueue_shared_queue(id, item): NOT_FOUND; INTERNAL_FAILURE: the queue is
// full.
func enqueueSharedQueue(c call) abi.Status {
	item, ok := c.view(1)
	switch {
	case !c.charge(0, c.kept(len(item))):
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	}
	return c.caller.Shared().Enqueue(c.u32(0), item)
}

// proxy_dequeue_shared_queue(id, **item, *size): NOT_FOUND, EMPTY. An item that
// cannot be handed over stays the first of the queue.
func dequeueSharedQueue(c call) abi.Status {
	if !c.writable(1, 4) || !c.writable(2, 4) {
		return abi.StatusInvalidMemoryAccess
	}
	shared := c.caller.Shared()
	item, status := shared.Dequeue(c.u32(0))
	if status != abi.StatusOK {
		return status
	}
	if status = abi.StatusInternalFailure; c.caller.Charge(int64(len(item)) / bytesPerUnit) {
		status = give(c, 1, item)
	}
	if status != abi.StatusOK {
		shared.Requeue(c.u32(0), item)
	}
	return status
}
