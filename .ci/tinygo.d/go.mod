// A module of its own, so that TinyGo's dependencies never reach Sluice's go.mod.
// .ci/tinygo builds the compiler from here; go.sum pins every byte of it.
module github.com/sluice-gateway/sluice/.ci/tinygo.d

go 1.26

require github.com/tinygo-org/tinygo v0.41.1
