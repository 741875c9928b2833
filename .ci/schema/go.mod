// A module of its own: the generator never reaches Sluice's go.mod, and neither do the Docker modules that it looks into.
module github.com/sluice-gateway/sluice/.ci/schema

go 1.26
