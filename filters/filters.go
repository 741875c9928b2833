// Package filters holds the compiled bundled filters, so that Sluice needs no TinyGo to run them, and says what they do.
//
// The modules are built by build.sh from the folders beside them. SHA256SUMS is the manifest of their digests; CI builds
// them anew and compares.
package filters

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed *.wasm SHA256SUMS
var files embed.FS

// Filter is a bundled filter.
type Filter struct {
	// Name is the filter's name and, with .wasm, its module's.
	Name string
	// Description is one line, for the user of the quickstart.
	Description string
	// Config is the configuration of the quickstart, a JSON object. With it, ordinary work of the docker command line
	// goes through: run, exec, build, cp, logs.
	Config json.RawMessage
	// Optional filters are in the quickstart's configuration as a comment: they change too much of what its user sees, or want
	// more of the configuration than their own.
	Optional bool
}

// Catalog returns the bundled filters in the order of the quickstart's chain: what refuses comes before what changes.
func Catalog() []Filter {
	return []Filter{
		{
			Name:        "request-guard",
			Description: "allows or denies requests by method, operation or path; here it denies joining and leaving a swarm",
			Config:      json.RawMessage(`{"default":"allow","deny":[{"operations":["SwarmInit","SwarmJoin","SwarmLeave"]}]}`),
		},
		{
			Name:        "no-privileged",
			Description: "denies privileged containers, added capabilities, devices, host namespaces and host folders",
			Config:      json.RawMessage(`{"allow_binds":[]}`),
		},
		{
			Name:        "build-guard",
			Description: "allows builds only what is listed: sources, frontends, caches, exporters; here images and files for the client",
			Config:      json.RawMessage(`{"exporters":["moby","image","docker","local","tar"]}`),
			Optional:    true,
		},
		{
			Name:        "external-authz",
			Description: "asks an Open Policy Agent, or a Docker authorization plugin, whether a request may pass; wants upstreams and callouts",
			Config:      json.RawMessage(`{"upstream":"opa"}`),
			Optional:    true,
		},
		{
			Name:        "owner-label",
			Description: "labels the containers, volumes, networks and services that are created; here with sluice.owner=quickstart",
			Config:      json.RawMessage(`{"labels":{"sluice.owner":"quickstart"}}`),
		},
		{
			Name:        "owner",
			Description: "keeps tenants apart: each sees and uses only what was created with his label; here there is one, quickstart",
			Config:      json.RawMessage(`{"owner":"quickstart"}`),
			Optional:    true,
		},
		{
			Name:        "redact-env",
			Description: "takes the values of secret-looking environment variables out of docker inspect",
			Config:      json.RawMessage(`{"names":["(?i)(passw|secret|token|credential|api_?key|private_?key|access_?key)"]}`),
		},
		{
			Name:        "redact-output",
			Description: "takes secrets out of the output of containers; here the keys of two well-known services",
			Config:      json.RawMessage(`{"patterns":["(?:AKIA|ASIA)[0-9A-Z]{16}","gh[pousr]_[0-9A-Za-z]{36}"]}`),
		},
		{
			Name:        "response-headers",
			Description: "changes response headers; here it adds X-Sluice: quickstart",
			Config:      json.RawMessage(`{"set":{"X-Sluice":"quickstart"}}`),
		},
	}
}

// Module returns the compiled module of a filter after comparing it with its digest in the manifest.
func Module(name string) ([]byte, error) {
	code, err := files.ReadFile(name + ".wasm")
	if err != nil {
		return nil, fmt.Errorf("there is no bundled filter %q", name)
	}
	want, err := digest(name)
	if err != nil {
		return nil, err
	}
	if got := sha256.Sum256(code); hex.EncodeToString(got[:]) != want {
		return nil, fmt.Errorf("the bundled filter %q is not the one in SHA256SUMS: run make filters", name)
	}
	return code, nil
}

func digest(name string) (string, error) {
	sums, err := files.ReadFile("SHA256SUMS")
	if err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
		sum, file, _ := strings.Cut(lines.Text(), "  ")
		if file == name+".wasm" {
			return sum, nil
		}
	}
	return "", fmt.Errorf("SHA256SUMS has no line for %s.wasm: run make filters", name)
}
