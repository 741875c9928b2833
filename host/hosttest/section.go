package hosttest

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// Section compares a part of a document, between the lines <!-- begin NAME --> and
// <!-- end NAME -->, with what the code says that it has to be. With the flag
// -update, which the test's package defines, it writes it.
func Section(t testing.TB, file, name, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok1 := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no lines %q and %q", file, strings.TrimSpace(begin), end)
	}
	if got == want {
		return
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s: what stands behind %q is not what the code says: run `go generate ./host/...`; it has to be\n%s", file, strings.TrimSpace(begin), want)
}
