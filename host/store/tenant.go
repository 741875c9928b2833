package store

import "sync/atomic"

// TenantLimits bounds what all namespaces of one tenant have together. The zero value
// of a field means that nothing but Limits bounds it. What one tenant has used up is
// missing to no other.
type TenantLimits struct {
	// Keys and Bytes are of its keys and values.
	Keys  int
	Bytes int64
	// QueueItems and QueueBytes are of what is in all its queues.
	QueueItems int
	QueueBytes int64
}

// tenantLimits are those of a tenant.
func (l *Limits) tenantLimits(tenant string) *TenantLimits {
	if t, ok := l.Tenants[tenant]; ok {
		return &t
	}
	return &l.Tenant
}

// total is what all namespaces of a tenant have. Nil counts nothing: the operator's own
// filters are no tenant's.
type total struct {
	keys, bytes, items, queued atomic.Int64
}

// reserve adds to a pair of numbers what does not take either of them over its bound, 0
// for none, or nothing. What adds nothing to a number is not held against it.
func reserve(count *atomic.Int64, more int, most int64, size *atomic.Int64, bytes, mostBytes int64) bool {
	if n := count.Add(int64(more)); most > 0 && more > 0 && n > most {
		count.Add(-int64(more))
		return false
	}
	if n := size.Add(bytes); mostBytes > 0 && bytes > 0 && n > mostBytes {
		size.Add(-bytes)
		count.Add(-int64(more))
		return false
	}
	return true
}

func (t *total) reserveData(keys int, bytes int64, limits *TenantLimits) bool {
	return t == nil || reserve(&t.keys, keys, int64(limits.Keys), &t.bytes, bytes, limits.Bytes)
}

func (t *total) reserveItems(items int, bytes int64, limits *TenantLimits) bool {
	return t == nil || reserve(&t.items, items, int64(limits.QueueItems), &t.queued, bytes, limits.QueueBytes)
}

// data and item note what came or went, whatever the bounds.
func (t *total) data(keys int, bytes int64) { t.reserveData(keys, bytes, &TenantLimits{}) }

func (t *total) item(items int, bytes int64) { t.reserveItems(items, bytes, &TenantLimits{}) }
