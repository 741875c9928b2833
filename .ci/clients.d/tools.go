//go:build tools

// Package clients keeps the versions of the commands that .ci/clients builds.
package clients

import (
	_ "github.com/docker/buildx/cmd/buildx"
	_ "github.com/docker/cli/cmd/docker"
	_ "github.com/docker/compose/v2/cmd"
)
