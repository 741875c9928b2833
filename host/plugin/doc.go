// Package plugin runs one configured filter: its module, its configuration and
// the instances that serve it.
//
// A [Plugin] owns a few [Instance]s of one module. Each instance has a root
// context, started with the plugin's configuration, and any number of HTTP
// contexts. An HTTP context is opened with [Plugin.Open] and keeps to the
// instance that created it (affinity). The instance's lock is held for one
// callback and never for a whole stream, so that an endless `docker logs -f`
// occupies nobody.
//
// A trap costs the instance: it is never entered again, the callbacks of its
// other streams answer [ErrInstanceLost] (package chain brings some of them
// before another instance), and a replacement is started in the
// background, at once for the first few crashes and with growing pauses when
// they go on.
package plugin
