package host_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// A use is one way to call a function, legal or not. TestEveryFunctionInEveryCallback makes it in every callback.
type use struct {
	function string
	args     []any
	// alone says that it may end its stream, or change what uses behind it find: it gets a stream of its own in each callback.
	alone bool
	// before is made before it, and after behind it, so that uses behind it find what this one did.
	before, after *use
}

// Arguments of a use beside those of hosttest.Driver.Call.
type (
	// span is an address and a length that are not those of an argument's text.
	span struct{ at, size uint32 }
	// address is where a result is to go.
	address uint32
	// known is a number that the host has given at the start: of a queue, a metric; or given, by the use before.
	known string
	// own is the context that the callback is for.
	own struct{}
)

func (s span) String() string {
	if s.size == 0 {
		return "nowhere+0"
	}
	return fmt.Sprintf("%v+%d", address(s.at), s.size)
}

func (a address) String() string {
	switch {
	case a == 0:
		return "0"
	case a > 1<<31:
		return fmt.Sprintf("-%d", -uint32(a))
	case a > hosttest.DriverMemory:
		return fmt.Sprintf("end+%d", a-hosttest.DriverMemory)
	}
	return fmt.Sprintf("end-%d", hosttest.DriverMemory-a)
}

// String is the use as the golden files have it.
func (u use) String() string {
	var words []string
	for _, arg := range u.args {
		switch arg := arg.(type) {
		case string:
			if len(arg) > 64 {
				words = append(words, fmt.Sprintf("%d bytes", len(arg)))
				continue
			}
			words = append(words, fmt.Sprintf("%q", arg))
		case []abi.Pair:
			words = append(words, fmt.Sprint(arg))
		case hosttest.Result:
			words = append(words, "→")
		case own:
			words = append(words, "the callback's")
		case known:
			if words = append(words, "the "+string(arg)); arg == given {
				words[len(words)-1] = "its number"
			}
		case fmt.Stringer:
			words = append(words, arg.String())
		default:
			words = append(words, fmt.Sprint(arg))
		}
	}
	text := u.function + "(" + strings.Join(words, ", ") + ")"
	if u.before != nil {
		text = u.before.String() + ", " + text
	}
	return text
}

// call is the host call that the use is.
func (u use) call(d *hosttest.Driver, context uint32, numbers map[known]uint32) *hosttest.HostCall {
	var args []any
	for _, arg := range u.args {
		switch arg := arg.(type) {
		case span:
			args = append(args, int(arg.at), int(arg.size))
		case address:
			args = append(args, int(arg))
		case known:
			args = append(args, int(numbers[arg]))
		case own:
			args = append(args, int(context))
		case []abi.Pair:
			args = append(args, string(abi.AppendPairs(nil, arg)))
		case abi.MapType:
			args = append(args, int(arg))
		case abi.BufferType:
			args = append(args, int(arg))
		case abi.StreamType:
			args = append(args, int(arg))
		case abi.MetricType:
			args = append(args, int(arg))
		case abi.LogLevel:
			args = append(args, int(arg))
		default:
			args = append(args, arg)
		}
	}
	return d.Call(u.function, args...)
}

// pair makes a map's pairs of names and values.
func pairs(words ...string) (all []abi.Pair) {
	for pair := range slices.Chunk(words, 2) {
		all = append(all, abi.Pair{Key: pair[0], Value: pair[1]})
	}
	return all
}

// everyUse are the uses of all functions: those of readableUses, and then, made from the first of each function, those with addresses and lengths that
// are none.
func everyUse() (uses []use) {
	uses = readableUses()
	return append(uses, badAddresses(uses)...)
}

