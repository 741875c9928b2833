package store

import "time"

// Limits bounds what each namespace may keep. The zero value of a field means
// its default.
type Limits struct {
	// Keys is how many keys a namespace may have. Default 10,000.
	Keys int
	// Bytes is how many bytes its keys and values may have together. Default 8 MiB.
	Bytes int64
	// TTL is how long the keys with certain prefixes live after they were last
	// written. The longest prefix that fits counts; no prefix that fits means for
	// ever.
	TTL []TTL

	// Tenant bounds the namespaces of each tenant together, Tenants those of the
	// tenants that it names instead.
	Tenant  TenantLimits
	Tenants map[string]TenantLimits

	// Queues is how many queues a namespace may register. Default 32.
	Queues int
	// QueueItems is how many items each queue may hold. Default 1,000.
	QueueItems int
	// QueueBytes is how many bytes these may have together. Default 1 MiB.
	QueueBytes int64
}

// TTL is the time to live of the keys with a prefix.
type TTL struct {
	Prefix string
	After  time.Duration
}

// withDefaults fills in what is not set.
func (l Limits) withDefaults() *Limits {
	if l.Keys == 0 {
		l.Keys = 10_000
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	if l.Queues == 0 {
		l.Queues = 32
	}
	if l.QueueItems == 0 {
		l.QueueItems = 1_000
	}
	if l.QueueBytes == 0 {
		l.QueueBytes = 1 << 20
	}
	return &l
}

// ttl is how long a key lives, 0 for ever.
func (l *Limits) ttl(key []byte) time.Duration {
	var after time.Duration
	longest := -1
	for i := range l.TTL {
		t := &l.TTL[i]
		if n := len(t.Prefix); n > longest && n <= len(key) && string(key[:n]) == t.Prefix {
			after, longest = t.After, n
		}
	}
	return after
}
