// Package config turns YAML files, environment variables and flags into one
// typed, immutable Config.
//
// Sources, later ones win: built-in defaults, the files in the order given,
// SLUICE_… environment variables, command-line flags. Scalars are merged by
// koanf. The lists (listeners, filters) and everything that names filters
// come from files only and from one file each, so that nothing outside the
// files can replace the chain, and no second file can replace it in silence.
//
// Reading is strict. A Config either is complete and was checked, or Load
// returns a *Failure: every problem found in all sources, each with its file, line
// and column, sorted by place.
package config

import (
	"os"
	"regexp"
	"time"

	"github.com/sluice-gateway/sluice/host/capability"
)

// Config is one complete configuration of the gateway. It is built by Load and
// never changes afterwards; it may be shared between goroutines. Nobody may
// write to it or to what it refers to.
type Config struct {
	// Upstream is where the engine listens: unix:///absolute/path or
	// tcp://host:port. Default unix:///var/run/docker.sock.
	Upstream string

	// Listeners is where clients connect. At least one, no two alike.
	Listeners []Listener

	// Tenants are those who are served, in the order in which they are looked
	// through. Empty: everybody is, and belongs to no tenant.
	Tenants []Tenant

	// Tokens says where a request may carry a token.
	Tokens Tokens

	// Upstreams are the services that filters may call. The Docker Engine is among
	// them, as DockerUpstream, where a filter may call it or an entry says so.
	Upstreams []Upstream

	// Filters is the chain in its order: those of the filters list, then those
	// of FiltersDir by number. Empty means that everything passes.
	Filters []Filter

	// Services are the plugins of kind service: they see no request, and run once,
	// for ticks and queues. In the order in which they are written; of the Filter's
	// fields, OnFailure, Match, Stages, Instances and Isolation mean nothing.
	Services []Filter

	// FiltersDir is the absolute path of the directory that modules are dropped
	// into, "" for none.
	FiltersDir string

	// MinAPIVersion is the lowest API version, MAJOR.MINOR, that a request's
	// path may ask for. Older ones let a start carry a configuration of its own.
	// Default "1.24".
	MinAPIVersion string

	// OwnerLabel is the key of the label whose value says who owns a container,
	// an image, a volume, … . Default "sluice.owner".
	OwnerLabel string

	// JSON says what happens to a JSON body whose keys are not in the API's
	// spelling: it is rewritten to it (JSONRewrite, the default), or refused
	// (JSONStrict).
	JSON string

	// BuildKit is about BuildKit's connections.
	BuildKit BuildKit

	Limits Limits
	// TenantLimits is what the filters of a tenant may use that says nothing of it
	// itself; see LimitsOf.
	TenantLimits TenantLimits

	Log    Log
	Reload Reload

	Store        Store
	SharedData   SharedData
	SharedQueues SharedQueues
	Metrics      Metrics
	Admin        Admin

	// CacheDir is the absolute path of the directory that keeps compiled
	// modules between starts, "" to keep them in memory only.
	CacheDir string

	// Watch lists, sorted and absolute, every file and directory that this
	// Config was made from: configuration files, filters_dir, modules, their
	// side files, TLS files, and where symbolic links among them lead. A change
	// in any of them, or in the directory of any of them, may change the result
	// of the next Load.
	Watch []string

	digest string
}

// Listener is one address that clients connect to.
type Listener struct {
	// Address is unix:///absolute/path or tcp://host:port.
	Address string

	// Mode is the permission of a unix socket's file. Default 0660.
	Mode os.FileMode

	// Owner and Group of a unix socket's file: a name or a number, "" to leave
	// what the process creates.
	Owner, Group string

	// TLS is nil for a plain listener. For tcp:// only.
	TLS *TLS

	// Insecure says that an address other hosts can reach may serve clients
	// that prove no identity: neither by a TLS client certificate, nor by a token
	// that all tenants ask for there, and that TLS protects. Whoever reaches the
	// Docker API is root on its host, so it has to be said in words.
	Insecure bool

	// Hosts are further names, in lower case, by which clients may call a TCP
	// listener in their Host field: a name, "*." and a name for one label more, or
	// "*" for any.
	Hosts []string

	// AllowedOrigins are the origins, in lower case, whose pages may use a TCP
	// listener from a browser, as scheme://host or scheme://host:port.
	AllowedOrigins []string

	// Pos is where the listener is written.
	Pos Position

	at Position // of its address
}

// TLS names the PEM files of a TLS listener by their absolute paths.
type TLS struct {
	// Cert is the certificate chain, leaf first; Key its private key.
	Cert, Key string

	// ClientCA holds the authorities that a client's certificate must come
	// from; "" asks clients for none.
	ClientCA string

	// Names are the DNS names of the certificate in Cert.
	Names []string
}

