package filtertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/reference"
)

// Reference is a thing that there is in the engine of a case, for filters that resolve references. It is found by its id, the
// beginning of its id, its name, tags, digests and aliases.
type Reference struct {
	Kind sluice.Kind
	// ID may be left empty: then it is 64 digits that depend on the kind and the name; of a volume it is the name.
	ID   string
	Name string
	// Aliases are further names: "allowed/al" for what a container of the name allowed links to as al.
	Aliases []string
	Labels  map[string]string
	// Owner is the value of the label sluice.owner when it is left empty.
	Owner string
	// Container and Service are what an exec and a task belong to.
	Container, Service string
	Image              string
	Tags, Digests      []string
	TTY                bool
	Running            bool
	Privileged         bool
	Driver             string
	Options            map[string]string
	// HostConfig and Mounts of a container are JSON.
	HostConfig, Mounts string
}

// id is the reference's id.
func (r *Reference) id() string {
	switch {
	case r.ID != "":
		return r.ID
	case r.Kind == sluice.Volume:
		return r.Name
	}
	sum := sha256.Sum256([]byte(string(r.Kind) + " " + r.Name))
	return hex.EncodeToString(sum[:])
}

// named tells whether ref is the thing's id or one of its names.
func (r *Reference) named(ref string) bool {
	return ref == r.id() || ref == r.Name || slices.Contains(r.Aliases, ref) || slices.Contains(r.Tags, ref) || slices.Contains(r.Digests, ref)
}

// things are a case's engine, as far as references go.
type things struct {
	all    []Reference
	silent bool
}

// Resolve implements reference.Source.
func (x things) Resolve(_ context.Context, kind reference.Kind, ref string) (*reference.Reference, error) {
	problem := func(reason error, message string) error {
		return &reference.Error{Kind: kind, Ref: ref, Reason: reason, Message: message}
	}
	if x.silent {
		return nil, problem(reference.ErrEngine, "the engine of this case does not answer")
	}
	if ref == "" {
		return nil, problem(reference.ErrBadReference, "the reference is empty")
	}
	if kind == reference.Container {
		ref = strings.TrimPrefix(ref, "/")
	}
	var found []*Reference
	for i := range x.all {
		r := &x.all[i]
		if string(r.Kind) != string(kind) {
			continue
		}
		if r.named(ref) {
			return r.resolved(), nil
		}
		if kind != reference.Volume && kind != reference.Exec && strings.HasPrefix(strings.TrimPrefix(r.id(), "sha256:"), ref) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, problem(reference.ErrNotFound, "No such "+string(kind)+": "+ref)
	case 1:
		return found[0].resolved(), nil
	}
	return nil, problem(reference.ErrBadReference, "Multiple IDs found with provided prefix: "+ref)
}

func (r *Reference) resolved() *reference.Reference {
	owner := r.Owner
	if owner == "" {
		owner = r.Labels[reference.DefaultOwnerLabel]
	}
	raw := func(text string) json.RawMessage {
		if text == "" {
			return nil
		}
		return json.RawMessage(text)
	}
	return &reference.Reference{
		Kind: reference.Kind(r.Kind), ID: r.id(), Name: r.Name, Labels: r.Labels, Owner: owner, Container: r.Container, Service: r.Service,
		Image: r.Image, Tags: r.Tags, Digests: r.Digests, TTY: r.TTY, Running: r.Running, Privileged: r.Privileged,
		Driver: r.Driver, Options: r.Options, HostConfig: raw(r.HostConfig), Mounts: raw(r.Mounts),
	}
}

// Resolve implements reference.Source: the case that is being played knows.
func (p *played) Resolve(ctx context.Context, kind reference.Kind, ref string) (*reference.Reference, error) {
	return p.things.Resolve(ctx, kind, ref)
}

// played is the gateway's foreign functions, of which a case decides what they find.
type played struct {
	things     things
	references *reference.Functions
	functions  *foreign.Registry
	services   *services
}

func newPlayed(own map[string]foreign.Function) (*played, error) {
	registry, err := foreign.New(own)
	if err != nil {
		return nil, err
	}
	p := &played{}
	p.references = reference.NewFunctions(p, 0, nil)
	p.functions = registry.With(p.references.Own())
	return p, nil
}

// begin makes a case's things those that are found.
func (p *played) begin(t *testing.T, c Case) {
	p.things = things{all: c.References, silent: c.EngineSilent}
	p.services.begin(t, c)
}
