package host_test

import (
	"slices"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// servedIn are the callbacks that the words in README.md stand for: false for those in which a function does nothing. Of the data that the other table has,
// nothing is said here.
var servedIn = map[string]func(callback string) bool{
	"all": func(string) bool { return true },
	"all, while a module starts and its allocator runs too":        func(string) bool { return true },
	"all; the ticks are the root's":                                func(string) bool { return true },
	"all; a stream's in every callback of a stream":                func(string) bool { return true },
	"all; nothing but in proxy_on_vm_start and proxy_on_configure": func(string) bool { return true },
	"any callback; acts on a stream that is held":                  ofStream,
	"any callback, with a stream's context":                        ofStream,
	"from proxy_on_done until the context is deleted":              func(callback string) bool { return callback == "done" }, // the guest says yes to it
	"in proxy_on_http_call_response and proxy_on_grpc_close":       func(callback string) bool { return callback == "http_call_response" || callback == "grpc_close" },
	"as the root; in every callback of a stream but its first and the last three": func(callback string) bool {
		return !slices.Contains([]string{"context_create", "done", "log", "delete"}, callback)
	},
	"as the table of data says": nil,
}

// ofStream tells whether a callback is for a stream, or about its calls.
func ofStream(callback string) bool {
	return !slices.Contains([]string{"vm_start", "configure", "tick", "queue_ready"}, callback)
}

// holdToContract compares where some use of a function was OK with where README.md says that it serves.
func (u *usesTable) holdToContract(name string, callbacks []string) {
	contract, _ := hostcall.ContractOf(name)
	serves, known := servedIn[contract.Phases]
	if !known {
		u.t.Errorf("%s serves %q, which the test does not know", name, contract.Phases)
	}
	somewhere := false
	for _, callback := range callbacks {
		ok := false
		for i, use := range u.uses {
			ok = ok || use.function == name && u.found[i][callback] == abi.StatusOK
		}
		somewhere = somewhere || ok
		if serves != nil && ok != serves(callback) {
			u.t.Errorf("in %s a use of %s is OK: %t; its contract says that it serves %q", callback, name, ok, contract.Phases)
		}
	}
	if !somewhere {
		u.t.Errorf("no use of %s is OK anywhere", name)
	}
}
