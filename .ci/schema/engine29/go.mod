module github.com/sluice-gateway/sluice/.ci/schema/engine29

go 1.26

require (
	github.com/moby/moby/api v1.56.1
	github.com/sluice-gateway/sluice/.ci/schema v0.0.0
)

require (
	github.com/docker/go-units v0.5.0 // indirect
	github.com/moby/docker-image-spec v1.3.1 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
)

replace github.com/sluice-gateway/sluice/.ci/schema => ../