// readableUses are those that mean something, and those that are illegal by what they say.
func readableUses() (uses []use) {
	const everything = 1<<31 - 1
	result := hosttest.Result{}
	add := func(function string, args ...any) *use {
		uses = append(uses, use{function: function, args: args})
		return &uses[len(uses)-1]
	}
	alone := func(function string, args ...any) { add(function, args...).alone = true }

	for level := range abi.LogLevel(7) {
		add(abi.ImportLog, level, "a line")
	}
	add(abi.ImportGetLogLevel, result)
	add(abi.ImportGetCurrentTimeNanoseconds, result)
	alone(abi.ImportSetTickPeriodMilliseconds, 1)
	alone(abi.ImportSetTickPeriodMilliseconds, 0)
	uses[len(uses)-1].after = &use{function: abi.ImportSetTickPeriodMilliseconds, args: []any{1}}
	alone(abi.ImportSetEffectiveContext, own{})
	alone(abi.ImportSetEffectiveContext, 1)
	alone(abi.ImportSetEffectiveContext, 0)
	alone(abi.ImportSetEffectiveContext, 1<<20)
	alone(abi.ImportDone)

	for b := range abi.BufferType(10) {
		add(abi.ImportGetBufferBytes, b, 0, everything, result, result)
	}
	add(abi.ImportGetBufferBytes, abi.BufferTypeHTTPRequestBody, 100, 1, result, result)
	add(abi.ImportGetBufferBytes, abi.BufferTypeHTTPRequestBody, 1, -1, result, result)
	for b := range abi.BufferType(10) {
		add(abi.ImportSetBufferBytes, b, 0, 0, "")
	}
	add(abi.ImportSetBufferBytes, abi.BufferTypeHTTPRequestBody, everything, 0, "")
	alone(abi.ImportSetBufferBytes, abi.BufferTypeHTTPRequestBody, 1, -1, "") // which is no JSON any more
	alone(abi.ImportSetBufferBytes, abi.BufferTypeHTTPRequestBody, 0, everything, `{"Image":"a"}`)
	alone(abi.ImportSetBufferBytes, abi.BufferTypeHTTPResponseBody, 0, everything, `{}`)
	alone(abi.ImportSetBufferBytes, abi.BufferTypeHTTPRequestBody, 0, everything, strings.Repeat("a", 8<<10)) // more than limits.body
	for b := range abi.BufferType(10) {
		add(abi.ImportGetBufferStatus, b, result, result)
	}

	for m := range abi.MapType(9) {
		add(abi.ImportGetHeaderMapSize, m, result)
	}
	for m := range abi.MapType(9) {
		add(abi.ImportGetHeaderMapPairs, m, result, result)
	}
	for m := range abi.MapType(9) {
		add(abi.ImportGetHeaderMapValue, m, "x-absent", result, result)
	}
	add(abi.ImportGetHeaderMapValue, abi.MapTypeHTTPRequestHeaders, "X-Tag", result, result)
	add(abi.ImportGetHeaderMapValue, abi.MapTypeHTTPResponseHeaders, ":status", result, result)
	add(abi.ImportGetHeaderMapValue, abi.MapTypeHTTPRequestTrailers, "X-Tag", result, result)
	add(abi.ImportGetHeaderMapValue, abi.MapTypeHTTPResponseTrailers, "X-Tag", result, result)
	add(abi.ImportGetHeaderMapValue, abi.MapTypeHTTPCallResponseHeaders, ":status", result, result)
	for m := range abi.MapType(9) {
		add(abi.ImportAddHeaderMapValue, m, "x-use", "1")
	}
	for m := range abi.MapType(9) {
		add(abi.ImportReplaceHeaderMapValue, m, "x-use", "2")
	}
	for m := range abi.MapType(9) {
		add(abi.ImportRemoveHeaderMapValue, m, "x-use")
	}
	alone(abi.ImportSetHeaderMapPairs, abi.MapTypeHTTPRequestHeaders, pairs(":method", "POST", ":path", "/containers/create", ":authority", "d", ":scheme", "http", "content-type", "application/json"))
	alone(abi.ImportSetHeaderMapPairs, abi.MapTypeHTTPResponseHeaders, pairs(":status", "200", "content-type", "application/json"))
	for m := range abi.MapType(9) {
		if m != abi.MapTypeHTTPRequestHeaders && m != abi.MapTypeHTTPResponseHeaders {
			add(abi.ImportSetHeaderMapPairs, m, pairs("x-use", "1"))
		}
	}
	add(abi.ImportSetHeaderMapPairs, abi.MapTypeHTTPRequestHeaders, "\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00")

	for s := range abi.StreamType(5) {
		alone(abi.ImportContinueStream, s)
	}
	for s := range abi.StreamType(5) {
		alone(abi.ImportCloseStream, s)
	}
	alone(abi.ImportSendLocalResponse, 403, "details", "no", pairs("x-why", "because"), -1)
	alone(abi.ImportSendLocalResponse, 403, "", "", "", 7)
	alone(abi.ImportSendLocalResponse, 42, "", "", "", -1)
	alone(abi.ImportSendLocalResponse, 403, "", "", "\x01", -1)
	alone(abi.ImportSendLocalResponse, 403, "", strings.Repeat("a", 8<<10), "", -1)
	add(abi.ImportGetStatus, result, result, result)

	request := pairs(":method", "POST", ":path", "/call", ":authority", "service")
	add(abi.ImportHTTPCall, "service", request, "ping", "", 1000, result)
	add(abi.ImportHTTPCall, "nobody", request, "", "", 1000, result)
	add(abi.ImportHTTPCall, "service", pairs(":method", "POST", ":path", "/call"), "", "", 1000, result)
	add(abi.ImportHTTPCall, "service", "\x01", "", "", 1000, result)
	add(abi.ImportGRPCCall, "grpc", "Greeter", "Hello", "", "ping", 1000, result)
	add(abi.ImportGRPCCall, "nobody", "Greeter", "Hello", "", "ping", 1000, result)
	add(abi.ImportGRPCCall, "grpc", "Greeter", "Hello", "\x01", "ping", 1000, result)
	add(abi.ImportGRPCStream, "grpc", "Greeter", "Hello", "", result)
	add(abi.ImportGRPCStream, "nobody", "Greeter", "Hello", "", result)
	add(abi.ImportGRPCSend, 1<<20, "ping", 0)
	add(abi.ImportGRPCCancel, 1<<20)
	add(abi.ImportGRPCClose, 1<<20)
	for _, begun := range []use{
		{function: abi.ImportGRPCStream, args: []any{"grpc", "Greeter", "Hello", "", result}},
		{function: abi.ImportGRPCCall, args: []any{"grpc", "Greeter", "Hello", "", "ping", 1000, result}},
		{function: abi.ImportHTTPCall, args: []any{"service", request, "ping", "", 1000, result}},
	} {
		add(abi.ImportGRPCSend, given, "ping", 0).before = &begun
		add(abi.ImportGRPCSend, given, "ping", 1).before = &begun
		add(abi.ImportGRPCClose, given).before = &begun
		add(abi.ImportGRPCCancel, given).before = &begun
	}

	add(abi.ImportSetSharedData, "key", "value", 0)
	add(abi.ImportSetSharedData, "key", "value", 1<<30)
	add(abi.ImportSetSharedData, strings.Repeat("k", 1<<12), "value", 0)
	add(abi.ImportGetSharedData, "key", result, result, result)
	add(abi.ImportGetSharedData, "absent", result, result, result)
	add(abi.ImportGetSharedData, strings.Repeat("k", 1<<12), result, result, result)
	add(abi.ImportRegisterSharedQueue, "jobs", result)
	add(abi.ImportResolveSharedQueue, "", "jobs", result)
	add(abi.ImportResolveSharedQueue, "nobody", "jobs", result)
	add(abi.ImportEnqueueSharedQueue, known("queue"), "job").after = &use{function: abi.ImportDequeueSharedQueue, args: []any{known("queue"), result, result}}
	add(abi.ImportEnqueueSharedQueue, 1<<20, "job")
	add(abi.ImportDequeueSharedQueue, known("queue"), result, result)
	add(abi.ImportDequeueSharedQueue, 1<<20, result, result)
	filled := &use{function: abi.ImportEnqueueSharedQueue, args: []any{known("queue"), "job"}}
	add(abi.ImportDequeueSharedQueue, known("queue"), result, result).before = filled

	add(abi.ImportDefineMetric, abi.MetricTypeCounter, "uses", result)
	add(abi.ImportDefineMetric, abi.MetricTypeGauge, "uses", result)
	add(abi.ImportDefineMetric, 3, "uses", result)
	for _, metric := range []known{"counter", "gauge", "histogram", "nothing"} {
		add(abi.ImportRecordMetric, metric, uint64(1))
		add(abi.ImportIncrementMetric, metric, uint64(1))
		add(abi.ImportIncrementMetric, metric, uint64(1<<64-1))
		add(abi.ImportGetMetric, metric, result)
	}

	add(abi.ImportGetProperty, "plugin_name", result, result)
	add(abi.ImportGetProperty, "docker\x00operation", result, result)
	add(abi.ImportGetProperty, "response\x00code", result, result)
	add(abi.ImportGetProperty, "nothing\x00here", result, result)
	add(abi.ImportSetProperty, "my\x00own", "value")
	add(abi.ImportSetProperty, "docker\x00path", "value") // which only the root finds again: a stream has its own
	add(abi.ImportCallForeignFunction, "compress", "hello", result, result)
	add(abi.ImportCallForeignFunction, "compress", "hello", address(0), address(0))
	add(abi.ImportCallForeignFunction, "uncompress", "no such thing", result, result)
	add(abi.ImportCallForeignFunction, "nobody", "", result, result)
	add(abi.ImportGetConfiguration, result, result)
	alone(abi.ImportContinueRequest)
	alone(abi.ImportContinueResponse)
	add(abi.ImportClearRouteCache)
	return uses
}

