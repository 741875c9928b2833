package host_test

import (
	"bufio"
	"strings"
	"testing"
)

// readHead reads a message's head, the empty line included.
func readHead(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			t.Fatalf("head breaks off after %q: %v", head.String(), err)
		}
		if line == "\r\n" {
			return head.String()
		}
	}
}
