package store_test

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/store"
)

func BenchmarkGet(b *testing.B) {
	a := store.NewMemory(store.Limits{}).Space(store.Namespace{VMID: "a"})
	key := []byte("session/0123456789")
	if err := a.Set(key, make([]byte, 64), 0); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := a.Get(key); err != nil {
				b.Error(err)
			}
		}
	})
}

func benchmarkSet(b *testing.B, s store.Store) {
	a := s.Space(store.Namespace{VMID: "a"})
	key, value := []byte("session/0123456789"), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		for a.Set(key, value, 0) == store.ErrUnavailable {
			time.Sleep(time.Millisecond)
		}
	}
}

func BenchmarkSet(b *testing.B) { benchmarkSet(b, store.NewMemory(store.Limits{})) }

func BenchmarkSetWithTTL(b *testing.B) {
	benchmarkSet(b, store.NewMemory(store.Limits{TTL: []store.TTL{{Prefix: "session/", After: time.Minute}}}))
}

func BenchmarkSetInAFile(b *testing.B) { benchmarkSet(b, open(b, b.TempDir(), store.Limits{})) }

func BenchmarkQueue(b *testing.B) {
	a := store.NewMemory(store.Limits{}).Space(store.Namespace{VMID: "a"})
	id, err := a.Register("q")
	if err != nil {
		b.Fatal(err)
	}
	item := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Enqueue(id, item, 0); err != nil {
			b.Fatal(err)
		}
		if _, _, err := a.Dequeue(id); err != nil {
			b.Fatal(err)
		}
	}
}
