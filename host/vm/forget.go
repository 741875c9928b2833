package vm

import (
	"reflect"
	"sync"

	"github.com/tetratelabs/wazero/api"
)

// wazero keeps the bytes of a memory that its owner has freed, and hands them out to whoever asks.
// On Go's heap they would stay as long as anybody has them. In address space of our own they are gone,
// and the next to be there may be another tenant's: to look at them is to crash the process,
// or worse. Nobody does: an instance is closed under the lock that it is called under. But that must not hang
// on one lock alone.

// forget has a memory be empty for all who still hold it. What reads or writes it is out of its
// bounds. Nil is none.
func forget(memory api.Memory) {
	if memory == nil {
		return
	}
	if buffer := bufferOf(memory); buffer.IsValid() {
		buffer.SetZero()
	}
}

// bufferOf is where wazero has the bytes of a memory. It is read off a type that is internal
// there, and a test sees to it that it is there. Else it is not valid.
func bufferOf(memory api.Memory) reflect.Value {
	bufferField.once.Do(func() {
		if t := reflect.TypeOf(memory); t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			if field, ok := t.Elem().FieldByName("Buffer"); ok && field.Type == reflect.TypeFor[[]byte]() {
				bufferField.of, bufferField.index = t, field.Index
			}
		}
	})
	of := reflect.ValueOf(memory)
	if bufferField.of == nil || of.Type() != bufferField.of || of.IsNil() { // nil: a module without a memory
		return reflect.Value{}
	}
	return of.Elem().FieldByIndex(bufferField.index)
}

// bufferField is where the type of wazero's memories has their bytes.
var bufferField struct {
	once  sync.Once
	of    reflect.Type
	index []int
}
