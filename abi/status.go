package abi

import "strconv"

// Status is what a host function returns.
type Status uint32

// The statuses. The numbers 5, 9 and 11 (bad expression, an unused one, broken
// connection) are known from other hosts and are never returned by this one,
// except BrokenConnection as the code of a failed callout.
const (
	StatusOK                   Status = 0
	StatusNotFound             Status = 1
	StatusBadArgument          Status = 2
	StatusSerializationFailure Status = 3
	StatusParseFailure         Status = 4
	StatusBadExpression        Status = 5
	StatusInvalidMemoryAccess  Status = 6
	StatusEmpty                Status = 7
	StatusCASMismatch          Status = 8
	StatusInternalFailure      Status = 10
	StatusBrokenConnection     Status = 11
	StatusUnimplemented        Status = 12
)

// String is the status as the specification spells it, such as "NOT_FOUND".
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "OK"
	case StatusNotFound:
		return "NOT_FOUND"
	case StatusBadArgument:
		return "BAD_ARGUMENT"
	case StatusSerializationFailure:
		return "SERIALIZATION_FAILURE"
	case StatusParseFailure:
		return "PARSE_FAILURE"
	case StatusBadExpression:
		return "BAD_EXPRESSION"
	case StatusInvalidMemoryAccess:
		return "INVALID_MEMORY_ACCESS"
	case StatusEmpty:
		return "EMPTY"
	case StatusCASMismatch:
		return "CAS_MISMATCH"
	case StatusInternalFailure:
		return "INTERNAL_FAILURE"
	case StatusBrokenConnection:
		return "BROKEN_CONNECTION"
	case StatusUnimplemented:
		return "UNIMPLEMENTED"
	}
	return unknown("STATUS", uint32(s))
}

// Action is what a callback of a stream returns: whether the stream goes on.
//
// The specification knows 0 and 1. C++ and AssemblyScript guests return up to
// 4; what the larger numbers mean depends on the callback, and a number that is
// not known means the strongest stop there is.
type Action uint32

// The actions of the specification.
const (
	// ActionContinue lets the stream go on.
	ActionContinue Action = 0
	// ActionPause holds the stream until the guest continues it. In a body
	// callback it also means that the body is collected.
	ActionPause Action = 1
)

// The wider actions of a headers callback (C++, AssemblyScript).
const (
	HeadersContinueAndEndStream         Action = 2
	HeadersStopAllIterationAndBuffer    Action = 3
	HeadersStopAllIterationAndWatermark Action = 4
)

// The wider actions of a body callback (C++, AssemblyScript).
const (
	DataStopIterationAndWatermark Action = 2
	DataStopIterationNoBuffer     Action = 3
)

// String is "CONTINUE", "PAUSE", or the number of a wider action.
func (a Action) String() string {
	switch a {
	case ActionContinue:
		return "CONTINUE"
	case ActionPause:
		return "PAUSE"
	}
	return unknown("ACTION", uint32(a))
}

func unknown(kind string, value uint32) string {
	return kind + "(" + strconv.FormatUint(uint64(value), 10) + ")"
}
