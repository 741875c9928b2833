package upstream

import "time"

// SetPatience shortens how long a stalled splice is kept, and returns what puts it back.
func SetPatience(d time.Duration) (restore func()) {
	old := patience
	patience = d
	return func() { patience = old }
}
