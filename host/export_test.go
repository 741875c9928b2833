package host

import "time"

// SetBodyTime has JSON bodies whose size was not announced come within another time than 30 s, and all others with it. To be
// called before there are clients.
func (g *Gateway) SetBodyTime(limit time.Duration) { g.bodyTime = limit }

// HeldFor is how many bytes of bodies are held for a tenant's filters and clients, "" for clients that are no tenant's.
func (g *Gateway) HeldFor(tenant string) int64 { return g.current.Load().shared.holder(tenant).Held() }
