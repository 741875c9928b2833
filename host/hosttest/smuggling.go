package hosttest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// SmugglingCase is one file of testdata/smuggling: bytes in which two readers may find different requests.
type SmugglingCase struct {
	// Name is the file's name without its extension.
	Name string
	// Class is the family of the trick, About what there is to know about it.
	Class, About string
	// Raw is what a client sends at once.
	Raw []byte
	// Statuses are those of all answers, in order, where the engine answers 404 to everything.
	Statuses []int
	// Closed says that the gateway closes the connection behind the last of them. Otherwise it serves on.
	Closed bool
	// Engine is all that the engine gets.
	Engine []SmuggledRequest
}

// SmuggledRequest is a request as the engine gets it.
type SmuggledRequest struct {
	Method, Target string
	Body           []byte
}

// SmugglingCases reads the whole corpus.
func SmugglingCases(t testing.TB) []SmugglingCase {
	t.Helper()
	return corpus(t, "smuggling", parseSmuggling)
}

func parseSmuggling(name, text string) (c SmugglingCase, err error) {
	c.Name = name
	preamble, rest, _ := strings.Cut(text, "\n=== raw\n")
	raw, rest, _ := strings.Cut(rest, "\n=== answers\n")
	answers, engine, found := strings.Cut(rest, "\n=== engine\n")
	class, about, _ := strings.Cut(preamble, "\n\n")
	c.About = strings.TrimSpace(about)
	if c.Class, _ = strings.CutPrefix(class, "class: "); !found || c.Class == class || c.About == "" {
		return c, fmt.Errorf("class, description or a section is missing")
	}
	if c.Raw, err = rawRequest(raw); err != nil {
		return c, err
	}
	for line := range strings.SplitSeq(answers, "\n") {
		if line == "closed" && !c.Closed {
			c.Closed = true
			continue
		}
		status, err := strconv.Atoi(line)
		if err != nil || c.Closed {
			return c, fmt.Errorf("answer %q is neither a status nor the last word, closed", line)
		}
		c.Statuses = append(c.Statuses, status)
	}
	for line := range strings.Lines(engine) {
		var r SmuggledRequest
		var rest, body string
		var ok bool
		if r.Method, rest, ok = strings.Cut(strings.TrimSuffix(line, "\n"), " "); !ok {
			return c, fmt.Errorf("%q is no method and target", line)
		}
		if r.Target, body, ok = strings.Cut(rest, " "); ok {
			if r.Body, err = rawRequest(body); err != nil {
				return c, err
			}
		}
		c.Engine = append(c.Engine, r)
	}
	return c, nil
}
