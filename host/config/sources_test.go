package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/sluice-gateway/sluice/host/config"
)

const listenerYAML = "listeners: [{address: unix:///run/sluice/docker.sock}]\n"

// Defaults < files, the later ones over the earlier < variables < flags.
func TestLaterSourcesWin(t *testing.T) {
	first := write(t, "first.yaml", listenerYAML+"limits: {body: 1MiB, head: 8KiB, pause: 1s, callback: 2s}\nlog: {level: warn}\n")
	second := write(t, "second.yaml", "limits: {head: 16KiB, pause: 5s}\nlog: {format: json}\n")
	flags := flagSet(t, "--log-level=error")
	c, err := config.Load(config.Options{
		Files: []string{first, second},
		Env:   []string{"SLUICE_LIMITS__PAUSE=7s", "SLUICE_LOG__LEVEL=debug", "SLUICE_RELOAD__WATCH=false", "SLUICE_LIMITS__CONNECTIONS=9", "OTHER=x", "SLUICE_CONFIG=x"},
		Flags: flags,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.Upstream, c.Limits.Memory, // default
		c.Limits.Body, c.Limits.Callback, // first file
		c.Limits.Head, c.Log.Format, // second file
		c.Limits.Pause, c.Reload.Watch, c.Limits.Connections, // variable
		c.Log.Level, // flag
	}
	want := []any{
		"unix:///var/run/docker.sock", uint64(64 << 20),
		int64(1 << 20), 2 * time.Second,
		16 << 10, "json",
		7 * time.Second, false, 9,
		"error",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A value that does not come from a file is blamed on what it comes from; one
// that a later source replaces is not looked at.
func TestProblemsNameTheirSource(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+"limits: {body: much, head: 8KiB}\nreload: {poll: often}\n")
	problems := problems(t, config.Options{
		Files: []string{file},
		Env: []string{
			"SLUICE_LIMITS__BODY=2MiB",
			"SLUICE_LIMITS__HEAD=16",
			"SLUICE_UPSTREAM=",
			"SLUICE_FILTERS=[]",
			"SLUICE_LISTENERS__0__ADDRESS=unix:///tmp/x",
			"SLUICE_FILTERS_DIR=/tmp",
			"SLUICE_LIMITS={}",
			"SLUICE_LIMITS_BODY=1",
			"SLUICE_NONSENSE=1",
			"SLUICE_RELOAD__WATCH=maybe",
		},
		Flags: flagSet(t, "--log-format", "yaml", "--cache-dir", ""),
	})
	want := `sluice.yaml:3:16: reload.poll: "often" is not a duration; write a number with its unit, as in 200ms, 30s or 1m30s
SLUICE_LIMITS__HEAD: limits.head is between 4KiB and 16MiB, not 16
SLUICE_UPSTREAM: upstream is empty; give a value or unset it
SLUICE_FILTERS: filters is a list and cannot be set by a variable; write it in a file; variables set scalars only
SLUICE_LISTENERS__0__ADDRESS: listeners is a list and cannot be set by a variable; write it in a file; variables set scalars only
SLUICE_FILTERS_DIR: filters_dir cannot be set by a variable: it names filters, and the chain is set in files only
SLUICE_LIMITS: limits is a map and cannot be set by a variable; set one of its keys, as in SLUICE_LIMITS__BODY
SLUICE_LIMITS_BODY: no setting has this variable; did you mean "SLUICE_LIMITS__BODY"?
SLUICE_NONSENSE: no setting has this variable; a setting's variable is its path in upper case, with __ between levels, as in SLUICE_LIMITS__BODY
SLUICE_RELOAD__WATCH: reload.watch is true or false, not "maybe"
--cache-dir: cache_dir is empty; give a value or unset it
--log-format: log.format is text or json, not "yaml"`
	if diff := cmp.Diff(want, strings.ReplaceAll(problems.Error(), file, "sluice.yaml")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Kubernetes puts variables of a service's name into every pod's environment.
func TestServiceLinksAreNotSettings(t *testing.T) {
	_, err := config.Load(config.Options{
		Files: []string{write(t, "sluice.yaml", listenerYAML)},
		Env: []string{
			"SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_SERVICE_PORT=2376", "SLUICE_SERVICE_PORT_DOCKER=2376",
			"SLUICE_PORT=tcp://10.0.0.1:2376", "SLUICE_PORT_2376_TCP=tcp://10.0.0.1:2376", "SLUICE_PORT_2376_TCP_PROTO=tcp",
			"SLUICE_PORT_2376_TCP_PORT=2376", "SLUICE_PORT_2376_TCP_ADDR=10.0.0.1", "SLUICE_METRICS_SERVICE_HOST=10.0.0.2",
		},
	})
	if err != nil {
		t.Error(err)
	}
	problems(t, config.Options{
		Files: []string{write(t, "sluice.yaml", listenerYAML)},
		Env:   []string{"SLUICE_PORT=2375"},
	})
}

// A second file must not replace the chain of the first in silence.
func TestAListBelongsIntoOneFile(t *testing.T) {
	first := write(t, "first.yaml", listenerYAML+"filters: []\n")
	second := write(t, "second.yaml", "filters: []\n")
	got := problems(t, config.Options{Files: []string{first, second}}).Error()
	want := second + ":1:1: filters is already written in " + first + "; what stands there belongs into one file"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAllFilesAreReadBeforeGivingUp(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")
	binary := write(t, "binary.yaml", "\xff\xfe")
	typo := write(t, "typo.yaml", "limit: {}\n")
	got := problems(t, config.Options{Files: []string{missing, binary, typo, dir}})
	var files []string
	for _, p := range got {
		files = append(files, p.Pos.File)
	}
	if diff := cmp.Diff([]string{missing, binary, typo, dir}, files); diff != "" {
		t.Errorf("files with problems (-want +got):\n%s\n%v", diff, got)
	}
}

// Paths belong to the file that writes them, and to the working directory where
// a variable or a flag does.
func TestPathsAreRelativeToWhatNamesThem(t *testing.T) {
	file := write(t, "conf/sluice.yaml", listenerYAML+"cache_dir: ../cache\n")
	c, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(filepath.Dir(file)), "cache"); c.CacheDir != want {
		t.Errorf("cache_dir of a file: got %s, want %s", c.CacheDir, want)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c, err = config.Load(config.Options{Files: []string{file}, Env: []string{"SLUICE_CACHE_DIR=cache"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(wd, "cache"); c.CacheDir != want {
		t.Errorf("cache_dir of a variable: got %s, want %s", c.CacheDir, want)
	}
}

func TestErrorsAsFindsOneProblem(t *testing.T) {
	_, err := config.Load(config.Options{Files: []string{write(t, "sluice.yaml", "upstrem: x\n"+listenerYAML)}})
	var problem *config.Error
	if !errors.As(err, &problem) {
		t.Fatalf("no *config.Error in %v", err)
	}
	if problem.Pos.Line != 1 || problem.Pos.Column != 1 || problem.Hint != `did you mean "upstream"?` {
		t.Errorf("got %+v", problem)
	}
}

// write makes a file below a fresh directory and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeAt(t, path, content)
	return path
}

func writeAt(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func flagSet(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("sluice", pflag.ContinueOnError)
	flags.StringArray("config", nil, "a flag that is no setting")
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func problems(t *testing.T, o config.Options) config.Errors {
	t.Helper()
	c, err := config.Load(o)
	var problems config.Errors
	if c != nil || !errors.As(err, &problems) {
		t.Fatalf("got %v, %v, want config.Errors", c, err)
	}
	return problems
}
