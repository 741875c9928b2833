package trust_test

import (
	"crypto/rand"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"github.com/sluice-gateway/sluice/host/trust"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func key(t *testing.T, name string) trust.Key {
	t.Helper()
	k, err := trust.ParseKey(string(read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The files in testdata were made by minisign 0.11.
func TestSignaturesOfMinisignAreUnderstood(t *testing.T) {
	keys := []trust.Key{key(t, "other.pub"), key(t, "sluice.pub")}
	module := read(t, "module.wasm")
	for _, name := range []string{"module.wasm.minisig", "legacy.minisig"} {
		got, err := trust.Verify(keys, module, read(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := trust.Statement{Name: "no-privileged", Version: trust.Version{1, 2, 0}, Digest: sha256.Sum256(module), Key: "0AE8240EB62712D0"}
		if got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestMinisignUnderstandsOurSignatures(t *testing.T) {
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Skip("no minisign on this machine; the other direction is tested against its files")
	}
	signer, err := trust.ParseSigner(read(t, "sluice.key"), "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	module := filepath.Join(dir, "m.wasm")
	if err := os.WriteFile(module, []byte("\x00asm whatever"), 0o600); err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign([]byte("\x00asm whatever"), "m", trust.Version{0, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(module+".minisig", signature, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-V", "-m", module, "-P", signer.Public()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "name=m version=0.1.0") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhatIsNotSignedRightIsNotBelieved(t *testing.T) {
	module := read(t, "module.wasm")
	good := string(read(t, "module.wasm.minisig"))
	_, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own, err := trust.ParseKey(private.Public().(minisign.PublicKey).String())
	if err != nil {
		t.Fatal(err)
	}
	keys := []trust.Key{key(t, "sluice.pub"), own}
	says := func(comment string) string {
		return string(minisign.SignWithComments(private, module, comment, ""))
	}
	digest := trust.Statement{Name: "a", Version: trust.Version{1, 0, 0}, Digest: sha256.Sum256(module)}.String()
	digest = digest[strings.Index(digest, "sha256="):]
	for _, c := range []struct {
		name, module, signature, want string
		keys                          []trust.Key
	}{
		{name: "another module", module: string(module) + "\x00", signature: good, want: "does not fit the module"},
		{name: "another comment", signature: strings.Replace(good, "1.2.0", "1.3.0", 1), want: "does not fit the module"},
		{name: "a key that is not trusted", signature: good, keys: []trust.Key{own}, want: "none of the trusted ones"},
		{name: "no key at all", signature: good, keys: []trust.Key{}, want: "none of the trusted ones"},
		{name: "minisign's own comment", signature: string(read(t, "plain.minisig")), want: `does not begin with "sluice"`},
		{name: "no version", signature: says("sluice name=a " + digest), want: "says no version="},
		{name: "two names", signature: says("sluice name=a name=b version=1.0.0 " + digest), want: "each once"},
		{name: "an unknown fact", signature: says("sluice name=a version=1.0.0 x=y " + digest), want: "x="},
		{name: "two spaces", signature: says("sluice name=a  version=1.0.0 " + digest), want: "each once"},
		{name: "a bad version", signature: says("sluice name=a version=1.0 " + digest), want: "MAJOR.MINOR.PATCH"},
		{name: "the digest of another", signature: says("sluice name=a version=1.0.0 sha256=" + strings.Repeat("0", 64)), want: "digest of another module"},
		{name: "nothing", signature: "", want: "not one of minisign"},
		{name: "far too much", signature: strings.Repeat("x", trust.MaxSignature+1), want: "more than a signature can have"},
		{name: "binary", signature: "\x00\x01\n\x02\n\x03\n\x04", want: "not one of minisign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, trusted := module, keys
			if c.module != "" {
				m = []byte(c.module)
			}
			if c.keys != nil {
				trusted = c.keys
			}
			got, err := trust.Verify(trusted, m, []byte(c.signature))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if got != (trust.Statement{}) {
				t.Errorf("%v was believed", got)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for _, bad := range []string{"", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.03", "1.2.-3", "1.2.3-rc1", "1.2.4294967296", "1..2"} {
		if v, err := trust.ParseVersion(bad); err == nil {
			t.Errorf("%q was read as %v", bad, v)
		}
	}
	ordered := []string{"0.0.1", "0.0.10", "0.2.0", "0.10.0", "1.0.0", "10.0.0"}
	for i := 1; i < len(ordered); i++ {
		older, _ := trust.ParseVersion(ordered[i-1])
		newer, _ := trust.ParseVersion(ordered[i])
		if older.Compare(newer) >= 0 || newer.Compare(older) <= 0 || newer.Compare(newer) != 0 || newer.String() != ordered[i] {
			t.Errorf("%s is not newer than %s", newer, older)
		}
	}
}

// What is read back is what was said, and nothing makes the reader panic.
func FuzzVerify(f *testing.F) {
	module, _ := os.ReadFile("testdata/module.wasm")
	for _, name := range []string{"module.wasm.minisig", "legacy.minisig", "plain.minisig"} {
		signature, _ := os.ReadFile("testdata/" + name)
		f.Add(signature)
	}
	public, _ := os.ReadFile("testdata/sluice.pub")
	k, err := trust.ParseKey(string(public))
	if err != nil {
		f.Fatal(err)
	}
	want := trust.Statement{Name: "no-privileged", Version: trust.Version{1, 2, 0}, Digest: sha256.Sum256(module), Key: "0AE8240EB62712D0"}
	f.Fuzz(func(t *testing.T, signature []byte) {
		if got, err := trust.Verify([]trust.Key{k}, module, signature); err == nil && got != want {
			t.Errorf("believed %v, which nobody signed", got)
		}
	})
}
