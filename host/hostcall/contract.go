package hostcall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// A Contract is what a guest may rely on of one function. It stands beside the
// registration, not in it, so that one page has all of them; the tests hold every
// status that a function gives against it, and README.md of package host is made
// of it.
type Contract struct {
	// Versions are the versions of the ABI that have it.
	Versions string
	// Phases is where it does something: in the words of the table of phases, or
	// "all". Elsewhere it answers BAD_ARGUMENT or NOT_FOUND.
	Phases string
	// Statuses are what it answers beside what any function may: OK,
	// INVALID_MEMORY_ACCESS where it takes an address, and INTERNAL_FAILURE
	// while the guest's allocator runs or where its fuel does not suffice.
	Statuses []abi.Status
}

// The versions of the ABI that have a function.
const (
	everyVersion = "all"
	since020     = "0.2.0, 0.2.1"
	only021      = "0.2.1"
	only010      = "0.1.0"
)

// The phases that a function serves.
const (
	allPhases    = "all"
	anyTime      = "all, while a module starts and its allocator runs too"
	dataPhases   = "as the table of data says"
	inStream     = "in every callback of a stream"
	heldStream   = "any callback; acts on a stream that is held"
	answerPhases = "in proxy_on_http_call_response and proxy_on_grpc_close"
)

var contracts = map[string]Contract{
	abi.ImportLog:                       {everyVersion, anyTime, []abi.Status{abi.StatusBadArgument}},
	abi.ImportGetLogLevel:               {only021, anyTime, nil},
	abi.ImportGetCurrentTimeNanoseconds: {everyVersion, anyTime, nil},
	abi.ImportSetTickPeriodMilliseconds: {everyVersion, allPhases + "; the ticks are the root's", []abi.Status{abi.StatusBadArgument}},
	abi.ImportSetEffectiveContext:       {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportDone:                      {everyVersion, "from proxy_on_done until the context is deleted", []abi.Status{abi.StatusNotFound}},

	abi.ImportGetBufferBytes:  {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument, abi.StatusNotFound}},
	abi.ImportSetBufferBytes:  {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportGetBufferStatus: {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument, abi.StatusNotFound}},

	abi.ImportGetHeaderMapSize:      {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportGetHeaderMapPairs:     {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportSetHeaderMapPairs:     {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportGetHeaderMapValue:     {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument, abi.StatusNotFound}},
	abi.ImportAddHeaderMapValue:     {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportReplaceHeaderMapValue: {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportRemoveHeaderMapValue:  {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},

	abi.ImportContinueStream:    {since020, heldStream, []abi.Status{abi.StatusBadArgument, abi.StatusUnimplemented}},
	abi.ImportCloseStream:       {since020, "any callback, with a stream's context", []abi.Status{abi.StatusBadArgument}},
	abi.ImportSendLocalResponse: {everyVersion, dataPhases, []abi.Status{abi.StatusBadArgument}},
	abi.ImportGetStatus:         {everyVersion, answerPhases, []abi.Status{abi.StatusNotFound}},

	abi.ImportHTTPCall:   {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument, abi.StatusInternalFailure}},
	abi.ImportGRPCCall:   {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument, abi.StatusParseFailure, abi.StatusInternalFailure, abi.StatusUnimplemented}},
	abi.ImportGRPCStream: {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument, abi.StatusParseFailure, abi.StatusInternalFailure, abi.StatusUnimplemented}},
	abi.ImportGRPCSend:   {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument, abi.StatusNotFound, abi.StatusInternalFailure, abi.StatusUnimplemented}},
	abi.ImportGRPCCancel: {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusUnimplemented}},
	abi.ImportGRPCClose:  {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusUnimplemented}},

	abi.ImportGetSharedData:       {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusBadArgument}},
	abi.ImportSetSharedData:       {everyVersion, allPhases, []abi.Status{abi.StatusCASMismatch, abi.StatusBadArgument, abi.StatusInternalFailure}},
	abi.ImportRegisterSharedQueue: {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument, abi.StatusInternalFailure}},
	abi.ImportResolveSharedQueue:  {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusBadArgument}},
	abi.ImportEnqueueSharedQueue:  {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusInternalFailure}},
	abi.ImportDequeueSharedQueue:  {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusEmpty}},
	abi.ImportDefineMetric:        {everyVersion, allPhases, []abi.Status{abi.StatusBadArgument, abi.StatusInternalFailure}},
	abi.ImportRecordMetric:        {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusBadArgument}},
	abi.ImportIncrementMetric:     {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusBadArgument}},
	abi.ImportGetMetric:           {everyVersion, allPhases, []abi.Status{abi.StatusNotFound, abi.StatusBadArgument}},
	abi.ImportGetProperty:         {everyVersion, allPhases + "; a stream's " + inStream, []abi.Status{abi.StatusNotFound, abi.StatusInternalFailure}},
	abi.ImportSetProperty:         {everyVersion, "as the root; " + inStream + " but its first and the last three", []abi.Status{abi.StatusBadArgument}},
	abi.ImportCallForeignFunction: {everyVersion, allPhases, []abi.Status{abi.StatusNotFound}},
	abi.ImportGetConfiguration:    {only010, allPhases + "; nothing but in proxy_on_vm_start and proxy_on_configure", nil},
	abi.ImportContinueRequest:     {only010, heldStream, []abi.Status{abi.StatusBadArgument}},
	abi.ImportContinueResponse:    {only010, heldStream, []abi.Status{abi.StatusBadArgument}},
	abi.ImportClearRouteCache:     {only010, allPhases, nil},
}

