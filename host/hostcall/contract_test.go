package hostcall_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

//go:generate go test -run TestTheTableOfFunctionsIsThatOfTheCode -update

func TestTheTableOfFunctionsIsThatOfTheCode(t *testing.T) {
	for _, name := range hostcall.Names() {
		if _, ok := hostcall.ContractOf(name); !ok {
			t.Errorf("%s has no contract: write it into contract.go", name)
		}
	}
	hosttest.Section(t, "../README.md", "functions", hostcall.Table())
}
