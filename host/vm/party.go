package vm

// Brief is, in units, what a call may use before it computes at length: see lanes.
const Brief = briefUnits

// SetParty changes InstanceOptions.Party, for what follows. It is not called while the
// instance runs.
func (i *Instance) SetParty(name string) { i.party = name }
