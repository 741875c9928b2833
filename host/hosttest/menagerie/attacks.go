package menagerie

import (
	"strings"
	"time"
)

// What attacks end by. The limits are those that the tests configure.
var (
	fuel   = []string{"used up its fuel of 1000", `"limit":"limits.callback","value":"10ms"`}
	stack  = []string{"call stack larger than 1 MiB"}
	memory = []string{"did not get the memory", `"limit":"limits.memory","value":4194304`}
	crash  = []string{"unreachable"}
	pause  = []string{"for longer than limits.pause (100ms)"}
)

// everyStage has a filter called wherever one can be.
const everyStage = "stages: [request_headers, request_body, response_headers, response_body, downstream_data, upstream_data, request_trailers, response_trailers]"

// attacks are some, in their order.
type attacks []Attack

// add adds one for each letter of what a guest can be told.
func (all *attacks) add(guest, letters string, a Attack) {
	for letter := range strings.SplitSeq(letters, "") {
		a.Guest, a.Config = guest, letter
		*all = append(*all, a)
	}
}

// ends is an outcome.
func ends(status int, says ...string) Outcome { return Outcome{status, says} }

// refused is the outcome of what is let through because it is not granted what it tries.
func refused(capability string) *Outcome {
	return &Outcome{200, []string{`"capability":"` + capability + `"`}}
}

// All is the whole menagerie.
func All() []Attack {
	// differs is how a guest ends that compares what it gets with what it would get if it were granted everything.
	differs := &Outcome{503, crash}
	all := append(everywhere(), starts()...)
	all.add("recursion", "nmisw", Attack{Outcome: ends(503, stack...)})
	all.add("recursion", "d", Attack{Outcome: ends(503, fuel...)})
	all.add("bulk", "fcistTIgmr", Attack{Outcome: ends(503, fuel...)})
	all.add("grow", "pw", Attack{Outcome: ends(503, memory...)})
	all.add("grow", "p", Attack{Limits: "memory: 2MiB", Outcome: ends(503, "did not get the memory", `"limit":"tenant_limits.memory of tenant `)})
	all.add("grow", "a", Attack{Outcome: ends(503, fuel...)}) // which new memory is paid with
	all.add("grow", "k", Attack{Keys: "isolation: stream", Outcome: ends(200)})
	all.add("branches", "tebpind", Attack{Outcome: ends(503, fuel...)})
	all.add("allocator", "0oe", Attack{Outcome: ends(200), Poor: differs}) // it finds nothing to be refused
	all.add("allocator", "smh", Attack{Outcome: ends(200)})
	all.add("allocator", "n", Attack{Outcome: ends(0, memory...), Poor: &Outcome{Status: 200}})
	all.add("storm", "ncehpPrdslfRjwqz", Attack{Outcome: ends(503, fuel...)})
	all.add("storm", "y", Attack{By: Names, Outcome: ends(503, "used up its fuel of 13")}) // with what it has for the bytes
	all.add("heap", "kmgs", Attack{Outcome: ends(503, fuel...)})
	all.add("heap", "r", Attack{Outcome: ends(503, "proxy_on_request_headers trapped")})
	all.add("heap", "pni", Attack{Outcome: ends(503, crash...)})
	all.add("stall", "hbHB", Attack{Pause: 100 * time.Millisecond, By: Post, Outcome: ends(0, pause...)})
	all.add("stall", "Ndu", Attack{Pause: 100 * time.Millisecond, Keys: everyStage, By: Hijack, Outcome: ends(0, pause...)})
	all.add("stall", "tT", Attack{Pause: 100 * time.Millisecond, Keys: everyStage, By: Trailers, Outcome: ends(0, pause...)})
	all = append(all,
		Attack{Guest: "pointers", Outcome: ends(200), Poor: differs},
		Attack{Guest: "forge", Outcome: ends(200)},
		Attack{Guest: "twice", Outcome: ends(418), Poor: refused("local_response")},
		Attack{Guest: "resume", Cuts: true, Poor: refused("local_response")})
	return append(all, floods()...)
}

// everywhere is what ends a callback, in each callback: what a client does to get there, and what he is answered.
func everywhere() (all attacks) {
	answered := &Outcome{Status: 200} // what it is called by is not granted, or would tell it nothing
	for _, where := range []struct {
		letters string
		by      Way
		status  int
		service Service
		cuts    bool
		poor    *Outcome
	}{
		{letters: "nh", status: 503},
		{letters: "bH", by: Post, status: 503},
		{letters: "B", by: Post, cuts: true}, // its head is out
		{letters: "e", by: Trailers, status: 503},
		{letters: "E", by: Trailers, cuts: true}, // its head is out
		{letters: "Ndu", by: Hijack},
		{letters: "DLK", by: Hijack},
		{letters: "xy", by: Hijack},
		{letters: "DLK"}, // the next one may have begun on the instance that is lost
		{letters: "p", status: 503, poor: answered},
		{letters: "t", by: Nothing, poor: &Outcome{}},
		{letters: "q", poor: answered}, // its queue event may take the instance from the request
		{letters: "a", status: 503, service: HTTP, poor: refused("callouts")},
		{letters: "1234", status: 503, service: GRPC, poor: refused("callouts")},
	} {
		for at := range strings.SplitSeq(where.letters, "") {
			for _, what := range []struct {
				letter string
				says   []string
			}{{"l", fuel}, {"t", crash}, {"r", stack}} {
				all = append(all, Attack{
					Guest: "everywhere", Config: what.letter + at, Keys: everyStage, By: where.by, Service: where.service, Cuts: where.cuts,
					Outcome: ends(where.status, what.says...), Poor: where.poor,
				})
			}
		}
	}
	// With an instance for each stream.
	for config, says := range map[string][]string{"lh": fuel, "th": crash, "rh": stack} {
		all = append(all, Attack{Guest: "everywhere", Config: config, Keys: "isolation: stream", Outcome: ends(503, says...)})
	}
	poorly := ends(503, "used up what it may compute in a second", "tenant_limits.cpu: 1ms")
	return append(all,
		Attack{Guest: "everywhere", Config: "lh", Limits: "cpu: 1ms", Outcome: poorly},
		// Asked once more, where there is nothing to pay that with.
		Attack{Guest: "everywhere", Config: "lh", Keys: "on_failure: reload", Limits: "cpu: 1ms", Outcome: poorly},
		Attack{Guest: "everywhere", Config: "th", Keys: "on_failure: reload", Outcome: ends(503, crash...)},
		// As deep as it may, in all callbacks: each leaves a stack behind.
		Attack{Guest: "everywhere", Config: "d*", Keys: everyStage, By: Trailers, Outcome: ends(200)},
		Attack{Guest: "everywhere", Config: "d*", Keys: everyStage, By: Hijack, Limits: "memory: 2MiB"},
	)
}

