package abi_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

func TestCallbackShapes(t *testing.T) {
	for _, test := range []struct {
		export  string
		version abi.Version
		params  int
		result  bool
		ok      bool
	}{
		{abi.ExportOnRequestHeaders, abi.V0_2_1, 3, true, true},
		{abi.ExportOnRequestHeaders, abi.V0_2_0, 3, true, true},
		{abi.ExportOnRequestHeaders, abi.V0_1_0, 2, true, true},
		{abi.ExportOnResponseHeaders, abi.V0_1_0, 2, true, true},
		{abi.ExportOnRequestBody, abi.V0_1_0, 3, true, true},
		{abi.ExportOnTick, abi.V0_2_1, 1, false, true},
		{abi.ExportOnHTTPCallResponse, abi.V0_2_1, 5, false, true},
		{"proxy_on_coffee", abi.V0_2_1, 0, false, false},
	} {
		params, result, ok := abi.Callback(test.export, test.version)
		if params != test.params || result != test.result || ok != test.ok {
			t.Errorf("%s of %v: got %d, %v, %v", test.export, test.version, params, result, ok)
		}
	}
}
