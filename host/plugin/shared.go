package plugin

import (
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/store"
)

// shared is what an instance shares, as its host calls see it.
type shared Instance

// Shared implements hostcall.Caller.
func (i *Instance) Shared() hostcall.Shared { return (*shared)(i) }

func (s *shared) space() store.Space { return s.plugin.options.Space }

// statusOf is a store's error in the words of the ABI.
func statusOf(err error) abi.Status {
	switch err {
	case nil:
		return abi.StatusOK
	case store.ErrNotFound:
		return abi.StatusNotFound
	case store.ErrMismatch:
		return abi.StatusCASMismatch
	case store.ErrEmpty:
		return abi.StatusEmpty
	case store.ErrTooLong:
		return abi.StatusBadArgument
	default: // ErrFull, ErrUnavailable
		return abi.StatusInternalFailure
	}
}

// GetData implements hostcall.Shared.
func (s *shared) GetData(key []byte) ([]byte, uint32, abi.Status) {
	value, cas, err := s.space().Get(key)
	return value, cas, statusOf(err)
}

// SetData implements hostcall.Shared.
func (s *shared) SetData(key, value []byte, cas uint32) abi.Status {
	return statusOf(s.space().Set(key, value, cas))
}

// DeleteData implements hostcall.Shared.
func (s *shared) DeleteData(key []byte, cas uint32) abi.Status {
	return statusOf(s.space().Delete(key, cas))
}

// RegisterQueue implements hostcall.Shared.
func (s *shared) RegisterQueue(name string) (uint32, abi.Status) {
	id, err := s.space().Register(name)
	if err != nil {
		return 0, statusOf(err)
	}
	s.plugin.queues.register((*Instance)(s), id)
	return uint32(id), abi.StatusOK
}

// ResolveQueue implements hostcall.Shared.
func (s *shared) ResolveQueue(vmID, name string) (uint32, abi.Status) {
	id, err := s.space().Resolve(vmID, name)
	return uint32(id), statusOf(err)
}

// Enqueue implements hostcall.Shared.
func (s *shared) Enqueue(queue uint32, item []byte) abi.Status {
	return statusOf(s.space().Enqueue(store.QueueID(queue), item))
}

// Dequeue implements hostcall.Shared.
func (s *shared) Dequeue(queue uint32) ([]byte, abi.Status) {
	item, err := s.space().Dequeue(store.QueueID(queue))
	return item, statusOf(err)
}

// Requeue implements hostcall.Shared.
func (s *shared) Requeue(queue uint32, item []byte) {
	_ = s.space().Requeue(store.QueueID(queue), item) // the item came from there
}
