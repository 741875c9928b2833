package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fenced are the blocks of the README in one language.
func fenced(t *testing.T, language string) []string {
	t.Helper()
	text := readFile(t, filepath.Join(root(t), "README.md"))
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(text, -1) {
		blocks = append(blocks, string(match[1]))
	}
	if len(blocks) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return blocks
}

func TestConfigurationsOfTheReadmeAreValid(t *testing.T) {
	for _, block := range fenced(t, "yaml") {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "sluice.yaml"), []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, module := range regexp.MustCompile(`module: (\S+\.wasm)`).FindAllStringSubmatch(block, -1) {
			if err := os.WriteFile(filepath.Join(dir, module[1]), readFile(t, filepath.Join(root(t), "filters", module[1])), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		validate := exec.CommandContext(t.Context(), sluice(t), "validate", "--config", filepath.Join(dir, "sluice.yaml"))
		validate.Env = environment()
		if out, err := validate.CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, out, block)
		}
	}
}

func TestFilterOfTheReadmeCompiles(t *testing.T) {
	for _, block := range fenced(t, "go") {
		if !strings.Contains(block, "\npackage main\n") {
			continue // a piece of one
		}
		source := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(source, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		// As if it stood in the repository, so that it is built with what the repository requires.
		overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root(t), "one-registry", "main.go"): source}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(source+".overlay", overlay, 0o600); err != nil {
			t.Fatal(err)
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, "-overlay", source+".overlay", "./one-registry")
		build.Dir = root(t)
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// The README lists every command of sluice, and no target that the Makefile does not have.
func TestCommandsOfTheReadmeExist(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), sluice(t), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(readFile(t, filepath.Join(root(t), "README.md")))
	_, commands, _ := strings.Cut(string(help), "Available Commands:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	for line := range strings.Lines(commands) {
		command := strings.Fields(line)[0]
		if command != "help" && !strings.Contains(text, "    sluice "+command+" ") {
			t.Errorf("the README does not list the command %s", command)
		}
	}
	for _, target := range regexp.MustCompile(`(?m)^    make ([a-z-]+)`).FindAllStringSubmatch(text, -1) {
		makefile := string(readFile(t, filepath.Join(root(t), "Makefile")))
		if !strings.Contains(makefile, "\n"+target[1]+":") {
			t.Errorf("the Makefile has no target %s", target[1])
		}
	}
}
