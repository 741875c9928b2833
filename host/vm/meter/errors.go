package meter

import "fmt"

// An Error says what is wrong with a module and where.
type Error struct {
	Offset int // in bytes from the start of the module
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (at offset %#x)", e.Reason, e.Offset) }

// A LimitError says that a module has more of something than Options allow.
type LimitError struct {
	What  string // in the plural: "functions", "bytes in function 7"
	Have  uint64
	Limit uint64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the module has %d %s, more than the limit of %d", e.Have, e.What, e.Limit)
}
