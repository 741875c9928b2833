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

// Shard is the place of the stream's instance.
func (s *Stream) Shard() int { return s.instance.shard }

// Keeps tells whether the party is heavy.
func (p *Plugin) Keeps(party string) bool {
	p.heavy.mu.Lock()
	defer p.heavy.mu.Unlock()
	_, is := p.heavy.parties[party]
	return is
}

// OthersCame tells whether somebody has come while a party was.
func (p *Plugin) OthersCame() bool {
	p.heavy.mu.Lock()
	defer p.heavy.mu.Unlock()
	return !p.heavy.others.IsZero()
}
