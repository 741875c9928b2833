package chain

import (
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
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

// A Chain is the filters that every stream of a generation passes. It is
// immutable once the first stream was opened.
type Chain struct {
	Filters []Filter
	// BodyLimit is how many bytes of a body are held for one filter.
	BodyLimit int
	// PauseLimit is how long a filter may hold a stream.
	PauseLimit time.Duration
	// MinAPIVersion is the lowest API version that a rewritten request may ask for.
	MinAPIVersion string
	// JSON bounds the JSON bodies that filters make.
	JSON dockerapi.JSONLimits

	pool sync.Pool
}
