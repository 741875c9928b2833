package host_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// pull asks for an image with these values of X-Registry-Auth.
func pull(t *testing.T, g *hosttest.Gateway, auth ...string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://docker/v1.41/images/create?fromImage=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["X-Registry-Auth"] = auth
	response, err := g.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestCredentialsReachFilterAndEngineInOneForm(t *testing.T) {
	encode := base64.URLEncoding.EncodeToString
	odd, want := encode([]byte(`{"ſerverADDRESS":"r.example"}`)), encode([]byte(`{"serveraddress":"r.example"}`))
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/create", hosttest.JSON(200, "{}"))
	for _, test := range []struct {
		name, filter string
		sent         []string
		status       int
		got, message string
	}{
		{"another spelling", "noop", []string{odd}, 200, want, ""},
		{"given twice", "noop", []string{want, odd}, 400, "", "the header X-Registry-Auth is given more than once"},
		{"by a filter", "add-credentials", nil, 200, "e30=", ""},
		{"a second by a filter", "add-credentials", []string{want}, 500, "", "the header X-Registry-Auth is given more than once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := hosttest.StartGateway(t, engine.Address(), filters(t, test.filter))
			before := len(engine.Requests())
			status, body := pull(t, g, test.sent...)
			if status != test.status || !strings.Contains(body, test.message) {
				t.Fatalf("got %d %s, want %d %s", status, body, test.status, test.message)
			}
			requests := engine.Requests()[before:]
			if test.got == "" {
				if len(requests) > 0 {
					t.Errorf("the engine got %v", requests)
				}
				return
			}
			if got := requests[0].Header.Values("X-Registry-Auth"); len(got) != 1 || got[0] != test.got {
				t.Errorf("the engine got %q, want %q", got, test.got)
			}
		})
	}
}
