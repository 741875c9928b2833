# Everything a developer does here. `make run` and `make test` need Go alone (and, as root on Debian, the second fetches a Docker Engine);
# `filters` and `guests` need compilers, whose results are committed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The checkers run at these versions by `go run`, apart from the gateway's own module: what a linter depends on is not what users build.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOFUMPT     := mvdan.cc/gofumpt@v0.9.2

# Go code that begins with a dot is not part of ./... .
PACKAGES := ./... ./.ci/testsum
FUZZTIME := 10s

.PHONY: help
help: ## show these lines
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s $$'\t'

.PHONY: build
build: ## build bin/sluice
	go build -o bin/sluice ./cmd/sluice

.PHONY: run
run: build ## build Sluice and start it with the bundled filters before the local Docker Engine, or before a stand-in
	exec bin/sluice quickstart

.PHONY: test
test: ## all tests with the race detector, on a real Docker Engine when one is there or can be started
	@.ci/test

.PHONY: test-long
test-long: ## the tests that take long, beside all others: minutes of silence, gigabytes
	@TEST_TIMEOUT=2h .ci/test -tags long ./...

.PHONY: test-engines
test-engines: ## the end-to-end tests on newer engines (26, 28, 29), unpacked and built for it; as root
	@.ci/test-engines

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	@packages=$$(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u)
	for package in $$packages; do
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do
			echo "== $$package $$target"
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"
		done
	done

.PHONY: bench
bench: ## the request path against haproxy, nginx and ReverseProxy, as ratios (under 3 minutes)
	go run ./host/bench

.PHONY: bench-fair
bench-fair: ## what a tenant keeps of a gateway while another one's filter or clients attack, as ratios (a quarter of an hour; ONLY='flood|clients' for some)
	go run ./host/bench -fair -connections 8 -rounds 3 -slice 250ms -only '$(value ONLY)'

.PHONY: bench-bills
bench-bills: ## what attacks cost the gateway in processor time, and what their tenant is charged (5 minutes; ONLY='flood|storm' for some)
	go run ./host/bench -bills -connections 8 -slice 700ms -only '$(value ONLY)'

.PHONY: bench-engine
bench-engine: ## the benchmarks of the Wasm engine and the codecs; compare two runs with benchstat
	go test -run '^$$' -bench . -benchmem ./abi/... ./host/...

.PHONY: filters
filters: ## compile the bundled filters with TinyGo
	filters/build.sh

.PHONY: guests
guests: ## make the test guests anew with wat2wasm, TinyGo and AssemblyScript
	.ci/guests

.PHONY: lint
lint: ## go vet, staticcheck, gofumpt, go.mod
	@go vet $(PACKAGES)
	go run $(STATICCHECK) $(PACKAGES)
	unformatted=$$(git ls-files --cached --others --exclude-standard -- '*.go' | xargs go run $(GOFUMPT) -l)
	if [[ -n $$unformatted ]]; then echo "not formatted with gofumpt:"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff

.PHONY: format
format: ## gofumpt -w on everything
	git ls-files --cached --others --exclude-standard -- '*.go' | xargs go run $(GOFUMPT) -w

.ONESHELL:
