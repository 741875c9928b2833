package config

import (
	"fmt"
	"time"
)

// Store says where what filters share is kept.
type Store struct {
	// Dir is the absolute path of the directory that keeps it between starts, "" to
	// keep it in memory only. It is made where it is missing, but for its parent.
	Dir string

	// Sync is the longest time from a change to its being on the disk, which is what
	// a power failure can cost. 0 syncs at once. Default 1 s.
	Sync time.Duration
}

// SharedData bounds what the filters of one vm_id may keep together.
type SharedData struct {
	// Keys is how many keys they may have. Default 10,000.
	Keys int

	// Bytes is how many bytes keys and values may have together. Default 8 MiB.
	Bytes int64

	// TTL is how long keys live after they were last written, by their prefix: the
	// longest that fits counts. A key that none fits lives for ever.
	TTL []TTL
}

// TTL is a time to live.
type TTL struct {
	// Prefix is "" for all keys.
	Prefix string
	// TTL is 0 for keys that live for ever in spite of a shorter prefix.
	TTL time.Duration
}

// SharedQueues bounds the queues of one vm_id.
type SharedQueues struct {
	// Queues is how many there may be. Default 32.
	Queues int

	// Items is how many items each may hold. Default 1,000.
	Items int

	// Bytes is how many bytes these may have together. Default 1 MiB.
	Bytes int64
}

// sharedSettings are the settings of what filters share.
func sharedSettings() []setting {
	return []setting{
		{path: "store.dir", set: func(l *loader, c *Config, v *value) {
			if text, ok := l.text(v, "store.dir"); ok {
				c.Store.Dir = l.resolve(v, text)
			}
		}},
		{path: "store.sync", standard: "1s", set: func(l *loader, c *Config, v *value) {
			c.Store.Sync = l.duration(v, "store.sync", 0, time.Hour)
		}},
		{path: "shared_data.keys", standard: "10000", set: func(l *loader, c *Config, v *value) {
			c.SharedData.Keys = l.integer(v, "shared_data.keys", 1, 10_000_000)
		}},
		{path: "shared_data.bytes", standard: "8MiB", set: func(l *loader, c *Config, v *value) {
			c.SharedData.Bytes = l.bytes(v, "shared_data.bytes", 1<<10, 1<<30)
		}},
		{path: "shared_queues.queues", standard: "32", set: func(l *loader, c *Config, v *value) {
			c.SharedQueues.Queues = l.integer(v, "shared_queues.queues", 1, 1024)
		}},
		{path: "shared_queues.items", standard: "1000", set: func(l *loader, c *Config, v *value) {
			c.SharedQueues.Items = l.integer(v, "shared_queues.items", 1, 1_000_000)
		}},
		{path: "shared_queues.bytes", standard: "1MiB", set: func(l *loader, c *Config, v *value) {
			c.SharedQueues.Bytes = l.bytes(v, "shared_queues.bytes", 1<<10, 1<<30)
		}},
	}
}

// ttlPath is the list of times to live.
const ttlPath = "shared_data.ttl"

// ttls reads the times to live.
func (l *loader) ttls(c *Config) {
	list := l.nested[ttlPath]
	if list == nil {
		return
	}
	seen := map[string]int{}
	for _, item := range list.items {
		var t TTL
		if !l.object(item, "a ttl", fields{
			"prefix": func(v *value) { t.Prefix, _ = l.text(v, "prefix") },
			"ttl":    func(v *value) { t.TTL = l.duration(v, "ttl", 0, 10*365*24*time.Hour) },
		}) {
			continue
		}
		if item.get("ttl") == nil {
			l.fail(item.pos, "a ttl has no ttl", "write it as in {prefix: session/, ttl: 10m}")
		}
		if first, twice := seen[t.Prefix]; twice {
			l.fail(item.pos, fmt.Sprintf("two ttls have the prefix %q", t.Prefix), fmt.Sprintf("the first is on line %d", first))
		}
		seen[t.Prefix] = item.pos.Line
		c.SharedData.TTL = append(c.SharedData.TTL, t)
	}
}

// vmID reads with whom a filter shares.
func (l *loader) vmID(v *value) string {
	text, ok := l.text(v, "vm_id")
	if ok && !filterName.MatchString(text) {
		l.fail(v.pos, fmt.Sprintf("vm_id: %q is not the name of a group of filters", text), "such names are made like filters' names: letters, digits, _ . and -, at most 64 characters")
	}
	return text
}
