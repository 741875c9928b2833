package config

import (
	"cmp"
	"fmt"
	"time"
)

// TenantLimits bounds what the filters of one tenant may use together, those whose
// Filter.Tenant it is, and its clients. What one tenant uses up is missing to no other, and not to
// the operator's own filters.
type TenantLimits struct {
	// CPU is how much they may compute in a second; see Limits.Callback for how that
	// is counted. Default 500 ms.
	CPU time.Duration

	// Memory is how many bytes all instances of all of them may have. It is set aside
	// of Limits.TotalMemory. Default 256 MiB.
	Memory uint64

	// Contexts is how many streams may be open in them, each counted once for each
	// filter that it came to. Default 4096.
	Contexts int

	// Callouts is how many calls to upstreams they may have under way. Default 64.
	Callouts int

	// Resolves is how many questions to the engine they may have under way, about what
	// names mean; further ones wait for a second at most. Default 8.
	Resolves int

	// Held is how many bytes of bodies they may hold, in all streams. Default 64 MiB.
	Held int64

	// SharedKeys and SharedBytes are of the data that they share, in all their
	// vm_ids. Default 10,000 and 8 MiB.
	SharedKeys  int
	SharedBytes int64

	// QueueItems and QueueBytes are of what is in all their queues. Default 10,000 and
	// 8 MiB.
	QueueItems int
	QueueBytes int64

	// Series is how many series of metrics they may define. Default 1000.
	Series int

	// LogLines and LogBytes are what they may log in a second, and five times of it at
	// once. Default 100 and 64 KiB.
	LogLines int
	LogBytes int64

	// Connections is how many connections may be open whose latest request was the
	// tenant's, whether it has filters or not; never more than Limits.Connections, which is the default where
	// there is one tenant; half of it is where there are more.
	Connections int
}

// tenantCrashBudget is the Filter.CrashBudget of a tenant's filter unless it is written.
// Each crash has the gateway start an instance, and write lines; and nobody but the
// tenant misses a filter that does not work.
const tenantCrashBudget = 10

// tenantLimit is one of TenantLimits: its key, its default, and how it is read.
type tenantLimit struct {
	key, standard string
	set           func(l *loader, limits *TenantLimits, v *value, path string)
}

// tenantLimits is the one list of them: as settings of the section tenant_limits they
// are for every tenant, and as keys of a tenant's limits for that one.
var tenantLimits = []tenantLimit{
	{"cpu", "500ms", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.CPU = l.duration(v, path, time.Millisecond, 1024*time.Second)
	}},
	{"memory", "256MiB", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Memory = uint64(l.bytes(v, path, 64<<10, 1<<44))
	}},
	{"contexts", "4096", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Contexts = l.integer(v, path, 1, 1<<20)
	}},
	{"callouts", "64", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Callouts = l.integer(v, path, 1, 1<<16)
	}},
	{"resolves", "8", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Resolves = l.integer(v, path, 1, 1<<16)
	}},
	{"held", "64MiB", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Held = l.bytes(v, path, 1<<10, 1<<40)
	}},
	{"shared_keys", "10000", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.SharedKeys = l.integer(v, path, 1, 10_000_000)
	}},
	{"shared_bytes", "8MiB", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.SharedBytes = l.bytes(v, path, 1<<10, 1<<30)
	}},
	{"queue_items", "10000", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.QueueItems = l.integer(v, path, 1, 10_000_000)
	}},
	{"queue_bytes", "8MiB", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.QueueBytes = l.bytes(v, path, 1<<10, 1<<30)
	}},
	{"series", "1000", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Series = l.integer(v, path, 1, 1_000_000)
	}},
	{"log_lines", "100", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.LogLines = l.integer(v, path, 1, 1_000_000)
	}},
	{"log_bytes", "64KiB", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.LogBytes = l.bytes(v, path, 16<<10, 1<<30)
	}},
	{"connections", "", func(l *loader, limits *TenantLimits, v *value, path string) {
		limits.Connections = l.integer(v, path, 1, 1<<20)
		if all := l.connections; all > 0 && limits.Connections > all {
			l.fail(v.pos, fmt.Sprintf("%s is %s, and there are no more than %d for everybody together", path, v.text, all),
				"raise limits.connections of the whole configuration, or lower this")
		}
	}},
}

const tenantSection = "tenant_limits"

// tenantSettings are the settings of tenant_limits.
func tenantSettings() []setting {
	var settings []setting
	for _, t := range tenantLimits {
		path := tenantSection + delimiter + t.key
		settings = append(settings, setting{path: path, standard: t.standard, set: func(l *loader, c *Config, v *value) {
			t.set(l, &c.TenantLimits, v, path)
		}})
	}
	return settings
}

// halveConnections leaves half of all connections to other tenants, if there are any, where
// nothing is written.
func halveConnections(c *Config) {
	standard := c.Limits.Connections
	if len(c.Tenants) > 1 {
		standard = max(1, standard/2)
	}
	unless := func(written *int) { *written = cmp.Or(*written, standard) }
	unless(&c.TenantLimits.Connections)
	for i := range c.Tenants {
		unless(&c.Tenants[i].Limits.Connections)
	}
}

// limitsOf reads what a tenant's limits differ in from everybody's.
func (l *loader) limitsOf(v *value, limits *TenantLimits) {
	known := fields{}
	for _, t := range tenantLimits {
		known[t.key] = func(v *value) { t.set(l, limits, v, "limits."+t.key) }
	}
	l.object(v, "limits", known)
}

// checkMetricNames refuses filters of two tenants whose metrics would be named alike.
func (l *loader) checkMetricNames(c *Config, f *Filter) {
	if f.Tenant == "" {
		return
	}
	for _, other := range c.Plugins() {
		if other.Tenant == "" || other.Tenant == f.Tenant || metricName(other.Tenant) != metricName(f.Tenant) {
			continue
		}
		l.fail(f.owned.pos, fmt.Sprintf("tenants %q and %q cannot both have filters: their metrics would have the same names", other.Tenant, f.Tenant),
			"names that differ in nothing but _ . and - are one to Prometheus")
		break
	}
}

// metricName is a tenant's name as package metrics writes it before the names of
// series.
func metricName(tenant string) string {
	name := []byte(tenant)
	for i, c := range name {
		if c == '.' || c == '-' {
			name[i] = '_'
		}
	}
	return string(name)
}

// LimitsOf returns the limits of a tenant's filters, by the tenant's name.
func (c *Config) LimitsOf(tenant string) TenantLimits {
	for i := range c.Tenants {
		if c.Tenants[i].Name == tenant {
			return c.Tenants[i].Limits
		}
	}
	return c.TenantLimits
}
