package vm

import (
	"reflect"
	"sync"

	"github.com/tetratelabs/wazero/api"
)

// Each function that is called has a native stack of its own, in the host's memory. wazero
// gives it 10 KiB and doubles it when the guest recurses, up to a megabyte or two for the
// limit that meter sets, and never makes it smaller: one deep call of each callback would
// leave tens of megabytes with each instance, counted nowhere. So what they have is
// taken from the pool of the instance's memory, and a function whose stack would be too much
// of it is made anew for its next call.
const (
	// freeStacks is what an instance keeps of stacks without taking it from its pool: six of ten KiB.
	freeStacks = 64 << 10
	// firstStack is how large a stack may be of a function that hardly ever recursed: it
	// is kept, whatever others have.
	firstStack = 16 << 10
	// keptStacks is how much an instance keeps beyond that, of all of its functions together.
	keptStacks = 128 << 10
)

// make makes what wazero calls the function by, and pays for it.
func (f *Func) make() {
	f.fn = f.instance.module.ExportedFunction(f.name)
	f.native = nativeStack(f.fn)
	f.instance.owed += functionUnits
}

// leaveStack looks at the function's stack after a call: what it has grown by is paid for, and
// it is let go of where it has become too large to keep.
func (f *Func) leaveStack() {
	if !f.native.IsValid() {
		return
	}
	size := f.native.Len()
	if size == f.size {
		return
	}
	i := f.instance
	if size > firstStack {
		i.owed += stackUnits * int64(size-f.size)
	}
	if i.keepStack(f.size, size) {
		f.size = size
		return
	}
	i.keepStack(f.size, 0)
	f.fn, f.native, f.size = nil, reflect.Value{}, 0
}

// beyondFirst is what a stack has of keptStacks.
func beyondFirst(size int) int { return max(0, size-firstStack) }

// keepStack has the instance keep a native stack of so many bytes in place of one that had
// another size. False: it has too much of them, or there is not as much in its pool, from which it takes
// whole pages.
func (i *Instance) keepStack(was, is int) bool {
	all, deep := i.stacks+is-was, i.deepStacks+beyondFirst(is)-beyondFirst(was)
	if is > was && deep > keptStacks {
		return false
	}
	taken := int64(pages(uint64(max(0, all-freeStacks))))
	if taken > i.stacksTaken {
		if full, _ := i.pool.try(taken - i.stacksTaken); full != nil {
			return false
		}
	} else {
		i.pool.give(i.stacksTaken - taken)
	}
	i.stacks, i.deepStacks, i.stacksTaken = all, deep, taken
	return true
}

// nativeStack is the stack of a function, a slice. wazero does not tell: it is read off what is
// unexported there, and a test sees to it that it is there. Else it is not valid.
func nativeStack(fn api.Function) reflect.Value {
	stackField.once.Do(func() {
		if t := reflect.TypeOf(fn); t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			if field, ok := t.Elem().FieldByName("stack"); ok && field.Type.Kind() == reflect.Slice {
				stackField.of, stackField.index = t, field.Index
			}
		}
	})
	if stackField.of == nil || reflect.TypeOf(fn) != stackField.of {
		return reflect.Value{}
	}
	return reflect.ValueOf(fn).Elem().FieldByIndex(stackField.index)
}

// stackField is where the type of wazero's functions has the stack.
var stackField struct {
	once  sync.Once
	of    reflect.Type
	index []int
}
