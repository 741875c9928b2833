//go:build tools

// Package engine keeps the version of the engine that .ci/engine builds.
package engine

import _ "github.com/moby/moby/v2/cmd/dockerd"
