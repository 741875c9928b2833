package plugin

import (
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/store"
)

// shared is what an instance shares, as its host calls see it.
type shared Instance

// Shared implements hostcall.Caller.
func (i *Instance) Shared() hostcall.Shared { return (*shared)(i) }

func (s *shared) space() store.Space { return s.plugin.options.Space }

// status is a store's error in the words of the ABI. An operator is told when
// something was refused, since the filter is the only one who knows otherwise.
func (s *shared) status(err error, bounds func(store.Limits) slog.Attr) abi.Status {
	if err == store.ErrFull || err == store.ErrUnavailable {
		s.plugin.metrics.Refused(metrics.Shared)
		if n := s.plugin.refusedShares.Take(time.Now(), 1); n > 0 {
			s.plugin.log.Warn("changes of what the filter shares were refused", slog.Int("changes", n), slog.Any("reason", err),
				slog.String("vm_id", s.plugin.options.VMID), bounds(s.space().Limits()))
		}
	}
	return statusOf(err)
}

// The bounds of what is shared, by their keys in a configuration.
func dataBounds(l store.Limits) slog.Attr {
	bounds := []any{slog.Int("keys", l.Keys), slog.Int64("bytes", l.Bytes)}
	if t := l.Tenant; t != (store.TenantLimits{}) {
		bounds = append(bounds, slog.Int("tenant_limits.shared_keys", t.Keys), slog.Int64("tenant_limits.shared_bytes", t.Bytes))
	}
	return slog.Group("shared_data", bounds...)
}

func queueBounds(l store.Limits) slog.Attr {
	bounds := []any{slog.Int("queues", l.Queues), slog.Int("items", l.QueueItems), slog.Int64("bytes", l.QueueBytes)}
	if t := l.Tenant; t != (store.TenantLimits{}) {
		bounds = append(bounds, slog.Int("tenant_limits.queue_items", t.QueueItems), slog.Int64("tenant_limits.queue_bytes", t.QueueBytes))
	}
	return slog.Group("shared_queues", bounds...)
}

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

// Kept implements hostcall.Shared.
func (s *shared) Kept() bool { return s.space().Kept() }

// GetData implements hostcall.Shared.
func (s *shared) GetData(key []byte) ([]byte, uint32, abi.Status) {
	value, cas, err := s.space().Get(key)
	return value, cas, statusOf(err)
}

// SetData implements hostcall.Shared.
func (s *shared) SetData(key, value []byte, cas uint32) abi.Status {
	return s.status(s.space().Set(key, value, cas), dataBounds)
}

// DeleteData implements hostcall.Shared.
func (s *shared) DeleteData(key []byte, cas uint32) abi.Status {
	return s.status(s.space().Delete(key, cas), dataBounds)
}

// RegisterQueue implements hostcall.Shared.
func (s *shared) RegisterQueue(name string) (uint32, abi.Status) {
	id, err := s.space().Register(name)
	if err != nil {
		return 0, s.status(err, queueBounds)
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
	return s.status(s.space().Enqueue(store.QueueID(queue), item, (*Instance)(s).depth()), queueBounds)
}

// Dequeue implements hostcall.Shared. What the guest does in the rest of the callback
// is as deep as what it has taken.
func (s *shared) Dequeue(queue uint32) ([]byte, abi.Status) {
	item, depth, err := s.space().Dequeue(store.QueueID(queue))
	s.last, s.taken = depth, max(s.taken, depth)
	return item, s.status(err, queueBounds)
}

// Requeue implements hostcall.Shared.
func (s *shared) Requeue(queue uint32, item []byte) {
	_ = s.space().Requeue(store.QueueID(queue), item, s.last) // the item came from there
}
