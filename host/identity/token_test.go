package identity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/identity"
)

func isRoot(segment string) bool { return segment == "containers" || segment == "_ping" }

var everywhere = identity.Carriers{Bearer: true, Header: "X-Sluice-Token", URL: true, IsRoot: isRoot}

// Wherever a token stands, it is found there and is gone afterwards.
func TestATokenIsTakenOutOfTheRequest(t *testing.T) {
	for name, c := range map[string]struct {
		target     string
		fields     string // NAME=VALUE|…
		token      string
		left, kept string
	}{
		"none":                     {"/v1.41/info", "A=1|B=2", "", "/v1.41/info", "A=1|B=2"},
		"bearer":                   {"/v1.41/info", "A=1|Authorization=Bearer secret|B=2", "secret", "/v1.41/info", "A=1|B=2"},
		"bearer in another case":   {"/v1.41/info", "authorization=bEARER  secret ", "secret", "/v1.41/info", ""},
		"a header":                 {"/v1.41/info", "x-sluice-token=secret|B=2", "secret", "/v1.41/info", "B=2"},
		"all fields of the name":   {"/v1.41/info", "X-Sluice-Token=secret|X-Sluice-Token=secret", "secret", "/v1.41/info", ""},
		"the URL":                  {"/secret/v1.41/containers/json?all=1", "A=1", "secret", "/v1.41/containers/json?all=1", "A=1"},
		"the URL, no version":      {"/secret/_ping", "", "secret", "/_ping", ""},
		"the URL, escaped":         {"/se%63ret/v1.41/info", "", "secret", "/v1.41/info", ""},
		"the URL alone":            {"/secret", "", "secret", "/", ""},
		"the URL with a query":     {"/secret?x=1", "", "secret", "/?x=1", ""},
		"the URL and a header":     {"/secret/_ping", "X-Sluice-Token=secret", "secret", "/_ping", ""},
		"what looks like a path":   {"/secret//v1.41/info", "", "secret", "//v1.41/info", ""},
		"a path of the API":        {"/containers/json", "", "", "/containers/json", ""},
		"the same, escaped":        {"/%63ontainers/json", "", "", "/%63ontainers/json", ""},
		"a version":                {"/v1.41/nothing", "", "", "/v1.41/nothing", ""},
		"any version":              {"/v1.41.0./nothing", "", "", "/v1.41.0./nothing", ""},
		"a word like a version":    {"/v1x/nothing", "", "v1x", "/nothing", ""},
		"no path":                  {"*", "", "", "*", ""},
		"an empty segment":         {"//info", "", "", "//info", ""},
		"another scheme":           {"/_ping", "Authorization=Basic c2VjcmV0", "", "/_ping", "Authorization=Basic c2VjcmV0"},
		"a bearer without a token": {"/_ping", "Authorization=Bearer", "", "/_ping", ""},
		"an empty header":          {"/_ping", "X-Sluice-Token=", "", "/_ping", ""},
		"an escape that is none":   {"/se%zzret/_ping", "", "se%zzret", "/_ping", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, target, fields := everywhere.Take(c.target, pairs(c.fields))
			if got.Found != (c.token != "") || got.Found && got.Digest != identity.DigestOf(c.token) || got.Ambiguous {
				t.Errorf("got %+v, want the token %q", got, c.token)
			}
			if target != c.left {
				t.Errorf("the target is %q, want %q", target, c.left)
			}
			if diff := cmp.Diff(pairs(c.kept), fields); diff != "" && len(fields)+len(pairs(c.kept)) > 0 {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTwoTokensThatDifferAreAmbiguous(t *testing.T) {
	for _, c := range []struct{ target, fields string }{
		{"/one/_ping", "X-Sluice-Token=two"},
		{"/one/_ping", "Authorization=Bearer two"},
		{"/_ping", "X-Sluice-Token=one|X-Sluice-Token=two"},
		{"/_ping", "X-Sluice-Token=one|Authorization=Bearer two"},
		{"/one/_ping", "X-Sluice-Token=one|Authorization=Bearer two"},
		{"/_ping", "X-Sluice-Token=one|X-Sluice-Token=two|Authorization=Bearer one"},
	} {
		if got, _, fields := everywhere.Take(c.target, pairs(c.fields)); !got.Ambiguous || len(fields) > 0 {
			t.Errorf("%s %s: got %+v, want it to be ambiguous, and both gone", c.target, c.fields, got)
		}
	}
}

func TestOnlyWhatIsConfiguredCarriesAToken(t *testing.T) {
	const target, fields = "/secret/_ping", "X-Sluice-Token=secret|Authorization=Bearer secret"
	for _, c := range []struct {
		carriers   identity.Carriers
		left, kept string
	}{
		{identity.Carriers{}, target, fields},
		{identity.Carriers{Bearer: true}, target, "X-Sluice-Token=secret"},
		{identity.Carriers{Header: "X-SLUICE-TOKEN"}, target, "Authorization=Bearer secret"},
		{identity.Carriers{URL: true, IsRoot: isRoot}, "/_ping", fields},
	} {
		_, left, kept := c.carriers.Take(target, pairs(fields))
		if left != c.left {
			t.Errorf("%+v: the target is %q, want %q", c.carriers, left, c.left)
		}
		if diff := cmp.Diff(pairs(c.kept), kept); diff != "" {
			t.Errorf("%+v: fields (-want +got):\n%s", c.carriers, diff)
		}
	}
}

func TestTokensAreRandomAndFitEverywhere(t *testing.T) {
	a, b := identity.NewToken(), identity.NewToken()
	if a == b || len(a) != len(b) || len(a) < 43 {
		t.Errorf("got %s and %s", a, b)
	}
	if strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		t.Errorf("%s would have to be escaped", a)
	}
	got, target, fields := everywhere.Take("/"+a+"/v1.41/info", pairs("Authorization=Bearer "+a+"|X-Sluice-Token="+a))
	if got.Digest != identity.DigestOf(a) || got.Ambiguous || target != "/v1.41/info" || len(fields) > 0 {
		t.Errorf("got %+v", got)
	}
	if want := "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; identity.DigestOf("secret").String() != want {
		t.Errorf("the digest of secret: got %s, want %s", identity.DigestOf("secret"), want)
	}
}

// What is left of a request holds no part of a token, whatever the request is.
func FuzzTake(f *testing.F) {
	f.Add("/", "/v1.41/info", "Bearer ")
	f.Add("", "?x", "bearer")
	f.Add("/a/", "", "\tBearer")
	f.Fuzz(func(t *testing.T, before, after, scheme string) {
		const token = "sluice_0123456789"
		got, target, fields := everywhere.Take("/"+token+after, []abi.Pair{{Key: "Authorization", Value: "Bearer " + token}, {Key: "X-Sluice-Token", Value: token}, {Key: "Other", Value: scheme}})
		if len(fields) != 1 || fields[0].Key != "Other" {
			t.Fatalf("left: %+v", fields)
		}
		if (after == "" || after[0] == '/' || after[0] == '?') && (got.Digest != identity.DigestOf(token) || got.Ambiguous || strings.HasPrefix(target, "/"+token) && !strings.HasPrefix(after, "/"+token)) {
			t.Fatalf("after %q: %+v", after, got)
		}
		if target == "" || target[0] != '/' {
			t.Fatalf("the target became %q", target)
		}
		everywhere.Take(before, nil)
	})
}

func pairs(s string) []abi.Pair {
	var p []abi.Pair
	for _, f := range strings.Split(s, "|") {
		if name, value, ok := strings.Cut(f, "="); ok {
			p = append(p, abi.Pair{Key: name, Value: value})
		}
	}
	return p
}
