package host_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sluice-gateway/sluice/"

// mayImport is which of our own packages each package may import: the
// architecture, one way. Test files are not bound by it.
var mayImport = map[string][]string{
	"abi":                {},
	"host/address":       {},
	"host/capability":    {"abi"},
	"host/config":        {"host/address", "host/capability", "host/spiffe", "host/trust"},
	"host/dockerapi":     {},
	"host/identity":      {"host/listener", "host/spiffe", "abi"},
	"host/listener":      {"host/address", "host/spiffe"},
	"host/store":         {"host/pieces"},
	"host/metrics":       {"host/capability", "abi"},
	"host/admin":         {},
	"host/wire":          {"abi"},
	"host/trust":         {},
	"host/upstream":      {"host/wire", "abi"},
	"host/spiffe":        {},
	"host/pieces":        {},
	"host/logs":          {},
	"host/vm":            {"host/vm/meter", "host/pieces"},
	"host/vm/meter":      {},
	"host/callout":       {"host/pieces", "abi"},
	"host/hostcall":      {"host/pieces", "abi"},
	"host/foreign":       {"host/dockerapi", "abi"},
	"host/reference":     {"host/foreign", "host/upstream", "host/wire", "host/dockerapi", "abi"},
	"host/plugin":        {"host/logs", "host/capability", "host/vm", "host/hostcall", "host/callout", "host/foreign", "host/store", "host/metrics", "abi"},
	"host/chain":         {"host/pieces", "host/capability", "host/plugin", "host/hostcall", "host/foreign", "host/dockerapi", "host/record", "abi"},
	"host/buildkit":      {"host/logs", "host/buildkit/message", "host/capability", "host/chain", "host/dockerapi", "abi"},
	"host":               {"host/logs", "host/pieces", "host/address", "host/capability", "host/buildkit", "host/foreign", "host/identity", "host/record", "host/store", "host/metrics", "host/admin", "host/reference", "host/config", "host/listener", "host/dockerapi", "host/chain", "host/plugin", "host/callout", "host/upstream", "host/wire", "host/vm", "host/hostcall", "abi"},
	"cmd/sluice":         {"host", "host/admin", "host/config", "host/dockerapi", "host/identity", "host/trust", "cmd/sluice/standin", "filters"},
	"cmd/sluice/standin": {"host/dockerapi"},

	"host/buildkit/message":   {},
	"host/hosttest/menagerie": {},
}

// onlyBy is which packages alone may import a library.
var onlyBy = map[string][]string{
	"github.com/tetratelabs/wazero":       {"host/vm", "host/hostcall"},
	"github.com/knadh/koanf":              {"host/config"},
	"github.com/goccy/go-yaml":            {"host/config"},
	"aead.dev/minisign":                   {"host/trust"},
	"github.com/spf13/cobra":              {"cmd/sluice"},
	"github.com/prometheus/client_golang": {"host/metrics", "host/admin"},
	"net/http":                            {"host/buildkit", "host/callout", "host/admin", "cmd/sluice/standin", "host/bench", "host/hosttest"},
}

func TestImportsGoOneWay(t *testing.T) {
	for path, imports := range listImports(t) {
		name := strings.TrimPrefix(path, module)
		allowed, bound := mayImport[name]
		for _, imported := range imports {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				if bound && !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s, which the architecture does not allow", name, ours)
				}
				if ours == "cmd/sluice" || strings.HasPrefix(ours, "filters/") {
					t.Errorf("%s imports %s, which nobody may", name, ours)
				}
			}
			for library, users := range onlyBy {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && bound && !slices.Contains(users, name) {
					t.Errorf("%s imports %s, which only %s may", name, imported, strings.Join(users, " and "))
				}
			}
		}
	}
	for name := range mayImport {
		if _, ok := listImports(t)[module+name]; !ok {
			t.Errorf("package %s is in the architecture and not in the tree", name)
		}
	}
}

var imported map[string][]string

// listImports asks the go command for the direct imports of all packages,
// without those of their tests.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	if imported != nil {
		return imported
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	imported = make(map[string][]string)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		imported[p.ImportPath] = p.Imports
	}
	return imported
}