// anyStatusOf are functions that pass on the status of somebody else: the
// function of a foreign function, the engine behind a property.
var anyStatusOf = map[string]bool{abi.ImportCallForeignFunction: true, abi.ImportGetProperty: true}

// ContractOf returns the contract of one of Names.
func ContractOf(name string) (c Contract, ok bool) {
	c, ok = contracts[name]
	return c, ok
}

// Answers tells whether a function may give a status.
func (c Contract) Answers(name string, s abi.Status) bool {
	f := functions[name]
	switch {
	case s == abi.StatusOK, s == abi.StatusInternalFailure, anyStatusOf[name]:
		return true
	case s == abi.StatusInvalidMemoryAccess:
		return strings.ContainsAny(f.args, "bwWoO")
	}
	return slices.Contains(c.Statuses, s)
}

// Table is the table of all functions, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| function | parameters | ABI | where | statuses beside OK |\n|---|---|---|---|---|\n")
	for _, name := range Names() {
		f, c := functions[name], contracts[name]
		var statuses []string
		if strings.ContainsAny(f.args, "bwWoO") {
			statuses = append(statuses, abi.StatusInvalidMemoryAccess.String())
		}
		for _, s := range c.Statuses {
			statuses = append(statuses, s.String())
		}
		if anyStatusOf[name] {
			statuses = append(statuses, "what it is passed on")
		}
		if statuses == nil {
			statuses = []string{"–"}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, parameters(f.args), c.Versions, c.Phases, strings.Join(statuses, ", "))
	}
	return b.String()
}

// parameters writes what a function takes.
func parameters(args string) string {
	var words []string
	for _, arg := range args {
		switch arg {
		case 'v':
			words = append(words, "i32")
		case 'V':
			words = append(words, "i64")
		case 'b':
			words = append(words, "bytes")
		case 'w':
			words = append(words, "→u32")
		case 'W':
			words = append(words, "→u64")
		case 'o':
			words = append(words, "→bytes")
		case 'O':
			words = append(words, "→bytes or 0")
		}
	}
	if words == nil {
		return "–"
	}
	return strings.Join(words, ", ")
}

// Results tells which parameters of a function of Names, by their place, are
// addresses of results, and how many bytes are written there. Where a parameter
// may be 0 for a result that is not wanted, nothing is then.
func Results(name string) map[int]uint32 {
	f, ok := functions[name]
	if !ok {
		return nil
	}
	results := make(map[int]uint32)
	n := 0
	for _, arg := range f.args {
		switch arg {
		case 'b':
			n += 2
		case 'V':
			n += 2
		case 'w':
			results[n] = 4
			n++
		case 'W':
			results[n] = 8
			n++
		case 'o', 'O':
			results[n], results[n+1] = 4, 4
			n += 2
		default:
			n++
		}
	}
	return results
}
