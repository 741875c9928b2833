// Package identity says who a client is, and which tenant a request belongs to.
//
// A [Client] is what is known of the other end of a connection: the process of a
// unix socket with its groups and its container, or a TLS client's certificate.
// What costs something to find out is found out when somebody asks.
//
// [Tenants] chooses the tenant of a request by the client and by the token that
// the request carries; [Carriers] finds that token and takes it out of the
// request, before a filter, the engine or the log gets to see it. A [Guard] turns
// away what a browser sends on behalf of somebody else's page.
package identity
