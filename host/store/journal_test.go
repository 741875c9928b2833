package store_test

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/store"
)

// One tenant writes more than the disk takes.
func TestATenantsChangesLeaveRoomForThoseOfOthers(t *testing.T) {
	s, err := store.OpenFile(store.FileOptions{Dir: t.TempDir(), Sync: time.Hour}, store.Limits{Bytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	of := func(tenant string) store.Space { return s.Space(store.Namespace{Tenant: tenant, VMID: "v"}) }
	release := store.HoldDisk(t, s)
	value := make([]byte, 1<<20)
	if err := of("a").Set([]byte("first"), value, 0); err != nil {
		t.Fatal(err)
	}
	for store.Backlog(s) > 0 { // until that is on its way to the disk
		time.Sleep(time.Millisecond)
	}
	for _, tenant := range []struct {
		name string
		want int // of 16 MiB
	}{{"a", 8}, {"b", 4}, {"", 2}, {"c", 1}, {"d", 1}, {"e", 1}} {
		took := 0
		for of(tenant.name).Set([]byte("k"), value, 0) == nil {
			took++
		}
		if took != tenant.want {
			t.Errorf("%q made %d changes of a MiB, want %d", tenant.name, took, tenant.want)
		}
	}
	if err := of("f").Set([]byte("k"), make([]byte, 20<<20), 0); err != nil {
		t.Errorf("a change that is larger than all that may wait: %v", err)
	}
	for _, test := range []struct {
		tenant string
		want   error
	}{{"f", store.ErrUnavailable}, {"g", nil}} {
		if err := of(test.tenant).Set([]byte("small"), []byte("v"), 0); err != test.want {
			t.Errorf("%q: got %v, want %v", test.tenant, err, test.want)
		}
	}
	release()
	for of("a").Set([]byte("k"), value, 0) != nil { // the file is put in place again
		time.Sleep(time.Millisecond)
	}
}
