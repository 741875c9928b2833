package host_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// SECURITY.md names a test for each limit, and every limit that the README knows.
func TestSecurityNamesTestsThatExistAndAllLimits(t *testing.T) {
	page, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, name := range function.FindAllSubmatch(source, -1) {
			exists[string(name[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`((Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1) {
		if !exists[name[1]] {
			t.Errorf("there is no test %s", name[1])
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile("(?m)^\\| `((?:tenant_)?limits)\\..*?\\|").FindAllStringSubmatch(string(readme), -1)
	if len(known) < 10 {
		t.Fatalf("the README has only %d rows of limits", len(known))
	}
	for _, row := range known {
		for _, key := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(row[0], -1) {
			name := key[1]
			if !strings.Contains(name, ".") {
				name = row[1] + "." + name
			}
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("SECURITY.md does not say what %s bounds", name)
			}
		}
	}
}
