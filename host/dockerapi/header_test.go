package dockerapi_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestCredentialsHaveOneForm(t *testing.T) {
	encode := func(text string) string { return base64.URLEncoding.EncodeToString([]byte(text)) }
	const auth, config = "X-Registry-Auth", "x-registry-CONFIG"
	for _, test := range []struct{ what, name, value, want, message string }{
		{"what the command line sends", auth, encode(`{"username":"u","password":"é~ÿ","serveraddress":"r.example"}`), encode(`{"username":"u","password":"é~ÿ","serveraddress":"r.example"}`), ""},
		{"none", auth, "e30=", "e30=", ""},
		{"nothing", auth, "", "", ""},
		{"null", auth, encode("null"), encode("null"), ""},
		{"another spelling", auth, encode(`{"ServerAddreſs":"evil"}`), encode(`{"serveraddress":"evil"}`), ""},
		{"for several registries", config, encode(`{"R.example":{"USERNAME":"u"},"r.example":{}}`), encode(`{"R.example":{"username":"u"},"r.example":{}}`), ""},
		{"other bits behind the end", auth, "e31=", "e30=", ""},
		{"the other alphabet", auth, base64.StdEncoding.EncodeToString([]byte(`{"username":"u","password":"é~ÿ>?"}`)), "e30=", ""},
		{"without padding", auth, strings.TrimRight(encode(`{"username":"uu"}`), "="), "e30=", ""},
		{"a document, and then none: engines up to 28 use it", auth, encode(`{"serveraddress":"evil"}  `) + "!!!", "e30=", ""},
		{"two documents: engines up to 28 use the first", auth, encode(`{"serveraddress":"evil"}{}`), "e30=", ""},
		{"no JSON", auth, encode("user:password"), "e30=", ""},
		{"a key twice", auth, encode(`{"serveraddress":"good","SERVERADDRESS":"evil"}`), "", `header X-Registry-Auth: at byte 24, "SERVERADDRESS": this key is given before`},
		{"a registry twice", config, encode(`{"r":{},"\u0072":{}}`), "", "this key is given before"},
		{"an array", auth, encode(`[]`), "", "this has to be a JSON object"},
		{"another field", "X-Registry-Other", "!!", "!!", ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			got, err := new(dockerapi.Headers).Canonical(test.name, test.value)
			if test.message != "" {
				if err == nil || !strings.Contains(err.Error(), test.message) {
					t.Errorf("got %q, %v; want the error %q", got, err, test.message)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
			strict := dockerapi.Headers{Limits: dockerapi.JSONLimits{Strict: true}}
			if again, err := strict.Canonical(test.name, got); err != nil || again != got {
				t.Errorf("the canonical form has another: %q, %v", again, err)
			}
		})
	}
	t.Run("the engine would take the first of two", func(t *testing.T) {
		var h dockerapi.Headers
		for i, name := range []string{"X-Registry-Auth", "X-Registry-Config", "x-registry-auth"} {
			_, err := h.Canonical(name, "e30=")
			if refused := err != nil; refused != (i == 2) {
				t.Errorf("field %d, %s: %v", i, name, err)
			}
		}
	})
	t.Run("strict", func(t *testing.T) {
		h := dockerapi.Headers{Limits: dockerapi.JSONLimits{Strict: true}}
		if got, err := h.Canonical("X-Registry-Auth", "!!"); err == nil {
			t.Errorf("what is no base64 became %q", got)
		}
	})
}
