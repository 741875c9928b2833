package vm

import (
	"reflect"
	"sync"

	"github.com/tetratelabs/wazero/api"
)

// Each function that is called has a native stack of its own, in the host's memory. wazero
// gives it 10 KiB and doubles it when the guest recurses, up to a megabyte or two for the
// limit that meter sets, and never makes it smaller: one deep call of each callback would
// leave tens of megabytes with each instance, counted nowhere. So a function whose stack
// has become large is made anew for its next call.

// keptStack is how large a stack may be to be kept.
const keptStack = 128 << 10

// deepUnits is what a call uses at least that could have come to a larger one.
const deepUnits = 2000

// leaveStack lets go of the function's stack after a call, if it has become large. used is
// what the call from outside has used so far. It returns what it has cost to make the stack
// so large: it was doubled again and again, and each time made anew and copied.
func (f *Func) leaveStack(used int64) (units int64) {
	if used < deepUnits {
		return 0
	}
	size := nativeStack(f.fn)
	if size <= keptStack {
		return 0
	}
	f.fn = nil
	return int64(size)
}

// nativeStack is how many bytes of stack a function has. wazero does not tell: it is read
// off what is unexported there, and a test sees to it that it is there.
func nativeStack(fn api.Function) int {
	stackField.once.Do(func() {
		if t := reflect.TypeOf(fn); t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			if field, ok := t.Elem().FieldByName("stack"); ok && field.Type.Kind() == reflect.Slice {
				stackField.of, stackField.index = t, field.Index
			}
		}
	})
	if stackField.of == nil || reflect.TypeOf(fn) != stackField.of {
		return 0
	}
	return reflect.ValueOf(fn).Elem().FieldByIndex(stackField.index).Len()
}

// stackField is where the type of wazero's functions has the stack.
var stackField struct {
	once  sync.Once
	of    reflect.Type
	index []int
}
