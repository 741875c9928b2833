package e2e_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// feeding is a command with a standard input that the transcript should not hold.
func feeding(d *docker, stdin string, args ...string) *exec.Cmd {
	command := d.command(args...)
	command.Stdin = strings.NewReader(stdin)
	return command
}

// noise is a file of n bytes that no compression shortens; the same for both sides.
func (d *docker) noise(name string, n int) (path string, content []byte) {
	d.Helper()
	content = make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(content)
	path = filepath.Join(d.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		d.Fatal(err)
	}
	return path, content
}

func (d *docker) sameFile(path string, want []byte) {
	d.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		d.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		d.Errorf("at %s: %s has %d bytes that differ from the %d wanted", d.address, path, len(got), len(want))
	}
}

func TestCopyBothWays(t *testing.T) {
	same(t, func(d *docker) {
		id := d.prepare("create", "--name", d.name, "--network", "none", image, "true")
		path, content := d.noise("in", 3<<20)
		back := filepath.Join(d.dir, "back")
		d.run("cp", path, d.name+":/file")
		d.run("cp", d.name+":/file", back)
		d.sameFile(back, content)
		// By its id, since that is what the engine is asked for where a filter has pinned the container.
		if r := d.run("cp", id+":/missing", back); r.code == 0 {
			d.Error("cp of a missing file ended with 0")
		}
		if r := d.run("cp", path, id+":/missing/dir/file"); r.code == 0 {
			d.Error("cp into a missing directory ended with 0")
		}
		// As a tar stream on standard input and output.
		d.feed(bytes.NewReader(tarOf("from-tar", "tar\n")), "cp", "-", d.name+":/tmp").want(d, "", 0)
		r := d.finish(d.command("cp", d.name+":/tmp/from-tar", "-"), []string{"cp", "-"})
		entry, err := tar.NewReader(strings.NewReader(r.stdout)).Next()
		if err != nil || entry.Name != "from-tar" {
			d.Errorf("cp to standard output gave %v, %v", entry, err)
		}
	})
}

// layered makes an image of one file of 3 MB and returns its tag and id.
func (d *docker) layered() (tag, id string) {
	d.Helper()
	var archive bytes.Buffer
	_, content := d.noise("layer", 3<<20)
	w := tar.NewWriter(&archive)
	// The scenario's name makes the two sides' images, and so their ids, different: what one loads the other has not.
	for name, data := range map[string][]byte{"noise": content, d.name: []byte(d.name)} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			d.Fatal(err)
		}
		_, _ = w.Write(data)
	}
	_ = w.Close()
	tag = d.name + ":layered"
	r := d.feed(&archive, "import", "--change", "ENV FROM=import", "-", tag)
	if r.code != 0 {
		d.Fatalf("import: exit %d: %s", r.code, r.stderr)
	}
	return tag, strings.TrimSpace(r.stdout)
}

func TestImportSaveAndLoad(t *testing.T) {
	same(t, func(d *docker) {
		tag, id := d.layered()
		d.run("inspect", "--format", "{{.Id}} {{.Config.Env}}", tag).want(d, id+" [FROM=import]\n", 0)

		file := filepath.Join(d.dir, "saved.tar")
		d.run("save", "-o", file, tag).want(d, "", 0)
		saved, err := os.ReadFile(file)
		if err != nil {
			d.Fatal(err)
		}
		streamed := d.finish(d.command("save", tag), []string{"save"})
		if diff := cmp.Diff(contents(d, saved), contents(d, []byte(streamed.stdout))); diff != "" {
			d.Errorf("save to standard output gave something else than to a file (-file +output):\n%s", diff)
		}
		// The engine's own socket gives the same archive.
		direct := *d
		direct.address = engine(d)
		r := direct.finish(direct.command("save", tag), []string{"save"})
		if diff := cmp.Diff(contents(d, []byte(r.stdout)), contents(d, saved)); diff != "" {
			d.Errorf("save at %s gave something else than on the engine's socket (-socket +gateway):\n%s", d.address, diff)
		}

		d.prepare("rmi", tag)
		d.run("load", "-i", file).want(d, "Loaded image: "+tag+"\n", 0)
		d.run("inspect", "--format", "{{.Id}}", tag).want(d, id+"\n", 0)
		d.prepare("rmi", tag)
		d.feed(bytes.NewReader(saved), "load", "-q").want(d, "Loaded image: "+tag+"\n", 0)
		if r := d.feed(strings.NewReader("this is no archive"), "load"); r.code == 0 {
			d.Error("load of nonsense ended with 0")
		}
	})
}

