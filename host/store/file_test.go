package store_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_WRITER"); dir != "" {
		writeForEver(dir)
	}
	goleak.VerifyTestMain(m)
}

// reopen closes a store and opens it again.
func reopen(t *testing.T, s store.Store, dir string, limits store.Limits) store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, limits)
}

func TestAFileBringsEverythingBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	limits := store.Limits{TTL: []store.TTL{{Prefix: "hour/", After: time.Hour}, {Prefix: "now/", After: time.Millisecond}}}
	s := open(t, dir, limits)
	a, b := spaceOf(t, s, "a"), spaceOf(t, s, "b")
	a.set("k", "1", 0, nil)
	a.set("k", "2", 0, nil)
	a.set("gone", "x", 0, nil)
	a.delete("gone", 0, nil)
	a.set("hour/1", "h", 0, nil)
	a.set("now/1", "n", 0, nil)
	b.set("binary\x00\xff", "\x00\xff", 0, nil)
	id := a.register("q")
	for _, item := range []string{"1", "2", "", "4"} {
		a.enqueue(id, item, nil)
	}
	a.dequeue(id, "1")
	item, _, err := a.Dequeue(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Requeue(id, item, 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)

	for range 2 {
		s = reopen(t, s, dir, limits)
		a, b = spaceOf(t, s, "a"), spaceOf(t, s, "b")
		a.get("k", "2")
		a.absent("gone")
		a.absent("now/1")
		a.get("hour/1", "h")
		b.get("binary\x00\xff", "\x00\xff")
	}
	id = a.register("q")
	told := false
	stop, err := a.Listen(id, func() { told = true })
	if err != nil || !told {
		t.Errorf("of what came back the listener was told %v, %v", told, err)
	}
	stop()
	for _, want := range []string{"2", "", "4", "(empty)"} {
		a.dequeue(id, want)
	}
	want := []store.Stats{
		{Namespace: store.Namespace{VMID: "a"}, Keys: 2, Bytes: 9, Queues: 1},
		{Namespace: store.Namespace{VMID: "b"}, Keys: 1, Bytes: 10},
	}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestADirectoryIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	_, err := store.OpenFile(store.FileOptions{Dir: dir}, store.Limits{})
	if want := fmt.Sprintf("open the store in %s: another process has it open (pid %d)", dir, os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("a second one: got %v, want %s", err, want)
	}
	reopen(t, s, dir, store.Limits{})
}

func TestADirectoryThatOthersWriteToIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	_, err := store.OpenFile(store.FileOptions{Dir: dir}, store.Limits{})
	if err == nil || !strings.Contains(err.Error(), "others may write to it (its mode is 0770)") {
		t.Errorf("got %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(dir, "no", "parent")} {
		if _, err := store.OpenFile(store.FileOptions{Dir: path}, store.Limits{}); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

func TestAForeignFileIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.LogName)
	const foreign = "sluice store 2\nof a later version"
	if err := os.WriteFile(path, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenFile(store.FileOptions{Dir: dir}, store.Limits{}); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(path); string(got) != foreign {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

// A crash can end the file anywhere. Whatever is left of it is what there was
// after one of the changes, and the log says what was lost.
func TestAFileCutAnywhereIsAMomentOfItsHistory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	a := spaceOf(t, s, "a")
	moments := []string{state(a)}
	do := func(change func()) {
		change()
		moments = append(moments, state(a))
	}
	id := a.register("q")
	do(func() { a.set("k", "1", 0, nil) })
	do(func() { a.enqueue(id, "item", nil) })
	do(func() { a.set("k", "22", 0, nil) })
	do(func() { a.dequeue(id, "item") })
	do(func() { a.delete("k", 0, nil) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, store.LogName))
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for size := range len(whole) + 1 {
		for _, flip := range []bool{false, true} {
			cut := bytes.Clone(whole[:size])
			if flip {
				if size < len(store.FileHeader)+1 {
					continue
				}
				cut[size-1] ^= 0x55
			}
			dir := t.TempDir()
			path := filepath.Join(dir, store.LogName)
			if err := os.WriteFile(path, cut, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err := store.OpenFile(store.FileOptions{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))}, store.Limits{})
			if err != nil {
				t.Fatalf("cut at %d: %v", size, err)
			}
			a := spaceOf(t, s, "a")
			got := state(a)
			if !flip && at+1 < len(moments) && got == moments[at+1] {
				at++
			}
			if got != moments[at] && !(flip && at > 0 && got == moments[at-1]) {
				t.Fatalf("cut at %d of %d, flipped %v: got %s, want %s", size, len(whole), flip, got, moments[at])
			}
			// It goes on from there.
			a.set("more", "x", 0, nil)
			s = reopen(t, s, dir, store.Limits{})
			spaceOf(t, s, "a").get("more", "x")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage, err := os.ReadFile(filepath.Join(dir, store.DamageName))
			if said := strings.Contains(log.String(), fmt.Sprintf("bytes_lost=%d", len(damage))); (err == nil) != said || err == nil && !bytes.HasSuffix(cut, damage) {
				t.Fatalf("cut at %d, flipped %v: %q is put aside (%v), and the log says\n%s", size, flip, damage, err, log.String())
			}
			if flip && err != nil {
				t.Fatalf("damage at %d went unnoticed", size-1)
			}
		}
	}
	if at != len(moments)-1 {
		t.Errorf("%d of %d moments were seen", at+1, len(moments))
	}
}

// state is what the key k and the queue q hold.
func state(a space) string {
	value, _, err := a.Get([]byte("k"))
	if err != nil {
		value = []byte("(none)")
	}
	items := -1
	if id, err := a.Resolve("", "q"); err == nil {
		items, _, _ = a.Depth(id)
	}
	return fmt.Sprintf("k=%s q=%d", value, max(items, 0))
}

func TestAFileDoesNotGrowForEver(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	a := spaceOf(t, s, "a")
	id := a.register("q")
	value := strings.Repeat("x", 10_000)
	for i := range 5_000 { // 100 MB
		for a.Set([]byte(fmt.Sprint("k", i%10)), []byte(value), 0) == store.ErrUnavailable {
			time.Sleep(time.Millisecond) // the disk is far behind
		}
		for a.Enqueue(id, []byte(value), 0) == store.ErrUnavailable {
			time.Sleep(time.Millisecond)
		}
		a.dequeueAll(id)
	}
	a.set("last", "1", 0, nil)
	a.enqueue(id, "item", nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := store.FileSize(t, dir); got > 40<<20 {
		t.Errorf("the file has %d MiB", got>>20)
	}
	s = open(t, dir, store.Limits{})
	a = spaceOf(t, s, "a")
	a.get("last", "1")
	for i := range 10 {
		a.get(fmt.Sprint("k", i), value)
	}
	a.dequeue(a.register("q"), "item")
}

func (s space) dequeueAll(id store.QueueID) {
	for {
		switch _, _, err := s.Dequeue(id); err {
		case nil:
		case store.ErrUnavailable:
			time.Sleep(time.Millisecond)
		case store.ErrEmpty:
			return
		default:
			s.t.Fatal(err)
		}
	}
}

func TestADiskThatFailsRefusesChangesUntilItWorks(t *testing.T) {
	dir := t.TempDir()
	log, lines := io.Pipe()
	said := make(chan string, 64)
	go func() {
		defer close(said)
		text := make([]byte, 4096)
		for {
			n, err := log.Read(text)
			if err != nil {
				return
			}
			said <- string(text[:n])
		}
	}()
	s, err := store.OpenFile(store.FileOptions{Dir: dir, Logger: slog.New(slog.NewTextHandler(lines, nil))}, store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	a := spaceOf(t, s, "a")
	a.set("k", "1", 0, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = store.OpenFile(store.FileOptions{Dir: dir, Sync: time.Hour, Logger: slog.New(slog.NewTextHandler(lines, nil))}, store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	a = spaceOf(t, s, "a")
	// The directory is in the way of a new file, too.
	blocker := filepath.Join(dir, store.LogName+".new")
	if err := os.Mkdir(blocker, 0o700); err != nil {
		t.Fatal(err)
	}
	store.FailDisk(t, s)
	a.set("k", "2", 0, nil) // taken, and then the disk fails
	if line := <-said; !strings.Contains(line, "no space left on device") {
		t.Errorf("the log says %s", line)
	}
	a.set("k", "3", 0, store.ErrUnavailable)
	a.delete("k", 0, store.ErrUnavailable)
	a.get("k", "2")
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	if line := <-said; !strings.Contains(line, "can be written again") {
		t.Errorf("the log says %s", line)
	}
	a.set("other", "4", 0, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	a.set("late", "5", 0, store.ErrUnavailable)
	_ = lines.Close()
	<-said
	a = spaceOf(t, open(t, dir, store.Limits{}), "a")
	a.get("k", "2")
	a.get("other", "4")
	a.absent("late")
}

func TestLossesAtTheEndAreAnError(t *testing.T) {
	dir := t.TempDir()
	s, err := store.OpenFile(store.FileOptions{Dir: dir, Sync: time.Hour}, store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, store.LogName+".new"), 0o700); err != nil {
		t.Fatal(err)
	}
	store.FailDisk(t, s)
	spaceOf(t, s, "a").set("k", "1", 0, nil)
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "are lost") {
		t.Errorf("got %v", err)
	}
}

// writeForEver is a process of its own: it counts in a store, in two keys that
// follow each other, from where another such process has come to.
func writeForEver(dir string) {
	s, err := store.OpenFile(store.FileOptions{Dir: dir}, store.Limits{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	a := s.Space(store.Namespace{VMID: "a"})
	n := 1
	if value, _, err := a.Get([]byte("first")); err == nil {
		fmt.Sscan(string(value), &n)
	}
	for ; ; n++ {
		value := fmt.Appendf(nil, "%d", n)
		for _, key := range []string{"first", "second"} {
			for a.Set([]byte(key), value, 0) != nil {
				time.Sleep(time.Millisecond) // the disk is far behind
			}
		}
	}
}

func TestAKilledProcessLeavesAMomentOfItsHistory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.LogName)
	for round := range 5 {
		before, _ := os.Stat(path) // nil before the first round
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_TEST_WRITER="+dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Once something has got to the file, however long that takes, each moment is as good as another.
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			now, err := os.Stat(path)
			if err == nil && now.Size() > 1000 && (before == nil || now.Size() > before.Size()+1000 || !os.SameFile(now, before)) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the process has written nothing: %v", err)
			}
		}
		time.Sleep(time.Duration(round*round) * 7 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()

		s := open(t, dir, store.Limits{})
		a := s.Space(store.Namespace{VMID: "a"})
		var first, second int
		for key, n := range map[string]*int{"first": &first, "second": &second} {
			value, _, err := a.Get([]byte(key))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Sscan(string(value), n)
		}
		if first-second < 0 || first-second > 1 || first == 0 {
			t.Errorf("after the kill, first is %d and second %d", first, second)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
