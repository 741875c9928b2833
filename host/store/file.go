package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// FileOptions say where a store is kept, and how safely.
type FileOptions struct {
	// Dir is the directory of the store. It is made where it is missing, but for its
	// parent. Nobody but its owner may write to it.
	Dir string
	// Sync is the longest time from a change to its being on the disk. 0 means that
	// every change is synced as soon as those before it are.
	Sync time.Duration
	// Logger receives what becomes of the file. Nil discards.
	Logger *slog.Logger
}

const (
	logName    = "store.log"
	damageName = "store.log.damaged"
	lockName   = "lock"
)

// file is the Store in a directory.
type file struct {
	*Memory
	lock *os.File
}

// OpenFile opens the store in a directory, with what was in it before. One
// process can have it open at a time.
//
// A call that changes something returns before that is on the disk. So the loss is
// bounded by time: when the process is killed, what was changed in the last moment
// (as long as one write to the file takes); when the machine stops, what was
// changed within FileOptions.Sync. What is left is what there was at one moment: no
// change is there without those before it.
//
// Times to live go on while the process is away. Numbers for compare-and-set begin
// anew: nobody who knew the old ones has outlived the process.
//
// A file whose end cannot be read, as after a crash in the midst of a write, is
// used up to there; the rest is put aside as store.log.damaged, and the log says
// how much that is. A file that is not a store's at all is an error.
func OpenFile(options FileOptions, limits Limits) (Store, error) {
	f, err := openFile(options, limits)
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", options.Dir, err)
	}
	return f, nil
}

func openFile(options FileOptions, limits Limits) (_ *file, err error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if err := prepareDir(options.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(options.Dir, lockName))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	m := NewMemory(limits)
	opened, err := load(m, options.Dir, options.Logger)
	if err != nil {
		return nil, err
	}
	m.journal = &journal{
		log: options.Logger, file: opened, sync: options.Sync, snapshot: m.snapshot,
		waiting: make(map[string]int), wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go m.journal.run()
	return &file{Memory: m, lock: lock}, nil
}

func prepareDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return errors.New("it is not a directory")
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to it (its mode is %04o), and could change what filters rely on: chmod go-w it", info.Mode().Perm())
	}
	return nil
}

// Close implements Store.
func (f *file) Close() error {
	err := f.journal.close()
	return errors.Join(err, f.lock.Close()) // and with it unlocks
}

// wall is a time of the store's clock as the file has it; 0 stays 0.
func (m *Memory) wall(at time.Duration) int64 {
	if at == 0 {
		return 0
	}
	return m.born.Add(at).UnixMilli()
}

// snapshot returns the records that make what there is at one moment, at which it
// calls cut. Nothing can be changed meanwhile; values are referred to, not copied,
// so that it is short.
func (m *Memory) snapshot(cut func()) []record {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := slices.Clone(m.order)
	var queues []*queue
	for _, s := range all {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sweep()
	}
	for _, s := range all {
		for _, q := range s.named {
			q.mu.Lock()
			defer q.mu.Unlock()
			queues = append(queues, q)
		}
	}
	cut()
	var records []record
	for _, s := range all {
		for _, e := range s.data {
			records = append(records, record{op: opSet, ns: s.Namespace, name: []byte(e.key), value: e.value, expires: m.wall(e.expires)})
		}
	}
	for _, q := range queues {
		for i := range q.items.len() {
			records = append(records, record{op: opEnqueue, ns: q.owner.Namespace, name: []byte(q.name), value: q.items.ring[q.items.at(i)].item})
		}
	}
	return records
}
