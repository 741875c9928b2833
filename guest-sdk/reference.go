package sluice

import (
	"errors"
	"strconv"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// Kind is a kind of thing that a reference can name: what [Request.ResourceKind] returns.
type Kind string

// The kinds that can be resolved.
const (
	Container   Kind = "container"
	Image       Kind = "image"
	Volume      Kind = "volume"
	Network     Kind = "network"
	Exec        Kind = "exec"
	Plugin      Kind = "plugin"
	Service     Kind = "service"
	Task        Kind = "task"
	Node        Kind = "node"
	Secret      Kind = "secret"
	SwarmConfig Kind = "config"
)

// Reference is what the engine made of a reference a moment ago: of a name, an id or its beginning, a link's alias, a tag. It
// is the same for all filters of the stream. Where [Reference.Exists] is false every other method returns the zero value.
type Reference struct {
	s       *stream
	doc     *dockerjson.Document // what the gateway told; an empty document for nothing
	details *dockerjson.Document // the same with HostConfig and Mounts, once it was asked for
	failure error                // what denies the stage, where nothing was told
}

// Resolve asks the engine what a reference names. A filter that judges a name instead of the thing that the engine will act
// upon can be led past: see [Request.Pin] for the name in the path. A reference that is malformed or ambiguous denies the
// stage with status 400, and an engine that does not answer denies it too; one that names nothing does not: see
// [Reference.Exists]. The engine is asked once in a stream, the rest comes from the gateway's memory; all filters together may
// ask for 64 references in a stream.
func (r *Request) Resolve(kind Kind, ref string) *Reference {
	return r.s.resolve("resolve the "+string(kind)+" "+strconv.Quote(ref), "sluice.resolve", arguments(kind, ref, false))
}

// ResolveResource asks what the resource is that the request's path names: Resolve of [Request.ResourceKind] and
// [Request.ResourceID]. Where the path names none, nothing exists. A resource of a kind that cannot be resolved (distribution)
// denies.
func (r *Request) ResolveResource() *Reference {
	if r.ResourceID() == "" {
		return r.s.nothing()
	}
	return r.s.resolve("resolve the request's resource", "sluice.resolve", nil)
}

// Pin is ResolveResource, and makes the request name the resource by its full id. Whoever renames things, or removes them and
// creates others of their name, after the filter has looked, then changes nothing for this request. [Reference.Pinned] tells
// whether that could be done. What is not there denies with status 404, in the engine's words: the engine would say the same,
// or find what somebody creates in this moment. Where the path names no resource (lists, creations, operations that are
// [Unknown]) nothing exists and nothing is denied: these need rules of their own. Pin must be called from the request's
// functions.
func (r *Request) Pin() *Reference {
	if r.ResourceID() == "" {
		return r.s.nothing()
	}
	ref := r.s.resolve("pin the request's resource", "sluice.pin", nil)
	if ref.failure == nil && !ref.Exists() {
		r.s.refuseWith(404, errors.New(ref.Problem()))
	}
	return ref
}

// CallHost calls a function that the program around the gateway offers to filters (host.Options.Functions). A function that is
// not there, or fails, denies the stage; the result is nil then.
func (r *Request) CallHost(function string, arguments []byte) []byte {
	result, _ := r.s.callHost("call "+function, function, arguments)
	return result
}

func arguments(kind Kind, ref string, details bool) []byte {
	text := `{"kind":` + dockerjson.Quote(string(kind)) + `,"ref":` + dockerjson.Quote(ref)
	if details {
		text += `,"details":true`
	}
	return []byte(text + `}`)
}

// callHost calls a function; an error denies the stage.
func (s *stream) callHost(what, function string, arguments []byte) ([]byte, error) {
	result, status := hostapi.CallForeign(function, arguments)
	var err error
	switch status {
	case hostapi.OK:
		return result, nil
	case hostapi.NotFound:
		err = errors.New("this gateway has no function " + function)
	case hostapi.BadArgument:
		err = errors.New("it cannot be done for this request, or not in this stage")
	case hostapi.BrokenConnection:
		err = errors.New("the engine did not answer")
	default:
		err = errors.New("the gateway gave up, with status " + strconv.Itoa(int(status)))
	}
	s.fail(what, err)
	return nil, err
}

func (s *stream) nothing() *Reference { return &Reference{s: s, doc: new(dockerjson.Document)} }

// resolve calls one of the two functions, which answer alike.
func (s *stream) resolve(what, function string, arguments []byte) *Reference {
	ref := s.nothing()
	result, err := s.callHost(what, function, arguments)
	if err != nil {
		ref.failure = err
		return ref
	}
	doc, err := dockerjson.Parse(result)
	if err != nil {
		ref.failure = err
		s.fail(what, err)
		return ref
	}
	ref.doc = doc
	s.documents = append(s.documents, doc)
	if !ref.Exists() && ref.get("problem").Text() != "not_found" {
		s.refuse(errors.New(ref.Problem()))
	}
	return ref
}

func (x *Reference) get(name string) dockerjson.Value { return x.doc.Root().Member(name) }

// Exists tells whether the reference names something.
func (x *Reference) Exists() bool { return x.get("found").Bool() }

// Known tells whether that could be found out. If not, the stage is denied whatever the filter says, and with the reason if it
// allows.
func (x *Reference) Known() bool {
	return x.Exists() || x.failure == nil && x.get("problem").Text() != "bad_reference"
}

// Problem is why nothing exists, in the engine's words; "" when something does, and when nothing was named.
func (x *Reference) Problem() string {
	if x.failure != nil {
		return x.failure.Error()
	}
	return x.get("message").Text()
}

// Kind returns the kind.
func (x *Reference) Kind() Kind { return Kind(x.get("kind").Text()) }

// ID returns the full id; a volume's is its name.
func (x *Reference) ID() string { return x.get("id").Text() }

// Name returns the engine's own name for it, which may be another than the one that it was asked for. It can change.
func (x *Reference) Name() string { return x.get("name").Text() }

// Owner returns the value of the label that the gateway is configured to take for the owner's (owner_label), "" when there is
// none.
func (x *Reference) Owner() string { return x.get("owner").Text() }

// Label returns the value of a label, and whether there is one. An exec has the labels of its container, a task those of its
// service.
func (x *Reference) Label(key string) (string, bool) {
	value := x.get("labels").Member(key)
	return value.Text(), value.IsSet()
}

// Labels returns all labels.
func (x *Reference) Labels() []Pair { return pairsOf(x.get("labels")) }

// Container returns the full id of the container that an exec belongs to.
func (x *Reference) Container() string { return x.get("container").Text() }

// Service returns the id of the service that a task belongs to.
func (x *Reference) Service() string { return x.get("service").Text() }

// Image returns the id of a container's image.
func (x *Reference) Image() string { return x.get("image").Text() }

// Tags returns an image's names with a tag, Digests those with a digest.
func (x *Reference) Tags() []string { return x.get("tags").Texts() }

// Digests returns an image's names with a digest.
func (x *Reference) Digests() []string { return x.get("digests").Texts() }

// TTY tells whether a container or an exec has a terminal.
func (x *Reference) TTY() bool { return x.get("tty").Bool() }

// Running tells whether a container or an exec runs.
func (x *Reference) Running() bool { return x.get("running").Bool() }

// Privileged tells whether an exec was created with extended privileges. A container's rights are in its HostConfig.
func (x *Reference) Privileged() bool { return x.get("privileged").Bool() }

// Driver returns the driver of a volume or a network.
func (x *Reference) Driver() string { return x.get("driver").Text() }

// Option returns an option of a volume or a network, and whether it is there. A volume of the driver local with the option
// device is a mount of the host's.
func (x *Reference) Option(key string) (string, bool) {
	value := x.get("options").Member(key)
	return value.Text(), value.IsSet()
}

// Options returns all options of a volume or a network.
func (x *Reference) Options() []Pair { return pairsOf(x.get("options")) }

// HostConfig returns a container's HostConfig as the engine shows it: what it was given when it was created.
func (x *Reference) HostConfig() dockerjson.Value { return x.detail("host_config") }

// Mounts returns a container's mounts as the engine shows them.
func (x *Reference) Mounts() dockerjson.Value { return x.detail("mounts") }

// Pinned tells, of what [Request.Pin] returned, whether the request names it by its id now. It is false where the operation is
// about the name itself: removing, pushing and saving an image.
func (x *Reference) Pinned() bool { return x.get("pinned").Bool() }

// detail fetches what is long, which the gateway has kept.
func (x *Reference) detail(name string) dockerjson.Value {
	if x.details == nil && x.Exists() {
		x.details = x.s.resolve("resolve the "+string(x.Kind())+" "+x.ID(), "sluice.resolve", arguments(x.Kind(), x.ID(), true)).doc
	}
	if x.details == nil {
		return x.doc.Root().Member(name)
	}
	return x.details.Root().Member(name)
}

func pairsOf(object dockerjson.Value) []Pair {
	members := object.Members()
	if len(members) == 0 {
		return nil
	}
	pairs := make([]Pair, len(members))
	for i, m := range members {
		pairs[i] = Pair{m.Key(), m.Text()}
	}
	return pairs
}