// starts are what filters do that do not come up.
func starts() (all attacks) {
	const budget = "used up its fuel of 5000000000 units"
	for how, reason := range map[string]string{"l": budget, "t": "unreachable", "r": "call stack larger than 1 MiB"} {
		all = append(all,
			Attack{Guest: "everywhere", Config: how + "v", Keys: "vm_config: " + how + "v", Unstarted: true, Outcome: ends(0, "on_vm_start", reason)},
			Attack{Guest: "everywhere", Config: how + "c", Unstarted: true, Outcome: ends(0, "on_configure", reason)})
	}
	return append(all,
		Attack{Guest: "loop-in-start", Unstarted: true, Outcome: ends(0, "_start trapped", budget)},
		Attack{Guest: "loop-in-start-section", Unstarted: true, Outcome: ends(0, budget)})
}

// floods are what fills what can be filled, until it is not let.
func floods() (all attacks) {
	all.add("flood", "lo", Attack{Outcome: ends(200, "logs too much", `"limits.log_lines":100,"limits.log_bytes":65536`), Poor: refused("log")})
	all.add("flood", "lo", Attack{Limits: "log_lines: 20", Outcome: ends(200, "logs too much", `"tenant_limits.log_lines":20,"tenant_limits.log_bytes":65536`), Poor: refused("log")})
	all.add("flood", "m", Attack{Outcome: ends(200, "too many metrics", `"limit":"metrics.series","value":100`), Poor: refused("metrics")})
	all.add("flood", "m", Attack{Limits: "series: 50", Outcome: ends(200, "too many metrics", `"limit":"tenant_limits.series","value":50`), Poor: refused("metrics")})
	all.add("flood", "kv", Attack{Outcome: ends(200, "were refused", "over the limit", `"shared_data":{"keys":100,"bytes":1048576,`), Poor: refused("shared_data.write")})
	all.add("flood", "k", Attack{Limits: "shared_keys: 50", Outcome: ends(200, "were refused", `"tenant_limits.shared_keys":50,`), Poor: refused("shared_data.write")})
	all.add("flood", "v", Attack{Limits: "shared_bytes: 100KiB", Outcome: ends(200, "were refused", `"tenant_limits.shared_bytes":102400`), Poor: refused("shared_data.write")})
	all.add("flood", "q", Attack{Outcome: ends(200, "were refused", "over the limit", `"shared_queues":{"queues":10,"items":100,"bytes":65536,`), Poor: refused("queues.read")})
	all.add("flood", "i", Attack{Outcome: ends(200, "were refused", "over the limit", `"shared_queues":{"queues":10,"items":100,"bytes":65536,`), Poor: refused("queues.write")})
	all.add("flood", "i", Attack{Limits: "queue_items: 50", Outcome: ends(200, "were refused", `"tenant_limits.queue_items":50,`), Poor: refused("queues.write")})
	all.add("flood", "c", Attack{Service: HTTP, Outcome: ends(200, "too many calls", `"limit":"limits.stream_callouts","value":16`), Poor: refused("callouts"), Kept: 100})
	all.add("flood", "c", Attack{Service: HTTP, Limits: "callouts: 4", Outcome: ends(200, "too many calls", `"limit":"tenant_limits.callouts","value":4`), Poor: refused("callouts"), Kept: 100})
	all.add("flood", "pP", Attack{Outcome: ends(200), Poor: refused("properties.write")})
	all.add("flood", "t", Attack{Outcome: ends(200), Poor: refused("timers")})
	all.add("flood", "F", Attack{Outcome: ends(503, fuel...), Poor: refused("request_headers.write")}) // each one looks through all
	all.add("flood", "H", Attack{Poor: refused("request_headers.write")})
	all = append(all, Attack{Guest: "body-bomb", By: Post, Outcome: ends(200), Poor: refused("request_body.write")},
		Attack{Guest: "body-bomb", By: Post, Limits: "held: 10KiB", Poor: refused("request_body.write")})
	all.add("swell", "l", Attack{Outcome: ends(200), Poor: &Outcome{503, []string{"local_response", "not granted"}}}) // and holds the request
	all.add("swell", "B", Attack{Outcome: ends(200), Poor: refused("response_body.write")})
	all.add("swell", "t", Attack{Keys: everyStage, By: Trailers, Poor: refused("request_headers.write")})
	all.add("swell", "T", Attack{Keys: everyStage, By: Trailers, Poor: refused("response_headers.write")})
	all.add("swell", "du", Attack{Keys: everyStage, By: Hijack, Poor: &Outcome{0, refused("connection.write").Says}})
	return all
}
