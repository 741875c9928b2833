package host

import (
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/vm"
)

// operatorsMemory is what the filters that are no tenant's take their memory from: what is
// not set aside for tenants'. As a tenant's, it is there twice: new instances have to start
// beside the old ones. Nil has none.
type operatorsMemory struct {
	own   *vm.MemoryPool // of one generation's filters
	all   *vm.MemoryPool // of all generations', own included
	limit uint64         // of own
}

// next is the memory for the filters of the next generation. What those of m have counts in all of them.
func (m *operatorsMemory) next(cfg *config.Config) *operatorsMemory {
	name := "limits.total_memory"
	aside, tenants := cfg.TenantMemory()
	if tenants > 0 {
		name = "what tenants' filters leave of limits.total_memory"
	}
	n := &operatorsMemory{limit: cfg.Limits.TotalMemory - aside}
	if m != nil {
		n.all = m.all
		n.all.SetLimit(max(n.all.Limit(), n.most())) // the one before goes on serving if this one fails
	} else {
		n.all = vm.NewMemoryPool("twice "+name+" for all generations", n.most(), nil)
	}
	n.own = vm.NewMemoryPool(name, n.limit, n.all)
	return n
}

// serve makes the bound that of its generation, which serves now.
func (m *operatorsMemory) serve() { m.all.SetLimit(m.most()) }

// most is what all generations may have, this one the newest. An operator who gives his filters less than they had
// does not have to wait until those of older generations have ended.
func (m *operatorsMemory) most() uint64 {
	if m.all == nil {
		return 2 * m.limit
	}
	return max(2*m.limit, uint64(max(0, m.all.Used()-m.own.Used()))+m.limit)
}

// hasRoom tells whether the filters of one more generation could have all the memory that they may.
func (m *operatorsMemory) hasRoom() bool { return m.all.Check(m.limit) == nil }
