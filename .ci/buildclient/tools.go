//go:build tools

// Package buildclient keeps what tests need of BuildKit's own code out of the gateway's module: the buildx command, and the program that
// writes the schema of its messages.
package buildclient

import _ "github.com/docker/buildx/cmd/buildx"
