package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/store"
)

// model is what a space should be: maps, and no cleverness.
type model struct {
	limits store.Limits
	values map[string]string
	cas    map[string]uint32   // as they were read
	used   map[string][]uint32 // numbers that a key has had
	queues map[string][]string
}

func (m *model) bytes() (n int64) {
	for key, value := range m.values {
		n += int64(len(key) + len(value))
	}
	return n
}

func (m *model) set(key, value string, cas uint32) error {
	old, there := m.values[key]
	switch {
	case cas != 0 && (!there || cas != m.cas[key]):
		return store.ErrMismatch
	case !there && len(m.values) >= m.limits.Keys,
		!there && m.bytes()+int64(len(key)+len(value)) > m.limits.Bytes,
		there && len(value) > len(old) && m.bytes()+int64(len(value)-len(old)) > m.limits.Bytes:
		return store.ErrFull
	}
	m.values[key] = value
	m.cas[key] = 0 // to be read
	return nil
}

func (m *model) delete(key string, cas uint32) error {
	_, there := m.values[key]
	if cas != 0 && (!there || cas != m.cas[key]) {
		return store.ErrMismatch
	}
	delete(m.values, key)
	return nil
}

func (m *model) enqueue(name, item string) error {
	size := len(item)
	for _, other := range m.queues[name] {
		size += len(other)
	}
	if len(m.queues[name]) >= m.limits.QueueItems || int64(size) > m.limits.QueueBytes {
		return store.ErrFull
	}
	m.queues[name] = append(m.queues[name], item)
	return nil
}

func (m *model) dequeue(name string) (string, error) {
	if len(m.queues[name]) == 0 {
		return "", store.ErrEmpty
	}
	item := m.queues[name][0]
	m.queues[name] = m.queues[name][1:]
	return item, nil
}

// FuzzModel does to a store whatever the input says, and to a model, and compares
// them at each step. A file is closed and opened again now and then.
func FuzzModel(f *testing.F) {
	f.Add([]byte("\x00\x01\x05\x02\x01\x03\x04\x01\x01"), false)
	f.Add([]byte("\x00\x11\x09\x06\x00\x11\x09\x02\x11\x00\x06\x04\x01\x05\x05\x01\x06\x05\x01"), true)
	f.Fuzz(func(t *testing.T, program []byte, onDisk bool) {
		limits := store.Limits{Keys: 3, Bytes: 24, Queues: 2, QueueItems: 3, QueueBytes: 12}
		m := &model{limits: limits, values: map[string]string{}, cas: map[string]uint32{}, used: map[string][]uint32{}, queues: map[string][]string{}}
		dir := ""
		s := store.Store(store.NewMemory(limits))
		if onDisk {
			dir = t.TempDir()
			s = open(t, dir, limits)
		}
		a := s.Space(store.Namespace{VMID: "a"})
		next := func() byte {
			if len(program) == 0 {
				return 0
			}
			b := program[0]
			program = program[1:]
			return b
		}
		name := func() string { return []string{"", "a", "bb", "c\x00", "dddd"}[next()%5] }
		text := func() string { return "0123456789abcdef"[:next()%16] }
		number := func(key string) uint32 {
			switch next() % 3 {
			case 0:
				return 0
			case 1:
				return m.cas[key]
			default:
				return m.cas[key] + uint32(next())
			}
		}
		for len(program) > 0 {
			var got, want error
			var what, is, should string
			switch next() % 7 {
			case 0, 1:
				key, value := name(), text()
				cas := number(key)
				what = "set " + key
				got, want = a.Set([]byte(key), []byte(value), cas), m.set(key, value, cas)
			case 2:
				key := name()
				cas := number(key)
				what = "delete " + key
				got, want = a.Delete([]byte(key), cas), m.delete(key, cas)
			case 3, 4:
				queue, item := name(), text()
				what = "enqueue " + queue
				id, err := a.Register(queue)
				if _, there := m.queues[queue]; !there {
					if len(m.queues) >= limits.Queues {
						if err != store.ErrFull {
							t.Fatalf("queue %q: %v", queue, err)
						}
						continue
					}
					m.queues[queue] = nil
				}
				if err != nil {
					t.Fatalf("queue %q: %v", queue, err)
				}
				got, want = a.Enqueue(id, []byte(item), 0), m.enqueue(queue, item)
			case 5:
				queue := name()
				what = "dequeue " + queue
				id, err := a.Resolve("", queue)
				if _, there := m.queues[queue]; !there {
					if err != store.ErrNotFound {
						t.Fatalf("queue %q: %v", queue, err)
					}
					continue
				}
				item, _, err := a.Dequeue(id)
				is, got = string(item), err
				should, want = m.dequeue(queue)
				if err == nil && next()%2 == 0 {
					if err := a.Requeue(id, item, 0); err != nil {
						t.Fatal(err)
					}
					m.queues[queue] = append([]string{should}, m.queues[queue]...)
				}
			case 6:
				if !onDisk {
					continue
				}
				what = "reopen"
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, dir, limits)
				a = s.Space(store.Namespace{VMID: "a"})
				clear(m.used)
				for queue, items := range m.queues {
					if len(items) == 0 {
						delete(m.queues, queue) // is nothing to keep
					}
				}
			}
			if got != want || is != should {
				t.Fatalf("%s: got %q, %v, want %q, %v", what, is, got, should, want)
			}
			for _, key := range []string{"", "a", "bb", "c\x00", "dddd"} {
				value, cas, err := a.Get([]byte(key))
				wanted, there := m.values[key]
				if (err == nil) != there || string(value) != wanted {
					t.Fatalf("after %s, %q is %q, %v, want %q, %v", what, key, value, err, wanted, there)
				}
				if there && m.cas[key] != cas {
					if slices.Contains(m.used[key], cas) {
						t.Fatalf("%q has the number %d again", key, cas)
					}
					m.used[key] = append(m.used[key], cas)
					m.cas[key] = cas
				}
			}
			stats := s.Stats()
			if len(stats) > 0 && (stats[0].Keys != len(m.values) || stats[0].Bytes != m.bytes()) {
				t.Fatalf("after %s: %+v, want %d keys with %d bytes", what, stats[0], len(m.values), m.bytes())
			}
		}
	})
}

// FuzzLoad opens files that nobody wrote. Whatever is in them, the store comes up
// or says that it does not, and what came up comes up again.
func FuzzLoad(f *testing.F) {
	dir := f.TempDir()
	s := open(f, dir, store.Limits{})
	a := spaceOf(f, s, "a")
	a.set("k", "value", 0, nil)
	a.enqueue(a.register("q"), "item", nil)
	a.delete("k", 0, nil)
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	sample, err := os.ReadFile(filepath.Join(dir, store.LogName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte(store.FileHeader))
	f.Add([]byte(store.FileHeader + "\xff\xff\xff\x3f\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, store.LogName), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.OpenFile(store.FileOptions{Dir: dir, Sync: time.Hour}, store.Limits{})
		if err != nil {
			return
		}
		before := s.Stats()
		s = reopen(t, s, dir, store.Limits{})
		after := s.Stats()
		for i := range before {
			before[i].Queues = 0 // an empty one is not kept
		}
		for i := range after {
			after[i].Queues = 0
		}
		if !slices.Equal(before, after) {
			t.Errorf("opened again it has %+v, not %+v", after, before)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
