package plugin

import "time"

// enough is what there is in a till.
const enough = 1 << 50

// Till puts more into the tenant's allowance than anybody uses up, and nothing comes in from then
// on: so that tests and benchmarks see what is paid. Spent is that.
func (t *Tenant) Till() {
	t.cpu.mu.Lock()
	defer t.cpu.mu.Unlock()
	t.cpu.level, t.cpu.since = enough, time.Now().Add(1000*time.Hour)
}

// Spent is what was taken out since Till.
func (t *Tenant) Spent() int64 {
	t.cpu.mu.Lock()
	defer t.cpu.mu.Unlock()
	return enough - t.cpu.level
}
