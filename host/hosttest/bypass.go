package hosttest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// BypassCase is one file of testdata/bypass: a trick to get past a gateway, and what has to become of it. The directory's
// README.md describes the format.
type BypassCase struct {
	// Name is the file's name without its extension.
	Name string
	// Row is the trick's number in the list that DOCKER.md 2 keeps.
	Row int
	// Acts names the engines that do what the trick is for: "20.10 28 29", or "none".
	Acts string
	// Effect is a part of what shows that an engine which acts has done it, as the end-to-end tests describe an engine's
	// state and its answers: "+ container new: Privileged true", "answer 1: 200".
	Effect string
	// Setting is what the engine has to be beforehand: "swarm", or empty.
	Setting string
	// About says what the trick is.
	About string
	// Steps are sent one after the other on one connection.
	Steps []BypassStep
}

// ActsOn tells whether this engine does what the trick is for.
func (c *BypassCase) ActsOn(engine string) bool {
	return slices.Contains(strings.Fields(c.Acts), engine)
}

// BypassStep is a request and its end.
type BypassStep struct {
	// Request is what a client sends, head and body.
	Request []byte
	// Outcome is what has to happen.
	Outcome BypassOutcome
	// Status is the gateway's answer: of a refusal by the gateway itself the one that the case names, of a denial by a
	// filter 403 or the one that the case names, otherwise 0.
	Status int
	// Message is a part of the answer's message; it may be empty.
	Message string
	// Method, Target and Body are what the engine gets, and the last filter sees, unless it is refused.
	Method, Target string
	Body           []byte
}

// BypassOutcome is how a request of the corpus ends.
type BypassOutcome uint8

const (
	// Refused: the gateway answers by itself, and the engine sees nothing.
	Refused BypassOutcome = iota
	// Forwarded: the engine gets the request in its canonical form, which is harmless.
	Forwarded
	// Denied: in its canonical form the policy of testdata/bypass/policy.yaml recognises the request, and denies it.
	// Without filters it is forwarded.
	Denied
	// Narrowed: the policy lets it through in another form, or takes a part out of its answer, so that the case's effect is
	// not seen. Without filters it is forwarded.
	Narrowed
)

// String returns refused, forwarded, denied or narrowed.
func (o BypassOutcome) String() string {
	switch o {
	case Refused:
		return "refused"
	case Forwarded:
		return "forwarded"
	case Denied:
		return "denied"
	case Narrowed:
		return "narrowed"
	}
	return "invalid"
}

// BypassCases reads the whole corpus.
func BypassCases(t testing.TB) []BypassCase {
	t.Helper()
	return corpus(t, "bypass", parseBypass)
}

// corpus reads the files of a directory in testdata, a case each, named as its file is.
func corpus[C any](t testing.TB, dir string, parse func(name, text string) (C, error)) []C {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata(t), dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	cases := make([]C, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parse(strings.TrimSuffix(filepath.Base(file), ".txt"), string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// testdata is the directory of that name at the top of the repository.
func testdata(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata")
		}
	}
	t.Fatal("not inside of the repository")
	return ""
}

func parseBypass(name, text string) (c BypassCase, err error) {
	c.Name = name
	preamble, rest, ok := strings.Cut(text, "\n=== ")
	if !ok {
		return c, fmt.Errorf("no section")
	}
	fields, about, _ := strings.Cut(preamble, "\n\n")
	c.About = strings.TrimSpace(about)
	for line := range strings.SplitSeq(fields, "\n") {
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "row":
			if c.Row, err = strconv.Atoi(value); err != nil {
				return c, err
			}
		case "acts":
			c.Acts = value
		case "effect":
			c.Effect = value
		case "setting":
			c.Setting = value
		default:
			return c, fmt.Errorf("unknown key %q", key)
		}
	}
	if c.Row == 0 || c.Acts == "" || c.About == "" {
		return c, fmt.Errorf("row, acts or the description is missing")
	}
	if c.ActsOn("20.10") && c.Effect == "" {
		return c, fmt.Errorf("the engine acts, but effect does not say by what that is to be seen")
	}
	var request []byte
	for section := range strings.SplitSeq(rest, "\n=== ") {
		title, content, _ := strings.Cut(section, "\n")
		kind, argument, _ := strings.Cut(title, " ")
		content = strings.TrimSuffix(content, "\n")
		switch kind {
		case "request", "raw":
			if request != nil {
				return c, fmt.Errorf("a request without an outcome")
			}
			if kind == "request" {
				request = plainRequest(content)
			} else if request, err = rawRequest(content); err != nil {
				return c, err
			}
			continue
		}
		step, err := bypassOutcome(kind, argument, content)
		if err != nil {
			return c, err
		}
		if step.Request, request = request, nil; step.Request == nil {
			return c, fmt.Errorf("an outcome without a request")
		}
		c.Steps = append(c.Steps, step)
	}
	if request != nil {
		return c, fmt.Errorf("a request without an outcome")
	}
	return c, nil
}

func bypassOutcome(kind, argument, content string) (step BypassStep, err error) {
	switch kind {
	case "refused":
		step.Message = content
		if step.Status, err = strconv.Atoi(argument); err != nil {
			return step, fmt.Errorf("refused with which status? %w", err)
		}
		return step, nil
	case "forwarded":
		step.Outcome = Forwarded
	case "narrowed":
		step.Outcome = Narrowed
	case "denied":
		step.Outcome, step.Status = Denied, 403
		if argument != "" {
			if step.Status, err = strconv.Atoi(argument); err != nil {
				return step, fmt.Errorf("denied with which status? %w", err)
			}
		}
	default:
		return step, fmt.Errorf("unknown section %q", kind)
	}
	line, body, _ := strings.Cut(content, "\n")
	var ok bool
	if step.Method, step.Target, ok = strings.Cut(line, " "); !ok {
		return step, fmt.Errorf("%s as what? %q is no method and target", kind, line)
	}
	step.Body = []byte(body)
	if strings.HasPrefix(body, `"`) { // bytes, as in a raw request
		if step.Body, err = rawRequest(body); err != nil {
			return step, err
		}
	}
	return step, nil
}

// plainRequest is a request that was written in lines.
func plainRequest(content string) []byte {
	head, body, _ := strings.Cut(content, "\n\n")
	lower := strings.ToLower(head)
	if body != "" && !strings.Contains(lower, "\ncontent-length:") && !strings.Contains(lower, "\ntransfer-encoding:") {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	return []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)
}

// rawRequest is a request that was written as Go string literals.
func rawRequest(content string) ([]byte, error) {
	var b bytes.Buffer
	for line := range strings.SplitSeq(content, "\n") {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		literal, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		times := 1
		if rest := line[len(quoted):]; rest != "" {
			count, ok := strings.CutPrefix(rest, " * ")
			if times, err = strconv.Atoi(count); !ok || err != nil {
				return nil, fmt.Errorf("%q: want a literal, or a literal * number", line)
			}
		}
		for range times {
			b.WriteString(literal)
		}
	}
	return b.Bytes(), nil
}
