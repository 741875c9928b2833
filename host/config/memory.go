package config

import "fmt"

// memoryPage is what WebAssembly counts memory in.
const memoryPage = 64 << 10

// filterMemory reads how much memory each instance of a filter may have.
func (l *loader) filterMemory(v *value, f *Filter) {
	n := l.bytes(v, "memory", memoryPage, 4<<30)
	if n%memoryPage != 0 {
		l.failf(v, "memory is %s, which is no multiple of a Wasm page (64KiB)", v.text)
	}
	f.Memory, f.memory = uint64(n), v
}

// checkMemory gives a filter that says nothing of it the memory of all, and refuses
// one that says more.
func (l *loader) checkMemory(c *Config, f *Filter) {
	if f.memory != nil && f.Memory > c.Limits.Memory {
		l.fail(f.memory.pos, fmt.Sprintf("memory is %s, more than limits.memory, which is %s", f.memory.text, formatBytes(int64(c.Limits.Memory))),
			"raise limits.memory, which is for every filter that does not say less")
	}
	if f.memory == nil {
		f.Memory = c.Limits.Memory
	}
}

// TenantMemory is how much of Limits.TotalMemory is set aside for tenants' filters,
// and for how many tenants.
func (c *Config) TenantMemory() (bytes uint64, tenants int) {
	seen := map[string]bool{}
	for _, f := range c.Plugins() {
		if f.Tenant != "" && !seen[f.Tenant] {
			seen[f.Tenant] = true
			bytes += c.LimitsOf(f.Tenant).Memory
		}
	}
	return bytes, len(seen)
}

// checkTotalMemory refuses to promise more memory than there may be.
func (l *loader) checkTotalMemory(c *Config) {
	aside, tenants := c.TenantMemory()
	if aside <= c.Limits.TotalMemory || l.totalMemory == nil {
		return
	}
	pos := l.totalMemory.pos
	if pos == (Position{}) { // the default
		pos = l.tenantList.pos
	}
	l.fail(pos, fmt.Sprintf("limits.total_memory is %s, and tenant_limits.memory of the tenants with filters, of which there are %d, is %s together",
		formatBytes(int64(c.Limits.TotalMemory)), tenants, formatBytes(int64(aside))),
		"raise limits.total_memory, or lower tenant_limits.memory or a tenant's limits.memory: it is set aside for each")
}
