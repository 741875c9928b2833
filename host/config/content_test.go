package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/config"
)

const wasm = "\x00asm\x01\x00\x00\x00"

// A filter may compare bytes, and floating point would change its numbers: its
// configuration reaches it as it was written.
func TestFilterConfigurationIsHandedOverExactly(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+`
filters:
  - name: f
    module: f.wasm
    config:
      z: 1
      a: [12345678901234567890123, 1.10, 1e3, -0x10, +5, .5, true, "true", ~]
      html: "<&>\u2028"
      "quoted \"key\"": {}
`)
	writeAt(t, filepath.Join(filepath.Dir(file), "f.wasm"), wasm)
	c, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"z":1,"a":[12345678901234567890123,1.10,1e3,-16,5,0.5,true,"true",null],"html":"<&>\u2028","quoted \"key\"":{}}`
	if got := string(c.Filters[0].Config); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A reload compares digests: what can change the gateway's behaviour changes
// the digest, and nothing else does.
func TestDigestFollowsContent(t *testing.T) {
	file := write(t, "sluice.yaml", "")
	dir := filepath.Dir(file)
	module := filepath.Join(dir, "f.wasm")
	base := listenerYAML + "filters: [{name: f, module: f.wasm, config: {a: 1}, match: {paths: [x]}}]\n"
	digest := func(content, code string) string {
		t.Helper()
		writeAt(t, file, content)
		writeAt(t, module, code)
		c, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		return c.Digest()
	}
	first := digest(base, wasm)
	if again := digest("# a comment\n\n"+base, wasm); again != first {
		t.Error("a comment changed the digest")
	}
	for name, got := range map[string]string{
		"module":  digest(base, wasm+"\x00"),
		"setting": digest(base+"limits: {body: 1MiB}\n", wasm),
		"config":  digest(listenerYAML+"filters: [{name: f, module: f.wasm, config: {a: 2}, match: {paths: [x]}}]\n", wasm),
		"grants":  digest(listenerYAML+"filters: [{name: f, module: f.wasm, config: {a: 1}, match: {paths: [x]}, capabilities: {log: true}}]\n", wasm),
		"regexp":  digest(listenerYAML+"filters: [{name: f, module: f.wasm, config: {a: 1}, match: {paths: [y]}}]\n", wasm),
	} {
		if got == first || got == "" {
			t.Errorf("%s: the digest did not change", name)
		}
	}
}

// Kubernetes swaps the directory that ..data points to; a reload has to watch
// the links as well as what they lead to.
func TestWatchFollowsLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, filepath.Join(dir, "..2024", "sluice.yaml"), listenerYAML+"filters: [{name: f, module: f.wasm}]\nfilters_dir: d\n")
	writeAt(t, filepath.Join(dir, "..2024", "f.wasm"), wasm)
	writeAt(t, filepath.Join(dir, "d", "1.g.wasm"), wasm)
	for from, to := range map[string]string{"..data": "..2024", "sluice.yaml": "..data/sluice.yaml", "f.wasm": "..data/f.wasm"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(config.Options{Files: []string{filepath.Join(dir, "sluice.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"..2024/f.wasm", "..2024/sluice.yaml", "d", "d/1.g.wasm", "f.wasm", "sluice.yaml"} {
		want = append(want, filepath.Join(dir, name))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, c.Watch); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFiltersOfOneModuleShareItsCode(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+"filters: [{name: a, module: f.wasm}, {name: b, module: ./f.wasm}]\n")
	module := filepath.Join(filepath.Dir(file), "f.wasm")
	writeAt(t, module, wasm)
	c, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := c.Filters[0], c.Filters[1]; &a.Code[0] != &b.Code[0] || a.Module != module || b.Module != module {
		t.Error("one file was read twice")
	}
}

func TestFileAddressOfAModule(t *testing.T) {
	module := write(t, "a filter.wasm", wasm)
	file := write(t, "sluice.yaml", listenerYAML+"filters: [{name: f, module: 'file://"+filepath.Dir(module)+"/a%20filter.wasm'}]\n")
	c, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Filters[0].Module; got != module {
		t.Errorf("got %s, want %s", got, module)
	}
}

// Opening a pipe would block for ever, at a reload under the feet of a running
// gateway.
func TestPipeIsNoModule(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+"filters: [{name: f, module: pipe.wasm}]\n")
	if err := syscall.Mkfifo(filepath.Join(filepath.Dir(file), "pipe.wasm"), 0o600); err != nil {
		t.Fatal(err)
	}
	problems(t, config.Options{Files: []string{file}})
}

// /var/run is a link to /run on most machines.
func TestLoopThroughALinkIsFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("run", filepath.Join(dir, "var")); err != nil {
		t.Fatal(err)
	}
	problems(t, config.Options{Files: []string{write(t, "sluice.yaml",
		"upstream: unix://"+dir+"/var/docker.sock\nlisteners: [{address: unix://"+dir+"/run/docker.sock}]\n")}})
}

// Whatever somebody is typing into the file: an error or a configuration, never
// a panic, and filters only ever get JSON.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("../../testdata/config/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty.wasm"), []byte(wasm), 0o644); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(dir, "sluice.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Errorf("got %v and the error %q", c, err)
			}
			return
		}
		if len(c.Listeners) == 0 || c.Digest() == "" {
			t.Errorf("an incomplete configuration: %+v", c)
		}
		for _, filter := range c.Filters {
			if !json.Valid(filter.Config) {
				t.Errorf("filter %q gets %q, which is no JSON", filter.Name, filter.Config)
			}
		}
	})
}
