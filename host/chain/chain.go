package chain

import (
	"regexp"
	"slices"
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

// Match limits a filter to some requests. An empty list matches all; within a
// list any entry suffices, and all lists must match.
type Match struct {
	Operations []dockerapi.Operation
	Methods    []string
	Paths      []*regexp.Regexp // on the canonical path with its version, unanchored
}

func (m *Match) matches(method string, call *dockerapi.Call) bool {
	if len(m.Operations) > 0 && !slices.Contains(m.Operations, call.Operation) {
		return false
	}
	if len(m.Methods) > 0 && !slices.Contains(m.Methods, method) {
		return false
	}
	if len(m.Paths) == 0 {
		return true
	}
	return slices.ContainsFunc(m.Paths, func(re *regexp.Regexp) bool { return re.MatchString(call.Path) })
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
