package store

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// maxBacklog is how many bytes of changes may wait for the disk, of all tenants, one of which the operator is.
// Another change of a tenant's is taken until the disk has caught up if with it no more of the tenant's wait than
// would be free: so who writes as fast as he can has half of it, and leaves as much to the others. Of whom nothing
// waits one change is taken in any case, as large as he may keep it.
const maxBacklog = 16 << 20

// retryAfter is how long to wait before a disk that failed is tried again.
const retryAfter = time.Second

// journal takes the changes of a store to its file. They are put down in memory,
// in their order, by whoever makes them, and written by one goroutine: no filter
// waits for a disk.
type journal struct {
	log  *slog.Logger
	file *logFile
	sync time.Duration // the longest time from a change to its being on the disk
	// snapshot holds all changes of the store up while it calls cut, and returns the
	// records that make what there is then.
	snapshot func(cut func()) []record

	mu      sync.Mutex     // guards what follows
	pending []byte         // changes that are not written yet
	waiting map[string]int // how many bytes of these are each tenant's
	spare   []byte         // what pending was before; the goroutine reads it
	closed  bool

	wake   chan struct{} // there are some, or it is closed
	failed atomic.Bool   // the file cannot be written
	ended  chan struct{} // closed when the goroutine has ended
}

// set puts a change of a key down, before it is made. ErrUnavailable.
func (j *journal) set(ns Namespace, key, value []byte, expires int64) error {
	if j == nil {
		return nil
	}
	return j.put(&record{op: opSet, ns: ns, name: key, value: value, expires: expires}, false)
}

func (j *journal) delete(ns Namespace, key []byte) error {
	if j == nil {
		return nil
	}
	return j.put(&record{op: opDelete, ns: ns, name: key}, false)
}

func (j *journal) enqueue(q *queue, item []byte) error {
	if j == nil {
		return nil
	}
	return j.put(&record{op: opEnqueue, ns: q.owner.Namespace, name: []byte(q.name), value: item}, false)
}

func (j *journal) dequeue(q *queue) error {
	if j == nil {
		return nil
	}
	return j.put(&record{op: opDequeue, ns: q.owner.Namespace, name: []byte(q.name)}, false)
}

// requeue cannot be refused: the item would be lost.
func (j *journal) requeue(q *queue, item []byte) {
	if j == nil {
		return
	}
	_ = j.put(&record{op: opRequeue, ns: q.owner.Namespace, name: []byte(q.name), value: item}, true)
}

func (j *journal) put(r *record, forced bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !forced && (j.closed || j.failed.Load() || !j.room(r)) {
		return ErrUnavailable
	}
	before := len(j.pending)
	j.pending = r.appendTo(j.pending)
	j.waiting[r.ns.Tenant] += len(j.pending) - before
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return nil
}

// room tells whether the change may wait for the disk. The caller holds mu.
func (j *journal) room(r *record) bool {
	mine := j.waiting[r.ns.Tenant]
	return mine == 0 || mine+len(r.name)+len(r.value) <= maxBacklog-len(j.pending)
}

// take is what waits to be written, and tells whether the journal is closed.
func (j *journal) take() (changes []byte, closed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	changes = j.pending
	j.pending = j.spare[:0]
	clear(j.waiting)
	if j.spare = changes; cap(j.spare) > maxBacklog/16 {
		j.spare = nil // what a burst needed is not kept
	}
	return changes, j.closed
}

// close writes what there is and ends the goroutine. An error means that changes
// are lost.
func (j *journal) close() error {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
	<-j.ended
	if j.failed.Load() {
		return errors.Join(errLost, j.file.close())
	}
	return j.file.close()
}

var errLost = errors.New("the store's file could not be written to the end: the changes since its first error are lost")

// run is the goroutine that writes. A file that failed is not trusted again: it
// is written anew, until that succeeds.
func (j *journal) run() {
	defer close(j.ended)
	var due, retry <-chan time.Time // of the next sync, and the next attempt
	for {
		select {
		case <-j.wake:
		case <-due:
			due = nil
			j.flush()
		case <-retry:
			retry = nil
		}
		changes, closed := j.take()
		switch {
		case j.failed.Load():
			if retry == nil || closed {
				j.settle(j.rewrite(changes))
			}
		case len(changes) > 0:
			j.write(changes)
		}
		switch {
		case closed || j.sync == 0:
			j.flush()
		case due == nil && j.file.dirty:
			due = time.After(j.sync)
		}
		if closed {
			return
		}
		if j.failed.Load() && retry == nil {
			retry = time.After(retryAfter)
		}
	}
}

// flush puts what was written on the disk. A file that failed is beyond that.
func (j *journal) flush() {
	if !j.failed.Load() {
		j.settle(j.file.sync())
	}
}

// write takes changes to the file. One that has grown far beyond what it stands
// for is written anew.
func (j *journal) write(changes []byte) {
	if !j.file.outgrown(len(changes)) {
		j.settle(j.file.append(changes))
		return
	}
	if err := j.rewrite(changes); err != nil {
		j.log.Warn("cannot compact the store's file; it is written on as it is", slog.Any("error", err))
	}
}

// rewrite puts a file in place of the old one that holds what there is now. Where
// that fails and the old one is still good, it gets the changes.
func (j *journal) rewrite(changes []byte) error {
	records := j.snapshot(func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		changes = append(changes, j.pending...)
		j.pending = nil
		clear(j.waiting)
	})
	err := j.file.replace(records)
	if err != nil && !j.failed.Load() {
		j.settle(j.file.append(changes))
	}
	return err
}

// settle notes whether the file can be written.
func (j *journal) settle(err error) {
	if before := j.failed.Swap(err != nil); before == (err != nil) {
		return
	}
	if err != nil {
		j.log.Error("the store's file cannot be written: filters can read what they share and change nothing until it can", slog.Any("error", err))
		return
	}
	j.log.Info("the store's file can be written again")
}
