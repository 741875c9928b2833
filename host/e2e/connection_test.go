package e2e_test

import (
	"strings"
	"testing"
)

// What a user sees whose input a filter judges: nothing of the filter, until it says no.
func TestAFilterJudgesWhatIsTypedIntoAnExec(t *testing.T) {
	g := startGateway(t, engine(t), `
  - {name: guard, module: {guest:connection}}
`)
	for _, c := range clis(t) {
		t.Run("cli"+c.version, func(t *testing.T) {
			d := newDocker(t, c, g.address)
			name := d.sleeper()
			d.feed(strings.NewReader("echo fine; exit 3\n"), "exec", "-i", name, "sh").want(d, "fine\n", 3)
			if r := d.feed(strings.NewReader("delete everything\n"), "exec", "-i", name, "cat"); r.code == 0 || strings.Contains(r.stdout, "delete") ||
				!strings.Contains(r.stderr, `denied by filter "guard": no such input`) {
				t.Errorf("denied input: exit %d, %q, %q; want a failure that says why, and nothing of the input come to the process", r.code, r.stdout, r.stderr)
			}
			x := d.terminal("exec", "-it", name, "sh", "-c", `echo ready; read x; echo got "$x"`)
			x.out.await(d, "ready")
			x.typed("d")
			r := x.end()
			if r.code == 0 || !strings.Contains(r.stdout, "no such input") || strings.Contains(r.stdout, "got") {
				t.Errorf("a denied key: exit %d, %q; want a failure that says why", r.code, r.stdout)
			}
		})
	}
}