// Filter is one place in the chain, or a service.
type Filter struct {
	// Name is unique among filters and services.
	Name string

	// Kind is KindFilter, or KindService for those of Config.Services.
	Kind string

	// Tenant is whose filter it is, a name of Config.Tenants; "" for the operator's
	// own. A tenant's filter is called for its tenant's requests only, and shares
	// data and queues with no other tenant's.
	Tenant string `json:",omitempty"`

	// Module is the absolute path of the Wasm file, Code its content when the
	// configuration was loaded. Filters of one file share their Code.
	Module string
	Code   []byte

	// Problem is why the module cannot serve, with Options.Quarantine and for a tenant's
	// filter only: it cannot be read, or is not trusted. There is no Code then. Nil as a
	// rule.
	Problem *Error `json:",omitempty"`

	// Config is what the filter gets as its plugin configuration. {} when none was
	// written.
	Config Payload

	// VMConfig is what the filter gets as its VM configuration, before that; nothing
	// when none was written.
	VMConfig Payload `json:",omitempty"`

	// OnFailure says what happens to a stream whose filter traps, runs too long
	// or cannot be reached: "deny" (default), "allow" or "reload".
	OnFailure string

	// CrashBudget is how often the filter may crash in a minute before it is in
	// quarantine: for five minutes it is not asked, and OnFailure decides. 0 is any
	// number, and the default of the operator's filters; that of a tenant's is 10.
	CrashBudget int

	// CPU is how much the filter may compute in a second, all its instances together;
	// see Limits.Callback for how that is counted. 0, the default, does not bound it.
	CPU time.Duration

	// Memory is how many bytes of memory each of its instances may have. Default
	// Limits.Memory, and no more.
	Memory uint64

	// Match limits the filter to some requests.
	Match Match

	// Stages limits the filter to some of StageNames, in their order; empty
	// means all that the module exports.
	Stages []string

	// Instances is how many instances run side by side, or with IsolationStream are
	// started in advance. 0 means GOMAXPROCS.
	Instances int

	// Isolation says whether streams share instances (IsolationShared, the default),
	// or each has a fresh one (IsolationStream).
	Isolation string

	// VMID says with whom the filter shares data and queues: with all of the same
	// Tenant that have the same. Default its own name, and so nobody.
	VMID string

	// Signed is what the module's signature says, nil for a module that was not
	// asked for one and has none.
	Signed *Signed `json:",omitempty"`

	// Callouts names the Upstreams that the filter may call. Empty means none.
	Callouts []string

	// Capabilities are what the filter may do. Where none are written, that is
	// everything for the operator's own, and nothing for a tenant's. Callouts are
	// among them.
	Capabilities capability.Set

	// Pos is where the filter is written; for one out of filters_dir its file.
	Pos Position

	digest  string
	origin  origin
	kind    kindKeys
	owned   *value // the key tenant
	granted grantKeys
	memory  *value // where Memory is written
	// budgeted says that CrashBudget is written.
	budgeted bool
	unread   *Error // why there is no module
}

// Digest identifies what the filter is: all that is written of it, and its module. Two
// filters of equal Digest, in configurations of equal limits, run the same.
func (f *Filter) Digest() string { return f.digest }

// Match says which requests a filter is for. An empty kind matches everything;
// within a kind any entry suffices; all kinds must match.
type Match struct {
	// Operations are Docker's operation ids: ContainerCreate. Without any, a filter
	// is for all but SystemPing and SystemPingHead, which have to be named.
	Operations []string

	// Methods are HTTP methods in upper case.
	Methods []string

	// Paths are matched against the canonical path, anywhere in it unless the
	// expression is anchored.
	Paths []*regexp.Regexp

	// Tenants are names of Config.Tenants.
	Tenants []string
}

