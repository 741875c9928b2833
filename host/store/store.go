package store

import "errors"

// The errors of a Space. They are compared with ==.
var (
	// ErrNotFound: there is no such key or queue.
	ErrNotFound = errors.New("not found")
	// ErrMismatch: the key has another number than the one that was named.
	ErrMismatch = errors.New("changed meanwhile")
	// ErrEmpty: the queue has no item.
	ErrEmpty = errors.New("the queue is empty")
	// ErrFull: it would exceed a bound of the namespace or of the queue.
	ErrFull = errors.New("over the limit")
	// ErrTooLong: a key or a name is longer than MaxNameBytes.
	ErrTooLong = errors.New("the name is too long")
	// ErrUnavailable: the store takes no changes now, because it cannot keep them:
	// its disk fails or is far behind. What it has can be read.
	ErrUnavailable = errors.New("the store cannot be written")
)

// MaxNameBytes is how long a key or a queue's name may be.
const MaxNameBytes = 4 << 10

// Namespace is who shares.
type Namespace struct {
	Tenant string // "" for the operator's own filters
	VMID   string
}

// QueueID names a queue while the process lives. It is never 0.
type QueueID uint32

// A Store keeps the spaces of all namespaces. Its methods, and those of its
// spaces, may be called from any goroutine.
type Store interface {
	// Space is the part that belongs to one namespace. It is there from the first
	// call on, for as long as the store.
	Space(Namespace) Space

	// Configure sets the bounds for what comes. What is there already stays, even
	// where it exceeds them, and keeps its time to live.
	Configure(Limits)

	// Stats counts, namespace by namespace, in the order of their names.
	Stats() []Stats

	// Close ends the use of the store. A file's last changes are on the disk then.
	Close() error
}

// A Space is what one namespace has. Byte slices that are passed in are copied;
// those that are handed out must not be changed.
type Space interface {
	// Limits are the bounds that hold now: Tenant those of its tenant, if it has one.
	Limits() Limits

	// Kept tells whether changes go to a file, too.
	Kept() bool

	// Get returns a value and its number. ErrNotFound.
	Get(key []byte) (value []byte, cas uint32, err error)

	// Set writes a value, if cas is 0 or the key's number. ErrMismatch, ErrFull,
	// ErrTooLong, ErrUnavailable.
	Set(key, value []byte, cas uint32) error

	// Delete removes a key, if cas is 0 or the key's number. To delete what is not
	// there is no error, unless a number was named. ErrMismatch, ErrUnavailable.
	Delete(key []byte, cas uint32) error

	// Register returns the namespace's queue of that name, and makes it where there
	// is none. ErrFull, ErrTooLong.
	Register(name string) (QueueID, error)

	// Resolve returns a queue that another namespace of the same tenant has
	// registered; vmID "" is this one's. ErrNotFound.
	Resolve(vmID, name string) (QueueID, error)

	// Enqueue appends an item to a queue that was registered or resolved by this
	// namespace. depth is how many filters' calls it comes from the inside of; a file
	// does not keep it. ErrNotFound, ErrFull, ErrUnavailable.
	Enqueue(id QueueID, item []byte, depth int) error

	// Dequeue takes the first item. ErrNotFound, ErrEmpty, ErrUnavailable.
	Dequeue(id QueueID) (item []byte, depth int, err error)

	// Requeue puts an item back that Dequeue gave and that could not be delivered.
	// It becomes the first again, whatever the bounds. ErrNotFound.
	Requeue(id QueueID, item []byte, depth int) error

	// Listen has ready called, from any goroutine and without a lock, when an item
	// comes to a queue, and at once when there are some. Of several listeners the
	// last one is told, until it stops. ready must not block. ErrNotFound.
	Listen(id QueueID, ready func()) (stop func(), err error)

	// Depth is how many items a queue has, and a number that changes with each item
	// that comes or goes. ErrNotFound.
	Depth(id QueueID) (items int, changes uint64, err error)
}

// Stats is what a namespace has.
type Stats struct {
	Namespace
	Keys   int   // those whose time is over among them, until somebody writes
	Bytes  int64 // of keys and values
	Queues int
	Items  int   // in all queues
	Queued int64 // bytes of these items
	// Refused counts what was turned away, ever: ErrFull and ErrUnavailable.
	Refused uint64
}
