package vm_test

import (
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

// A list may be as long as the guest's memory: its length is paid for.
func TestListsForWASICostFuel(t *testing.T) {
	const most = 10_000
	for _, name := range []string{"fd_read", "fd_pread", "fd_write", "fd_pwrite", "poll_oneoff"} {
		t.Run(name, func(t *testing.T) {
			i := instantiate(t, "../../host/vm/testdata/lists", vm.InstanceOptions{Fuel: 100_000_000})
			call(t, i, name, 1)
			one := i.Used()
			call(t, i, name, most)
			if all := i.Used(); all-one < 100*(most-1) {
				t.Errorf("one costs %d units, and %d cost %d", one, most, all)
			}
			i.SetFuel(100 * most)
			_, err := i.Func(name).Call(most)
			if trap := trapped(t, err, "used up its fuel of 1000000 units"); !trap.OutOfFuel {
				t.Error("not out of fuel")
			}
		})
	}
}

// A list that cannot be paid for is not worked through.
func TestNothingIsPrintedWithoutFuel(t *testing.T) {
	var stdout lines
	i := instantiate(t, "../../host/vm/testdata/lists", vm.InstanceOptions{Stdout: &stdout, Fuel: 100_000})
	const most = 10_000
	i.Memory().WriteString(512, "line\n")
	for n := range uint32(most) {
		buffer := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 512), 5)
		i.Memory().Write(4096+8*n, buffer)
	}
	_, err := i.Func("fd_write").Call(most)
	trapped(t, err, "used up its fuel of 100000 units")
	if len(stdout) > 0 {
		t.Errorf("%d lines were printed", len(stdout))
	}
}

// What is printed is paid for by the byte and by the line.
func TestOutputCostsFuel(t *testing.T) {
	const size = 10_000
	cost := func(text string, fuel int64) (units int64, printed int, err error) {
		var stdout lines
		i := instantiate(t, "traps", vm.InstanceOptions{Stdout: &stdout, Fuel: fuel})
		i.Memory().WriteString(256, text)
		_, err = i.Func("print").Call(1, 256, uint64(len(text)))
		return i.Used(), len(stdout), err
	}
	few, _, err := cost("\n", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if empty, _, _ := cost(strings.Repeat("\n", size), 1_000_000); empty-few < size-1 {
		t.Errorf("%d empty lines cost %d units, one costs %d", size, empty, few)
	}
	if full, n, _ := cost(strings.Repeat("a\n", size/2), 10_000_000); n != size/2 || full-few < 250*size {
		t.Errorf("%d lines cost %d units", n, full)
	}
	_, n, err := cost(strings.Repeat("a\n", size/2), 100_000)
	trapped(t, err, "used up its fuel of 100000 units")
	if n > 100_000/500 {
		t.Errorf("%d lines were printed on credit", n)
	}
}

func TestRandomnessCostsFuel(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	call(t, i, "random", 256, 0)
	none := i.Used()
	call(t, i, "random", 256, 10_000)
	if some := i.Used(); some-none < 30_000 || none < 300 {
		t.Errorf("no bytes cost %d units, 10000 cost %d", none, some)
	}
	i.SetFuel(10_000)
	i.Memory().WriteString(256, "untouched")
	_, err := i.Func("random").Call(256, 10_000)
	trapped(t, err, "used up its fuel of 10000 units")
	if view, _ := i.Memory().Read(256, 9); string(view) != "untouched" {
		t.Errorf("without fuel memory became %q", view)
	}
}

// A path is copied and cleaned before wazero asks whose it is: it may not be as long as the guest's memory, and
// what it may be is paid for.
func TestPathsForWASICostFuel(t *testing.T) {
	const long, most = 16<<20 - 64, 4 << 10
	i := instantiate(t, "../../host/vm/testdata/paths", vm.InstanceOptions{Fuel: 1 << 40})
	call(t, i, "fill")
	for _, name := range []string{
		"path_create_directory", "path_filestat_get", "path_filestat_set_times", "path_link", "path_open",
		"path_readlink", "path_remove_directory", "path_rename", "path_symlink", "path_unlink_file",
	} {
		const eNotDir = 54
		call(t, i, name, 1)
		one := i.Used()
		if errno := call(t, i, name, most); errno != eNotDir {
			t.Errorf("%s: errno %d, want %d", name, errno, eNotDir)
		}
		if got := i.Used(); got-one < 8*(most-1) {
			t.Errorf("%s: a path of one byte costs %d units, and one of %d costs %d", name, one, most, got)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		call(t, i, name, long)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: a path of %d bytes had the host make %d", name, long, got)
		}
	}
}

// Nothing is lost of what is written at once and without an end.
func TestALongWriteIsCutIntoLines(t *testing.T) {
	const long, line = 16<<20 - 64, 8 << 10
	counts := &lineCount{}
	i := instantiate(t, "../../host/vm/testdata/paths", vm.InstanceOptions{Fuel: 1 << 40, Stdout: counts})
	call(t, i, "fill")
	call(t, i, "print", long)
	if counts.lines != (long+line-1)/line || counts.bytes != long {
		t.Errorf("%d bytes came in %d lines, want %d in %d", counts.bytes, counts.lines, long, (long+line-1)/line)
	}
}

// lineCount counts what is written.
type lineCount struct{ lines, bytes int }

func (c *lineCount) Write(p []byte) (int, error) {
	c.lines++
	c.bytes += len(p)
	return len(p), nil
}
