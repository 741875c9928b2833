// Package admin answers questions about a gateway by HTTP, on an address of its own:
//
//	/metrics   what Prometheus scrapes
//	/healthz   200 while the process runs
//	/readyz    200 while a configuration is served and the engine answers, else 503 and why
//	/filters   the filters of the current generation, as JSON
//
// It changes nothing, and tells neither what filters are configured with nor what they
// were made of. Nobody is asked who he is, so it belongs on a unix socket or on a
// loopback address.
package admin
