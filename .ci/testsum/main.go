// Testsum reads what `go test -json` writes and prints what `go test` would have printed, followed by what was skipped and why: a test that
// did not run must not look like one that passed.
//
//	go test -json ./... | go run ./.ci/testsum [-skips-fail]
//
// The exit code is 1 when a test failed, when a package did not build, or when one was skipped and -skips-fail is given.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// An event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A test is told apart by its package: names repeat.
type test struct{ pkg, name string }

func main() {
	skipsFail := flag.Bool("skips-fail", false, "exit with 1 when a test was skipped")
	flag.Parse()

	var (
		output  = map[test]*strings.Builder{}
		skipped []test
		failing []string // what failed, with the reasons: said again at the end, where a long log is read first
		failed  bool
		passes  int
	)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text()) // go itself speaks, for instance of a module that it cannot find
			continue
		}
		t := test{e.Package, e.Test}
		switch {
		case e.Action == "build-output", e.Action == "output" && e.Test == "":
			if e.Output != "PASS\n" {
				fmt.Print(e.Output)
			}
		case e.Action == "build-fail", e.Action == "fail" && e.Test == "":
			failed = true
		case e.Action == "output":
			if isFrame(e.Output) {
				continue
			}
			if output[t] == nil {
				output[t] = &strings.Builder{}
			}
			output[t].WriteString(e.Output)
		case e.Action == "fail":
			failed = true
			failing = append(failing, fmt.Sprintf("  %s %s\n", t.pkg, t.name)+reasons(output[t]))
			show(output[t])
			delete(output, t)
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, t)
		case e.Action == "pass":
			if e.Test != "" {
				passes++
			}
			delete(output, t)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}

	// A process that dies (a panic, a report of the race detector, a time-out) leaves tests without an end: what they said is the reason.
	if failed {
		for t, text := range output {
			if !contains(skipped, t) {
				show(text)
			}
		}
	}
	if len(skipped) > 0 {
		fmt.Printf("\n%s\n%d SKIPPED, %d passed. These did NOT run:\n", strings.Repeat("!", 100), len(skipped), passes)
		for _, t := range skipped {
			fmt.Printf("  %s %s\n", t.pkg, t.name)
			if text := output[t]; text != nil {
				for line := range strings.Lines(text.String()) {
					if !strings.Contains(line, "--- SKIP") {
						fmt.Printf("      %s\n", strings.TrimSpace(line))
					}
				}
			}
		}
		fmt.Println(strings.Repeat("!", 100))
	}
	if passes == 0 && !failed {
		fmt.Println("testsum: not a single test ran")
		failed = true
	}
	if len(failing) > 0 {
		fmt.Printf("\n%d FAILED:\n%s", len(failing), strings.Join(failing, ""))
	}
	if failed || *skipsFail && len(skipped) > 0 {
		fmt.Println("\nNOT PASSED")
		os.Exit(1)
	}
	fmt.Printf("\nall passed: %d tests\n", passes)
}

// isFrame tells the lines by which test2json follows a test from what the test said.
func isFrame(line string) bool {
	for _, frame := range []string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME"} {
		if strings.HasPrefix(line, frame) {
			return true
		}
	}
	return false
}

func contains(tests []test, t test) bool {
	for _, other := range tests {
		if other == t {
			return true
		}
	}
	return false
}

// show prints what a test said below its verdict, as go test does without -v; test2json has them the other way round.
func show(text *strings.Builder) {
	if text == nil {
		return
	}
	var said strings.Builder
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(strings.TrimLeft(line, " "), "--- FAIL: ") {
			fmt.Print(line)
		} else {
			said.WriteString(line)
		}
	}
	fmt.Print(said.String())
}

// maxReasons and maxReason bound what is said again of a failure.
const maxReasons, maxReason = 5, 400

var reason = regexp.MustCompile(`^\s+[a-z0-9_]+_test\.go:[0-9]+: `)

// reasons are the lines that a test itself has said, without those of the helpers that show logs.
func reasons(text *strings.Builder) string {
	if text == nil {
		return ""
	}
	var said strings.Builder
	n := 0
	for line := range strings.Lines(text.String()) {
		if !reason.MatchString(line) {
			continue
		}
		if n++; n > maxReasons {
			said.WriteString("      …\n")
			break
		}
		if line = strings.TrimSpace(line); len(line) > maxReason {
			line = line[:maxReason] + "…"
		}
		said.WriteString("      " + line + "\n")
	}
	return said.String()
}
