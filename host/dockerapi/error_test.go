package dockerapi_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestErrorBodyIsTheEnginesForm(t *testing.T) {
	got := string(dockerapi.ErrorBody(`denied by filter "no-privileged": a < b & c`))
	if want := `{"message":"denied by filter \"no-privileged\": a < b & c"}` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrorBodyIsJSONWhateverTheMessage(t *testing.T) {
	for _, message := range []string{"", "plain", "tab\tnewline\nreturn\r", "\x00\x1f\x7f", `\"`, "grüße 🐳", "\u2028\u2029", "bad \xff\xfe utf8", "cut \xe2\x82"} {
		var got struct{ Message string }
		body := dockerapi.AppendErrorBody([]byte("kept"), message)
		rest, kept := bytes.CutPrefix(body, []byte("kept"))
		if !kept || bytes.ContainsAny(rest[:len(rest)-1], "\n\x00\x1f") {
			t.Errorf("%q became %q", message, body)
		}
		if err := json.Unmarshal(rest, &got); err != nil {
			t.Errorf("%q: %v", message, err)
		}
		if want := strings.ToValidUTF8(message, "\ufffd"); strings.ReplaceAll(got.Message, "\ufffd\ufffd", "\ufffd") != want {
			t.Errorf("%q came back as %q", message, got.Message)
		}
	}
}

func TestRoutesAreACopy(t *testing.T) {
	dockerapi.Routes()[0].Operation = "Broken"
	if got := dockerapi.Routes()[0].Operation; got == "Broken" {
		t.Error("a caller changed the table")
	}
}