// badAddresses makes uses with each address and length of the first use of a function in turn replaced by such that are none.
func badAddresses(uses []use) (bad []use) {
	const end = hosttest.DriverMemory
	seen := make(map[string]bool)
	for _, u := range uses {
		if seen[u.function] {
			continue
		}
		seen[u.function] = true
		for i, arg := range u.args {
			var instead []any
			switch arg.(type) {
			case string, []abi.Pair:
				instead = []any{span{end, 4}, span{end - 2, 4}, span{1<<32 - 4, 8}, span{end - 8, 1<<32 - 1}, span{end + 4, 0}}
			case hosttest.Result:
				instead = []any{address(end), address(end - 2), address(1<<32 - 2)}
			}
			for _, other := range instead {
				if u.function == abi.ImportSetProperty && i == 0 && other == (span{end + 4, 0}) {
					continue // the root would keep a property without a name
				}
				args := slices.Clone(u.args)
				args[i] = other
				bad = append(bad, use{function: u.function, args: args, alone: u.alone, after: u.after})
			}
		}
	}
	return bad
}

// numbersOf asks, at the start, for the numbers that uses know by name.
var numbersOf = []struct {
	number known
	use    use
}{
	{"queue", use{function: abi.ImportRegisterSharedQueue, args: []any{"uses", hosttest.Result{}}}},
	{"counter", use{function: abi.ImportDefineMetric, args: []any{abi.MetricTypeCounter, "a_counter", hosttest.Result{}}}},
	{"gauge", use{function: abi.ImportDefineMetric, args: []any{abi.MetricTypeGauge, "a_gauge", hosttest.Result{}}}},
	{"histogram", use{function: abi.ImportDefineMetric, args: []any{abi.MetricTypeHistogram, "a_histogram", hosttest.Result{}}}},
}

// given is the number that the use before was given.
const given known = "given"

func numberIn(memory []byte) uint32 {
	return binary.LittleEndian.Uint32(memory[hosttest.DriverOutput:])
}
