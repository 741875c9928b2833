package chain_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/chain"
)

func TestEveryPropertyIsInTheReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range chain.PropertyNames() {
		if !strings.Contains(string(text), "`"+name+"`") && !strings.HasPrefix(name, "peer.") {
			t.Errorf("host/README.md does not tell of the property %s", name)
		}
	}
}
