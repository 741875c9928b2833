package hostcall_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a guest can make long is copied by package pieces: nothing can stop a goroutine in the middle of another
// copy. This looks for those that are not.
func TestHostCallsCopyInPieces(t *testing.T) {
	whole := regexp.MustCompile(`\bcopy\(|\b(bytes|slices)\.Clone\(|append\(\[\]byte\(nil\)|memory\.Write(String)?\(`)
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v; %d files", err, len(files))
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range whole.FindAllString(string(source), -1) {
			t.Errorf("%s copies at once: %s…", file, found)
		}
	}
}
