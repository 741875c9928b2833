package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts compare with instead of comparing")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sluice":  main,
		"logged":  logged,
		"request": request,
		"stream":  stream,
	})
}

// The command line, told by the scripts in testdata/script. Beside testscript's
// own words they use
//
//	exits CODE COMMAND…   runs a command that has to end with this code
//	logged FILE ARG…      runs sluice with its log in a file
//	await FILE REGEXP     waits until something is in a file
//	gone FILE             waits until there is no such file
//	signal NAME COMMAND   sends a signal to a command in the background
//	fill FROM TO          copies a file, its $VARIABLES filled in; in one step, as mv
//	request …             asks until the answer is the expected one; see the function
//	stream FILE SOCKET PATH  writes an answer to a file as it comes
//
// and the variables GUESTS and CONFIGS, which are folders of testdata.
func TestScripts(t *testing.T) {
	testdata, err := filepath.Abs(filepath.Join("..", "..", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		// Of a gateway that hangs the test shows the stacks, and soon.
		Deadline: time.Now().Add(2 * patience),
		Setup: func(env *testscript.Env) error {
			env.Setenv("GUESTS", filepath.Join(testdata, "guests"))
			env.Setenv("CONFIGS", filepath.Join(testdata, "config"))
			// A component-model binary has the same magic and another version.
			return os.WriteFile(filepath.Join(env.WorkDir, "component.wasm"), []byte("\x00asm\x0d\x00\x01\x00"), 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"signal": signalBackground,
			"fill":   fill,
			"await":  await,
			"gone":   gone,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func signalBackground(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	if neg || len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal HUP|TERM|INT COMMAND")
	}
	for _, cmd := range ts.BackgroundCmds() {
		if filepath.Base(cmd.Path) == args[1] {
			ts.Check(cmd.Process.Signal(signals[args[0]]))
		}
	}
}

// logged is sluice with its log in a file, where await can see it.
func logged() {
	file, err := os.Create(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	os.Exit(run(os.Args[2:], os.Environ(), os.Stdout, file))
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	wanted, err := regexp.Compile(args[1])
	ts.Check(err)
	var text []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err = os.ReadFile(ts.MkAbs(args[0])); err == nil && wanted.Match(text) {
			return
		}
	}
	ts.Fatalf("no %q in %s within %s (%v):\n%s", args[1], args[0], patience, err, text)
}

func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gone FILE")
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Lstat(ts.MkAbs(args[0])); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	ts.Fatalf("%s is still there after %s", args[0], patience)
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill FROM TO")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	to := ts.MkAbs(args[1])
	ts.Check(os.WriteFile(to+".new", []byte(text), 0o644))
	ts.Check(os.Rename(to+".new", to))
}

// patience bounds how long request waits for what a test expects. Only a test
// that fails needs it.
const patience = 3 * time.Minute

// request is a small HTTP client:
//
//	request [-until REGEXP] [-body TEXT] SOCKET METHOD PATH
//
// It prints status, headers and body. Whatever fails it tries again, and so it
// does with an answer in which the expression is not found, for there is no
// other sign that a gateway is up or has reloaded.
func request() {
	until := flag.String("until", "", "")
	body := flag.String("body", "", "")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: request [-until REGEXP] [-body TEXT] SOCKET METHOD PATH")
		os.Exit(2)
	}
	found := regexp.MustCompile(*until)
	socket, method, path := flag.Arg(0), flag.Arg(1), flag.Arg(2)
	var answer []byte
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if answer, err = ask(socket, method, path, *body); err == nil && found.Match(answer) {
			os.Stdout.Write(answer)
			return
		}
	}
	fmt.Fprintf(os.Stderr, "no such answer within %s; the last was %v\n%s\n", patience, err, answer)
	os.Exit(1)
}

// stream asks once and keeps what comes, until the other side ends it in whatever
// way.
func stream() {
	if err := follow(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func follow(to, socket, path string) error {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer file.Close()
	resp, err := clientOf(socket).Get("http://docker" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Fprintln(file, resp.StatusCode)
	_, err = io.Copy(file, resp.Body)
	return err
}

func clientOf(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", socket)
		},
	}}
}

func ask(socket, method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, "http://docker"+path, bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := clientOf(socket).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", resp.StatusCode)
	if err := resp.Header.Write(&b); err != nil {
		return nil, err
	}
	b.WriteString("\n")
	_, err = io.Copy(&b, resp.Body)
	return b.Bytes(), err
}
