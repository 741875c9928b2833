// Package metrics counts what a gateway and its filters do, and shows it to
// Prometheus.
//
// Counting is on the path of every request, so it is done by atomic additions of
// our own and not by a library's observers; the library is asked only when
// somebody looks. A [Filter] keeps what one filter's instances count, those of all
// generations: a reload does not begin anew.
//
// # What filters define
//
// A name that a filter gives to proxy_define_metric is the name of a series, with
// what Prometheus does not allow in one replaced by _. Labels can be written
// behind it as Prometheus writes them, requests{method="GET"}, or are taken out of it
// by the configuration's patterns, as Envoy's stats_tags does. The label filter is
// added to all.
//
// What a tenant's filter defines has his name and a colon before it. All series of
// one name are of one type, and so a tenant could otherwise spoil another's.
//
// How many series a filter has is bounded. To define one more is no error, which
// would crash filters of most SDKs and could be brought about by clients; what is
// counted there is shown nowhere, and that it happened is counted and logged.
package metrics
