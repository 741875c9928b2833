package standin_test

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/cmd/sluice/standin"
)

// commandLines are the Docker command lines of this machine.
func commandLines(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, path := range []string{"/usr/bin/docker", "/usr/local/bin/docker"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Skip("SKIPPED: no docker command line on this machine")
	}
	return found
}

func TestTheRealCommandLineWorks(t *testing.T) {
	for _, docker := range commandLines(t) {
		t.Run(docker, func(t *testing.T) {
			socket := start(t)
			config := t.TempDir()
			run := func(wantCode int, wantOut, wantErr string, args ...string) {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), docker, append([]string{"-H", "unix://" + socket}, args...)...)
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + config, "DOCKER_CONFIG=" + config}
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				cmd.Stdin = strings.NewReader("typed\n")
				_ = cmd.Run() // the code is looked at below
				if got := cmd.ProcessState.ExitCode(); got != wantCode {
					t.Errorf("docker %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, wantCode, stdout.String(), stderr.String())
				}
				if !strings.Contains(stdout.String(), wantOut) || !strings.Contains(stderr.String(), wantErr) {
					t.Errorf("docker %s: stdout %q, stderr %q; want %q and %q in them", strings.Join(args, " "), stdout.String(), stderr.String(), wantOut, wantErr)
				}
			}
			run(0, standin.Name, "", "version")
			run(0, standin.Name, "runs no containers", "info")
			run(0, standin.Notice+"\n", "", "run", "--rm", "busybox", "echo", "hi")
			run(0, standin.Notice+"\n", "", "run", "--rm", "-i", "busybox", "cat")
			run(0, "CONTAINER ID", "", "ps", "-a")
			run(0, "", "", "create", "--name", "web", "--privileged", "-l", "team=ci", "-e", "TOKEN=s3cret", "-v", "/:/host", "nginx:1", "serve")
			run(0, "web", "", "ps", "-a", "--filter", "label=team=ci", "--format", "{{.Names}}")
			run(0, "true ci [TOKEN=s3cret", "", "inspect", "-f", "{{.HostConfig.Privileged}} {{.Config.Labels.team}} {{.Config.Env}}", "web")
			run(0, "web", "", "start", "web")
			run(0, standin.Notice, "", "start", "-a", "web")
			run(0, standin.Notice, "", "logs", "web")
			run(0, standin.Notice, "", "logs", "-f", "--tail", "1", "web")
			run(0, "0", "", "wait", "web")
			run(0, "web", "", "stop", "web")
			run(1, "", "not running", "exec", "web", "true")
			run(1, "", "not running", "kill", "web")
			run(0, "", "", "rename", "web", "site")
			run(0, "start", "", "events", "--since", "1", "--until", strconv.FormatInt(time.Now().Unix()+1, 10))
			run(0, "only a name", "", "pull", "redis:7")
			run(0, "redis", "", "images")
			run(0, "redis", "", "rmi", "redis:7")
			run(0, "site", "", "rm", "site")
			run(0, "", "", "run", "-d", "busybox", "sleep", "100")
			run(0, "recorded_", "", "ps", "-a")
			run(1, "", "o such", "inspect", "nope")
			run(1, "", "not supported", "save", "busybox")
		})
	}
}
