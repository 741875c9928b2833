//go:build linux

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A tenant of a shared engine works as usual, with either command line; and images that are built and committed get the owner, whatever is
// written into them.
func TestATenantWorksAsUsual(t *testing.T) {
	s := startSandbox(t)
	g := serving(t, s.address, strings.Replace(ownerPolicy, "apart", "shared", 1))
	for _, c := range clis(t) {
		t.Run("cli"+c.version, func(t *testing.T) {
			s.TB = t
			d := &docker{TB: t, cli: c, address: "unix://" + filepath.Join(filepath.Dir(g.socket), "alice"), name: "w", dir: t.TempDir()}
			d.expect("hi\n", "run", "--rm", "--network", "none", "busybox:local", "echo", "hi")
			d.expect("data\n", "run", "--rm", "-v", "fresh:/d", "busybox:local", "sh", "-c", "echo data >/d/x; cat /d/x")
			d.expect("data\n", "run", "--rm", "-v", "fresh:/d:ro", "busybox:local", "cat", "/d/x")
			d.expect("fresh\n", "volume", "ls", "-q")
			d.prepare("network", "create", "front")
			d.prepare("run", "-d", "--init", "--name", "web", "--network", "front", "busybox:local", "sh", "-c", "echo started; sleep 600")
			d.expect("web alice\n", "ps", "--format", `{{.Names}} {{.Label "sluice.owner"}}`)
			d.expect("front\nhost-less\n", "network", "ls", "--format", `{{if eq .Driver "bridge"}}{{.Name}}{{else if eq .Name "none"}}host-less{{else}}{{.Name}}{{end}}`)
			d.expect("inside\n", "exec", "web", "echo", "inside")
			d.expect("started\n", "logs", "web")
			d.write("file", "copied")
			d.prepare("cp", "file", "web:/tmp/file")
			d.expect("copied", "exec", "web", "cat", "/tmp/file")
			d.prepare("run", "-d", "--init", "--name", "side", "--network", "container:web", "--volumes-from", "web", "busybox:local", "sleep", "600")
			d.prepare("network", "create", "back")
			d.prepare("network", "connect", "--alias", "db", "back", "web")
			d.prepare("restart", "-t", "0", "web")
			d.prepare("commit", "--change", `LABEL sluice.owner=bob`, "web", "w-commit")
			d.write("Dockerfile", "FROM busybox:local\nLABEL sluice.owner=bob\nRUN true\nLABEL \"sluice.owner\"=bob\n")
			d.prepare("build", "-t", "w-build", "--label", "sluice.owner=bob", "--network", "none", ".")
			d.prepare("export", "-o", "tar", "web")
			d.prepare("import", "--change", "LABEL sluice.owner=bob", "tar", "w-import")
			d.expect("alice\nalice\nalice\n", "inspect", "--type", "image", "-f", `{{index .Config.Labels "sluice.owner"}}`, "w-commit", "w-build", "w-import")
			d.prepare("tag", "w-build", "w-tag")
			d.prepare("rmi", "w-tag", "w-build", "w-commit", "w-import")
			d.prepare("stats", "--no-stream", "web")
			d.prepare("top", "web")
			d.prepare("info")
			d.prepare("system", "df")
			if r := d.run("exec", "c1", "true"); r.code == 0 || !strings.Contains(r.stdout+r.stderr, `denied by filter "owner": container "c1" has no owner`) {
				t.Errorf("another's container: %+v", r)
			}
			if r := d.run("rmi", "busybox:local"); r.code == 0 || !strings.Contains(r.stderr, `image "busybox:local" has no owner`) {
				t.Errorf("everybody's image: %+v", r)
			}
			d.prepare("rm", "-f", "web", "side")
			d.prepare("network", "rm", "front", "back")
			d.prepare("volume", "rm", "fresh")
		})
	}
}

// expect runs a command that has to succeed and print this.
func (d *docker) expect(want string, args ...string) {
	d.Helper()
	if r := d.run(args...); r.code != 0 || r.stdout != want {
		d.Errorf("docker %s: got %q, %q, exit %d; want %q", strings.Join(args, " "), r.stdout, r.stderr, r.code, want)
	}
}

// write makes a file on this side.
func (d *docker) write(name, content string) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
		d.Fatal(err)
	}
}
