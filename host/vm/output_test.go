package vm_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

// lines keeps what is written, a line a Write.
type lines []string

func (l *lines) Write(p []byte) (int, error) {
	*l = append(*l, string(p))
	return len(p), nil
}

func TestOutputComesLineByLine(t *testing.T) {
	for _, test := range []struct {
		name  string
		print []string
		want  lines
	}{
		{"one line", []string{"hello\n"}, lines{"hello"}},
		{"two lines in one write", []string{"a\nb\n"}, lines{"a", "b"}},
		{"a line without an end", []string{"panic: oh"}, lines{"panic: oh"}},
		{"empty lines", []string{"\n\n"}, nil},
		{"nothing", []string{""}, nil},
		{"a line that is too long", []string{strings.Repeat("x", 10_000) + "\n"}, lines{strings.Repeat("x", 8<<10), strings.Repeat("x", 10_000-8<<10)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr lines
			i := instantiate(t, "traps", vm.InstanceOptions{Stdout: &stdout, Stderr: &stderr})
			for fd, got := range map[uint64]*lines{1: &stdout, 2: &stderr} {
				for _, text := range test.print {
					i.Memory().WriteString(256, text)
					if errno := call(t, i, "print", fd, 256, uint64(len(text))); errno != 0 {
						t.Fatalf("errno %d", errno)
					}
				}
				if !reflect.DeepEqual(*got, test.want) {
					t.Errorf("fd %d: got %q, want %q", fd, *got, test.want)
				}
			}
		})
	}
}

// The guest traps where its output is closed, and closes it.
func TestNobodyClosesTheOutput(t *testing.T) {
	i := instantiate(t, "remember-descriptor", vm.InstanceOptions{})
	for range 2 {
		call(t, i, "proxy_on_request_headers", 2, 0, 1)
	}
}

func TestOutputElsewhere(t *testing.T) {
	const eBadF = 8
	i := instantiate(t, "traps", vm.InstanceOptions{})
	if errno := call(t, i, "print", 1, 256, 5); errno != 0 {
		t.Errorf("to nobody: errno %d, want 0", errno)
	}
	for _, fd := range []uint64{0, 3, 1 << 31} {
		if errno := call(t, i, "print", fd, 256, 5); errno != eBadF {
			t.Errorf("fd %d: errno %d, want %d", fd, errno, eBadF)
		}
	}
}

func TestRandomIsBounded(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	for _, test := range []struct{ at, size, want uint64 }{
		{256, 32, 0},
		{256, 0, 0},
		{256, 64<<10 + 1, 28}, // EINVAL
		{65530, 32, 21},       // EFAULT
	} {
		if errno := call(t, i, "random", test.at, test.size); errno != test.want {
			t.Errorf("random(%d, %d): errno %d, want %d", test.at, test.size, errno, test.want)
		}
	}
	got, _ := i.Memory().Read(256, 32)
	if strings.Count(string(got), "\x00") == len(got) {
		t.Error("nothing was written")
	}
}