// contents are the names and digests of what is in an archive. Newer engines write the time at which they save into it, so that no two archives
// are the same byte for byte.
func contents(t testing.TB, archive []byte) []string {
	t.Helper()
	var entries []string
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		entry, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.New()
		n, err := io.Copy(digest, r)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, fmt.Sprintf("%s %o %d %x", entry.Name, entry.Mode, n, digest.Sum(nil)))
	}
}

func TestExport(t *testing.T) {
	same(t, func(d *docker) {
		tag, _ := d.layered()
		d.prepare("create", "--name", d.name, "--network", "none", tag, "none")
		got := d.finish(d.command("export", d.name), []string{"export"})
		direct := *d
		direct.address = engine(d)
		want := direct.finish(direct.command("export", d.name), []string{"export"})
		if got.stdout != want.stdout || got.code != 0 || len(got.stdout) < 3<<20 {
			d.Errorf("export gave %d bytes at %s, exit %d, and %d on the engine's socket", len(got.stdout), d.address, got.code, len(want.stdout))
		}
	})
}

// buildContext is a directory with a Dockerfile and 300 kB beside it.
func (d *docker) buildContext() string {
	d.Helper()
	dir := filepath.Join(d.dir, "context")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		d.Fatal(err)
	}
	d.noise("context/noise", 300<<10)
	dockerfile := "FROM " + image + "\nARG WORD=none\nCOPY noise /noise\nRUN echo \"$WORD\" >/word && wc -c </noise\nENV BUILT=yes\nCMD [\"cat\", \"/word\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		d.Fatal(err)
	}
	return dir
}

func TestBuildClassic(t *testing.T) {
	same(t, func(d *docker) {
		tag := d.name + ":built"
		r := d.run("build", "--no-cache", "--force-rm", "--network", "none", "--build-arg", "WORD=classic", "-t", tag, d.buildContext())
		d.wantIn(r.stdout, "Successfully tagged "+tag)
		d.run("run", "--rm", "--name", d.name, "--network", "none", tag).want(d, "classic\n", 0)

		failing := filepath.Join(d.dir, "context", "Failing")
		if err := os.WriteFile(failing, []byte("FROM "+image+"\nRUN exit 5\n"), 0o600); err != nil {
			d.Fatal(err)
		}
		if r := d.run("build", "--no-cache", "--force-rm", "--network", "none", "-f", failing, filepath.Join(d.dir, "context")); r.code != 5 {
			d.Errorf("a build whose command ends with 5 ended with %d", r.code)
		}
	})
}

func TestBuildWithBuildKit(t *testing.T) {
	found := clis(t)
	if !slices.ContainsFunc(found, cli.buildKit) {
		if os.Getenv("SLUICE_E2E") == "required" {
			t.Fatal("no docker command line here can do BuildKit builds by itself (20.10 can)")
		}
		t.Skip("SKIPPED: no docker command line here can do BuildKit builds by itself (20.10 can)")
	}
	same(t, func(d *docker) {
		if !d.cli.buildKit() {
			return
		}
		tag := d.name + ":built"
		build := d.command("build", "--no-cache", "--progress", "plain", "--network", "none", "--build-arg", "WORD=buildkit", "-t", tag, d.buildContext())
		build.Env = append(build.Env, "DOCKER_BUILDKIT=1")
		r := d.finish(build, []string{"build"})
		if r.code != 0 {
			d.Fatalf("at %s: exit %d: %s", d.address, r.code, r.stderr)
		}
		d.wantIn(r.stderr, " 307200\n") // what a step prints
		// Times and the order of parallel steps vary; each step's name does not.
		var steps []string
		for line := range strings.SplitSeq(r.stderr, "\n") {
			if _, step, found := strings.Cut(line, " "); found && strings.HasPrefix(step, "[") {
				steps = append(steps, step)
			}
		}
		slices.Sort(steps)
		d.note("%s\n", strings.Join(slices.Compact(steps), "\n"))
		d.run("run", "--rm", "--name", d.name, "--network", "none", tag).want(d, "buildkit\n", 0)

		failing := feeding(d, "FROM "+image+"\nRUN exit 5\n", "build", "--no-cache", "--progress", "plain", "--network", "none", "-")
		failing.Env = append(failing.Env, "DOCKER_BUILDKIT=1")
		r = d.finish(failing, []string{"build", "-"})
		d.wantIn(r.stderr, "exit code: 5")
		if r.code != 1 {
			d.Errorf("a failing build ended with %d", r.code)
		}
	})
}

// tarOf is an archive of one file.
func tarOf(name, content string) []byte {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	// A buffer takes everything.
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return archive.Bytes()
}
