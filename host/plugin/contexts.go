package plugin

// Contexts counts the HTTP contexts that are open in the plugin's instances: those of streams that run, and those whose guest asked for more
// time at proxy_on_done. It waits for callbacks that run.
func (p *Plugin) Contexts() int {
	n := 0
	if p.fresh != nil {
		for _, i := range p.fresh.living() {
			n += i.countContexts()
		}
		return n
	}
	for s := range p.shards {
		if i := p.shards[s].instance.Load(); i != nil {
			n += i.countContexts()
		}
	}
	return n
}

func (i *Instance) countContexts() int {
	i.mu.Lock() // not lock: nobody is served here, and nothing is to be put back
	defer i.mu.Unlock()
	return len(i.contexts)
}

// living are the instances that belong to streams now.
func (f *freshSupply) living() []*Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	instances := make([]*Instance, 0, len(f.live))
	for i := range f.live {
		instances = append(instances, i)
	}
	return instances
}
