package chain

import (
	"context"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// OnFailure says what becomes of a stream whose filter cannot answer.
type OnFailure uint8

const (
	// Deny refuses the stream. It is the default, and a filter cannot choose
	// otherwise for itself.
	Deny OnFailure = iota
	// Allow goes on without the filter.
	Allow
	// Reload asks a fresh instance once more, in the request-header stage,
	// where nothing of the stream is lost with the old one; then it denies.
	Reload
)

// A Filter is a plugin's place in a chain.
type Filter struct {
	Plugin    *plugin.Plugin
	Match     Match
	OnFailure OnFailure
}

// References finds out what requests name; see package reference.
type References interface {
	// Prefetch finds out what the resource in the request's path is and keeps it
	// in the stream, for a filter that asked for it, in one of the filter's turns:
	// the stream is foreign.Turns, too. It may block.
	Prefetch(context.Context, foreign.Stream)
	// Property is what is known of that resource: the rest of a property's path
	// behind docker.resource. It does not block.
	Property(s foreign.Stream, name string) (string, bool)
}

// A Chain is the filters that every stream of a generation passes. It is
// immutable once the first stream was opened.
type Chain struct {
	Filters []Filter
	// BodyLimit is how many bytes of a body are held for one filter.
	BodyLimit int
	// RecordLimit is how many bytes a record of a stream may have; 0 means
	// record.MinLimit.
	RecordLimit int
	// PauseLimit is how long a filter may hold a stream, all its pauses together.
	PauseLimit time.Duration
	// MinAPIVersion is the lowest API version that a rewritten request may ask for.
	MinAPIVersion string
	// JSON bounds the JSON bodies that filters make.
	JSON dockerapi.JSONLimits
	// CheckTrailer tells why trailers that a filter has changed cannot be sent. Nil
	// knows of no reason but those of any field.
	CheckTrailer func([]abi.Pair) error
	// References finds out what requests name. Nil where nobody does.
	References References
	// BuildKit is the mode in which BuildKit's connections are served, the property
	// docker.buildkit: "deny", "opaque" or "mediated".
	BuildKit string

	pool sync.Pool
}
