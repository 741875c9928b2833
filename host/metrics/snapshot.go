package metrics

// Snapshot is what a gateway has at a moment, for the series that are not counted
// but looked up.
type Snapshot struct {
	Generation  uint64
	Retiring    int // old generations that wait for their streams
	Connections int
	Seats       map[string]int // connections by the tenant whose last request was theirs
	Streams     int
	Filters     []FilterSnapshot
	Spaces      []SpaceSnapshot
}

// FilterSnapshot is a filter of the current generation.
type FilterSnapshot struct {
	Name        string
	Tenant      string // "" for the operator's
	Instances   int
	Memory      int64 // bytes, of all instances
	Quarantined bool
}

// SpaceSnapshot is what the filters of one vm_id share.
type SpaceSnapshot struct {
	VMID    string
	Tenant  string
	Keys    int
	Bytes   int64
	Items   int // in all its queues
	Queued  int64
	Refused uint64
}
