package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/upstream"
)

// Defaults of Options.
const (
	DefaultTimeout    = 5 * time.Second
	DefaultMaxAnswer  = 8 << 20
	DefaultOwnerLabel = "sluice.owner"
)

// Options tune a Resolver. The zero value is usable.
type Options struct {
	// Timeout is how long one Resolve may take; 0 means 5 s.
	Timeout time.Duration
	// MaxAnswer is the most bytes of an answer that are read; 0 means 8 MiB. More is ErrEngine.
	MaxAnswer int
	// OwnerLabel is the label whose value becomes Reference.Owner; "" means "sluice.owner".
	OwnerLabel string
}

// A Resolver asks one engine. Its methods may be called from any goroutine. It keeps nothing but the engine's API version.
type Resolver struct {
	pool    *upstream.Pool
	options Options
	version atomic.Pointer[string] // of the API that the engine is asked in; nil until it is known
}

// New returns a Resolver that asks over the pool's connections. It does not connect.
func New(pool *upstream.Pool, options Options) *Resolver {
	if options.Timeout <= 0 {
		options.Timeout = DefaultTimeout
	}
	if options.MaxAnswer <= 0 {
		options.MaxAnswer = DefaultMaxAnswer
	}
	if options.OwnerLabel == "" {
		options.OwnerLabel = DefaultOwnerLabel
	}
	return &Resolver{pool: pool, options: options}
}

// Resolve asks the engine what a reference names. It blocks until the engine has answered, at most for Options.Timeout. The error
// is an *Error.
func (r *Resolver) Resolve(ctx context.Context, kind Kind, ref string) (*Reference, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	found, err := r.resolve(ctx, kind, ref)
	if err != nil {
		err.Kind, err.Ref = kind, ref
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && err.Reason == ErrEngine {
			err.Message = "the engine did not answer in time (limits.resolve)"
		}
		return nil, err
	}
	return found, nil
}

func (r *Resolver) resolve(ctx context.Context, kind Kind, ref string) (*Reference, *Error) {
	// In bodies a container's name may have the slash that the engine puts before all names. In a path it cannot.
	name, slashed := ref, false
	if kind == Container {
		name, slashed = strings.CutPrefix(ref, "/")
	}
	found, owned, err := r.inspect(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	if slashed && !strings.Contains(name, "/") && found.Name != name {
		// With its slash the reference is no id and no beginning of one, only a name; and the engine took it for an id.
		return nil, &Error{Reason: ErrNotFound, Message: "No such container: " + clip(ref, 128)}
	}
	if owned.kind != "" {
		// What has no labels of its own has those of what it belongs to.
		owner, _, err := r.inspect(ctx, owned.kind, owned.id)
		if err != nil {
			return nil, &Error{Reason: ErrEngine, Message: fmt.Sprintf("its %s %s: %s", owned.kind, owned.id, err.Message), Err: err.Err, Read: found.Read + err.Read}
		}
		found.Labels = owner.Labels
		found.Read += owner.Read
	}
	found.Owner = found.Labels[r.options.OwnerLabel]
	return found, nil
}

// inspect asks for one thing and reads the answer.
func (r *Resolver) inspect(ctx context.Context, kind Kind, ref string) (*Reference, belonging, *Error) {
	a, err := r.ask(ctx, kind, ref)
	if err != nil {
		return nil, belonging{}, err
	}
	if a.status == 200 {
		found := &Reference{Kind: kind}
		owned, err := readers[kind](a.body, found)
		if err == nil && found.ID == "" {
			err = errors.New("it has no id")
		}
		if err != nil {
			return nil, belonging{}, &Error{Reason: ErrEngine, Message: "the engine's answer cannot be read: " + err.Error(), Err: err, Read: len(a.body)}
		}
		found.Read = len(a.body)
		return found, owned, nil
	}
	refused := a.refusal()
	refused.Read = len(a.body)
	return nil, belonging{}, refused
}

// refusal tells what an answer other than 200 says about the reference.
func (a *answer) refusal() *Error {
	message, ok := a.message()
	e := &Error{Reason: ErrEngine, Message: clip(message, 512)}
	switch {
	case !ok:
		e.Message = fmt.Sprintf("the engine answered with status %d and no message", a.status)
	case a.status == 404 && message != noRoute:
		e.Reason = ErrNotFound
	case a.status == 400 && !isVersionRefusal(message), a.status == 409:
		e.Reason = ErrBadReference
	case a.status == 500 && strings.HasPrefix(message, ambiguousPrefix):
		e.Reason = ErrBadReference // engines up to 20.10 think that this is their own fault
	default:
		e.Message = fmt.Sprintf("the engine answered with status %d: %s", a.status, e.Message)
	}
	return e
}

const (
	// noRoute is the engine's message for a path that it does not know at all, which says nothing about what the path names.
	noRoute = "page not found"
	// ambiguousPrefix begins its message for the beginning of more than one container's id.
	ambiguousPrefix = "Multiple IDs found with provided prefix"
)

// message reads the engine's form of an error.
func (a *answer) message() (string, bool) {
	var refusal struct {
		Message *string `json:"message"`
	}
	if json.Unmarshal(a.body, &refusal) != nil || refusal.Message == nil {
		return "", false
	}
	return *refusal.Message, true
}

// ask sends the request that shows what the reference names. An engine that was exchanged meanwhile, for one that does not know the
// API version, is asked once more.
func (r *Resolver) ask(ctx context.Context, kind Kind, ref string) (*answer, *Error) {
	if readers[kind] == nil {
		return nil, &Error{Reason: ErrBadReference, Message: "there is no such kind of reference"}
	}
	for again := false; ; again = true {
		version, err := r.negotiate(ctx, again)
		if err != nil {
			return nil, &Error{Reason: ErrEngine, Message: err.Error(), Err: err}
		}
		target, err := dockerapi.InspectTarget(string(kind), ref, version)
		if err != nil {
			return nil, &Error{Reason: ErrBadReference, Message: err.Error(), Err: err}
		}
		a, err := r.get(ctx, target)
		if err != nil {
			e := &Error{Reason: ErrEngine, Message: err.Error(), Err: err}
			if large := (*tooLargeError)(nil); errors.As(err, &large) {
				e.Read = large.limit
			}
			return nil, e
		}
		if again || a.status != 400 {
			return a, nil
		}
		if message, _ := a.message(); !isVersionRefusal(message) {
			return a, nil
		}
	}
}