// Limits bounds what one request, one connection or one filter may use.
type Limits struct {
	// Body is how many bytes of a body are held for a filter that wants it
	// whole; a longer one is refused with 413. Default 16 MiB.
	Body int64

	// Record is how many bytes one record of a stream may have, for filters that
	// ask for records: a JSON value with its line, a frame's payload. A JSON value
	// that is longer ends the stream, a frame is given in parts. Default 1 MiB.
	Record int

	// Head is how many bytes a request's or a response's head may have.
	// Default 1 MiB.
	Head int

	// Memory is how many bytes of memory one instance of a filter may have,
	// a multiple of 64 KiB. Default 64 MiB.
	Memory uint64

	// FilterMemory is how many bytes all instances of one filter may have together.
	// Default 1 GiB.
	FilterMemory uint64

	// TotalMemory is how many bytes all instances of all filters may have together.
	// TenantLimits.Memory of each tenant that has filters is set aside of it; the
	// operator's filters have the rest between them. Default 4 GiB.
	TotalMemory uint64

	// Callback is how much one callback of a filter may compute, as the time that
	// it takes at most. It is counted in instructions (one for a nanosecond), so
	// that a busy machine ends no callback early; loops are over in a half to a
	// seventh of it. Default 100 ms.
	Callback time.Duration

	// Stream is how much one filter may compute for one stream, counted as Callback
	// is, in all its callbacks together, and for a stream that lasts in each minute.
	// Default 2 s.
	Stream time.Duration

	// Start is how long a start or a reload waits for tenants' filters, all of them
	// together, to start: one that has not by then is in service when it has. Wall
	// time, and default 5 s.
	Start time.Duration

	// Pause is how long a filter may hold a stream that it paused, all its pauses
	// together. Default 30 s.
	Pause time.Duration

	// Instances is how many instances a filter of IsolationStream may have at a
	// time, that is how many streams it serves. Of one that serves several tenants a
	// tenant gets another only while it has fewer than are free. Default 512.
	Instances int
	// Resolve is how long the engine may take, for all filters of one request
	// together, to say what the names in it refer to; a filter that is told
	// nothing denies. Default 5 s.
	Resolve time.Duration

	// Callouts is how many calls to upstreams one filter may have under way at a
	// time, in all its instances, those of older generations with them as long as
	// nothing of it changes. Default 64.
	Callouts int

	// StreamCallouts is how many of them one stream may have. Default 16.
	StreamCallouts int

	// LogLines and LogBytes are what one filter may log in a second, and five times of
	// it at once. Default 100 and 64 KiB.
	LogLines int
	LogBytes int64

	// Tick is the shortest period of a filter's ticks: one that asks for less gets
	// this. Default 10 ms.
	Tick time.Duration

	// Connections is how many client connections may be open at a time, on all
	// listeners together. Default 4096.
	Connections int
}

// Log says what is logged, and how.
type Log struct {
	// Level is the least severe level that is written: "debug", "info"
	// (default), "warn" or "error".
	Level string

	// Format is "text" (default) or "json".
	Format string
}

// Reload says how changes of the configuration reach a running gateway.
type Reload struct {
	// Watch reloads when a file of Config.Watch changes. Default true; SIGHUP
	// reloads either way.
	Watch bool

	// Debounce is how long the files must be quiet before a reload begins. Where
	// they are not, it begins after ten times as long, or a second longer than
	// this if that is more. Default 200 ms.
	Debounce time.Duration

	// Drain is how long streams that began with an old generation may go on
	// before it is closed under them, and how long a shutdown waits for streams.
	// Default 30 s.
	Drain time.Duration

	// Poll is how often the files are compared where change notifications may
	// be missing. 0 switches polling off. Default 10 s.
	Poll time.Duration
}

// The kinds of plugins.
const (
	KindFilter  = "filter"  // a place in the chain
	KindService = "service" // one of Config.Services
)

// The values of Filter.OnFailure.
const (
	OnFailureDeny   = "deny"
	OnFailureAllow  = "allow"
	OnFailureReload = "reload"
)

// The values of Filter.Isolation.
const (
	IsolationShared = "shared"
	IsolationStream = "stream"
)

// The values of Config.JSON.
const (
	JSONRewrite = "rewrite"
	JSONStrict  = "strict"
)

// The stages that Filter.Stages may name.
const (
	StageRequestHeaders  = "request_headers"
	StageRequestBody     = "request_body"
	StageResponseHeaders = "response_headers"
	StageResponseBody    = "response_body"
	// What the client and the engine say on a connection that has left HTTP.
	StageDownstreamData = "downstream_data"
	StageUpstreamData   = "upstream_data"
	// What comes behind a chunked body. Named, they change what the last call with
	// the body is told.
	StageRequestTrailers  = "request_trailers"
	StageResponseTrailers = "response_trailers"
)

// StageNames returns the names of all stages: those that a filter is called at by
// itself first, and then those that it has to ask for.
func StageNames() []string {
	return []string{StageRequestHeaders, StageRequestBody, StageResponseHeaders, StageResponseBody, StageDownstreamData, StageUpstreamData, StageRequestTrailers, StageResponseTrailers}
}

// Digest identifies the content of the configuration: its settings, the bytes
// of its modules and of its TLS files. Two Configs of equal Digest behave alike.
// It does not cover where things are written (positions, comments).
func (c *Config) Digest() string { return c.digest }
