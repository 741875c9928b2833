package foreign_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
)

func echo(c foreign.Call) ([]byte, abi.Status) { return c.Arguments, abi.StatusOK }

func answer(result string, status abi.Status) foreign.Function {
	return func(foreign.Call) ([]byte, abi.Status) { return []byte(result), status }
}

func TestTheGatewaysNamesAreItsOwn(t *testing.T) {
	_, err := foreign.New(map[string]foreign.Function{
		"sluice.resolve": echo, "": echo, "acme.nil": nil, strings.Repeat("n", foreign.MaxNameBytes+1): echo, "acme.echo": echo,
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`"sluice.resolve"`, `function "":`, `"acme.nil" is nil`, `"nnn`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "acme.echo") {
		t.Errorf("the error names a good one: %v", err)
	}
}

func TestTheGatewaysFunctionsCannotBeReplaced(t *testing.T) {
	r, err := foreign.New(map[string]foreign.Function{"acme.echo": echo})
	if err != nil {
		t.Fatal(err)
	}
	r = r.With(map[string]foreign.Function{"sluice.a": echo})
	if got, want := r.Names(), []string{"acme.echo", "compress", "sluice.a", "uncompress"}; !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	for _, name := range []string{"sluice.a", "acme.other"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was registered as the gateway's own", name)
				}
			}()
			r.With(map[string]foreign.Function{name: echo})
		}()
	}
}

// resting notes whether others were let compute.
type resting struct {
	fuel
	rested bool
}

func (r *resting) Rest() { r.rested = true }

// What computes does not leave the processor to others as if it waited.
func TestOthersComputeWhileAFunctionWaits(t *testing.T) {
	r, err := foreign.New(map[string]foreign.Function{"acme.waits": echo})
	if err != nil {
		t.Fatal(err)
	}
	r = r.With(map[string]foreign.Function{
		"sluice.computes": echo,
		"sluice.waits":    func(c foreign.Call) ([]byte, abi.Status) { c.Rest(); return nil, abi.StatusOK },
	})
	for name, want := range map[string]bool{"acme.waits": true, "sluice.waits": true, "sluice.computes": false, "compress": false, "nobody": false} {
		units := &resting{fuel: 1e9}
		r.Call(foreign.Call{Context: t.Context(), Name: name, Fuel: units})
		if units.rested != want {
			t.Errorf("%s: others computed meanwhile: %t, want %t", name, units.rested, want)
		}
	}
}

// A filter must be able to rely on NOT_FOUND: it means that nobody serves the name, and never that an answer is "no".
func TestStatuses(t *testing.T) {
	r, err := foreign.New(map[string]foreign.Function{
		"echo":       echo,
		"confused":   answer("x", abi.StatusNotFound),
		"refuses":    answer("x", abi.StatusBadArgument),
		"tells much": answer(strings.Repeat("x", foreign.MaxResultBytes+1), abi.StatusOK),
		"tells all":  answer(strings.Repeat("x", foreign.MaxResultBytes), abi.StatusOK),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		registry  *foreign.Registry
		name      string
		arguments int
		size      int
		want      abi.Status
	}{
		{nil, "echo", 3, 0, abi.StatusNotFound},
		{r, "nobody", 3, 0, abi.StatusNotFound},
		{r, "echo", 3, 3, abi.StatusOK},
		{r, "echo", 0, 0, abi.StatusOK},
		{r, "echo", foreign.MaxArgumentsBytes, foreign.MaxArgumentsBytes, abi.StatusOK},
		{r, "echo", foreign.MaxArgumentsBytes + 1, 0, abi.StatusBadArgument},
		{r, "confused", 0, 0, abi.StatusInternalFailure},
		{r, "refuses", 0, 0, abi.StatusBadArgument},
		{r, "tells much", 0, 0, abi.StatusInternalFailure},
		{r, "tells all", 0, foreign.MaxResultBytes, abi.StatusOK},
	} {
		result, status := test.registry.Call(foreign.Call{Name: test.name, Arguments: make([]byte, test.arguments)})
		if status != test.want || len(result) != test.size {
			t.Errorf("%s of %d bytes: %d bytes, %v; want %d, %v", test.name, test.arguments, len(result), status, test.size, test.want)
		}
	}
}
