package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/config"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// operations stands for dockerapi's list, which config does not import.
var operations = []string{"ContainerCreate", "ContainerList", "ContainerStart", "ImageBuild"}

// Every file of testdata/config/invalid is refused with exactly the problems
// of its golden file: all of them, in order, with place, hint and excerpt.
func TestInvalidConfigurationsNameEveryProblem(t *testing.T) {
	inTestdata(t, "invalid", func(t *testing.T, file string) string {
		c, err := config.Load(config.Options{Files: []string{file}, Operations: operations})
		if c != nil {
			t.Error("an invalid configuration was returned")
		}
		var problems config.Errors
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("got error %v, want config.Errors", err)
		}
		return problems.Detail()
	})
}

// Every file of testdata/config/valid gives exactly the Config of its golden
// file, defaults included.
func TestValidConfigurations(t *testing.T) {
	inTestdata(t, "valid", func(t *testing.T, file string) string {
		c, err := config.Load(config.Options{Files: []string{file}, Operations: operations})
		if err != nil {
			t.Fatal(err)
		}
		// The code of the modules is not what these cases are about.
		shown := *c
		shown.Filters = withoutCode(t, c.Filters)
		shown.Services = withoutCode(t, c.Services)
		text, err := json.MarshalIndent(shown, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + "\n"
	})
}

func withoutCode(t *testing.T, filters []config.Filter) []config.Filter {
	shown := append([]config.Filter(nil), filters...)
	for i := range shown {
		if len(shown[i].Code) != 8 {
			t.Errorf("filter %s has %d bytes of code, want 8", shown[i].Name, len(shown[i].Code))
		}
		shown[i].Code = nil
	}
	return shown
}

// inTestdata runs a test in a folder of testdata/config for each of its files
// and compares the outcome with the golden file.
func inTestdata(t *testing.T, folder string, outcome func(t *testing.T, file string) string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", "testdata", "config"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, folder))
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configurations in %s (%v)", folder, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			got := strings.ReplaceAll(outcome(t, file), root, "TESTDATA")
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got; go test -update writes it):\n%s", golden, diff)
			}
		})
	}
}
