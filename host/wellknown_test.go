package host_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// account returns what the guest "audit" told of the last request, by property.
func account(t *testing.T, log *hosttest.Log) map[string][]byte {
	t.Helper()
	log.Wait(t, `"msg":"request"`)
	of := make(map[string][]byte)
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct{ Msg, Filter string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Filter == "" {
			continue
		}
		name, value, ok := strings.Cut(entry.Msg, "=")
		if !ok {
			continue
		}
		delete(of, name)
		if value != "-" {
			data, err := hex.DecodeString(value)
			if err != nil {
				t.Fatalf("%s: %v", entry.Msg, err)
			}
			of[name] = data
		}
	}
	return of
}

func TestAFilterGivesAccountOfARequest(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", hosttest.JSON(201, `{"stream":"Loaded"}`))
	const request = "POST /images/load HTTP/1.1\r\nHost: d\r\nUser-Agent: tester\r\nContent-Length: 10\r\n\r\n0123456789"
	for name, c := range map[string]struct {
		text, request string
		words         map[string]string // of the properties that are text
		numbers       map[string]uint64
		absent        []string
	}{
		"passed": {
			filters(t, "audit"), request,
			map[string]string{"response.code_details": "via_upstream", "request.useragent": "tester", "upstream.address": engine.Address()},
			map[string]uint64{"request.size": 10, "response.size": 19, "response.code": 201, "listener_direction": 1, "connection.id": 1, "plugin_vm_memory": 65536},
			[]string{"source.port", "destination.port", "destination.address"},
		},
		"denied by itself": {
			filters(t, "audit"), strings.Replace(request, "\r\n", "\r\nX-Deny: 1\r\n", 1),
			map[string]string{"response.code_details": "by audit"},
			map[string]uint64{"response.code": 403},
			nil,
		},
		"denied by another": {
			filters(t, "audit", "deny"), request,
			map[string]string{"response.code_details": "deny.wat"},
			map[string]uint64{"response.code": 403},
			nil,
		},
		"through other bodies": {
			filters(t, "audit", "append-body"), request,
			nil,
			map[string]uint64{"request.size": 10, "response.size": 19 + uint64(len(" [seen]"))},
			nil,
		},
	} {
		before := time.Now()
		g := hosttest.StartGateway(t, engine.Address(), c.text)
		conn, r := g.Dial()
		write(t, conn, "%s", c.request)
		status(t, r)
		got := account(t, g.Log)
		for property, want := range c.words {
			if string(got[property]) != want {
				t.Errorf("%s: %s is %q, want %q", name, property, got[property], want)
			}
		}
		for property, want := range c.numbers {
			if data := got[property]; len(data) != 8 || binary.LittleEndian.Uint64(data) != want {
				t.Errorf("%s: %s is %v, want %d", name, property, data, want)
			}
		}
		for _, property := range c.absent {
			if data, ok := got[property]; ok {
				t.Errorf("%s: %s is %q, want none", name, property, data)
			}
		}
		if len(got["request.time"]) != 8 || len(got["request.duration"]) != 8 {
			t.Fatalf("%s: time %v, duration %v", name, got["request.time"], got["request.duration"])
		}
		at := time.Unix(0, int64(binary.LittleEndian.Uint64(got["request.time"])))
		took := time.Duration(binary.LittleEndian.Uint64(got["request.duration"]))
		if at.Before(before) || took <= 0 || at.Add(took).After(time.Now()) {
			t.Errorf("%s: the request came at %s and took %s; the test began at %s", name, at, took, before)
		}
	}
}

// Trailers are properties as the response's other fields are, once they have come to the filter, and if they are granted.
func TestAFilterGivesAccountOfTrailers(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Note: mine\r\nX-Other: 1\r\n\r\n"))
	const asks = "audit stages: [request_headers, response_trailers]"
	all := "\x02\x00\x00\x00\x06\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00x-note\x00mine\x00x-other\x001\x00"
	one := "\x01\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00x-other\x001\x00"
	for _, c := range []struct{ filter, whole, field string }{
		{asks, all, "mine"},
		{asks + ", capabilities: {log: true, response_headers: {read: [x-other]}}", one, ""},
		{asks + ", capabilities: {log: true, request_headers: all, properties: all}", "", ""},
		{"audit", "", ""},
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, c.filter))
		conn, r := g.Dial()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
		if code, body := answered(t, r); code != 200 || !strings.HasPrefix(body, "body") {
			t.Errorf("%s: got %d %q", c.filter, code, body)
		}
		conn.Close()
		got := account(t, g.Log)
		for _, when := range []string{"t:", ""} {
			if all, note := string(got[when+"response.trailers"]), string(got[when+"response.trailers.x-note"]); all != c.whole || note != c.field {
				t.Errorf("%s: %strailers are %q, and x-note is %q; want %q and %q", c.filter, when, all, note, c.whole, c.field)
			}
		}
		if c.filter == asks && len(got["t:response.size"]) != 8 {
			t.Errorf("the response's size is %v in the trailers' callback", got["t:response.size"])
		}
	}
}

func TestPortsAreThoseOfATCPConnection(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), "listeners: [{address: 'tcp://127.0.0.1:0'}]\n"+filters(t, "audit"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.Addresses()[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	write(t, conn, "GET /info HTTP/1.1\r\nHost: localhost\r\n\r\n")
	status(t, r)
	got := account(t, g.Log)
	for property, want := range map[string]string{"source.port": conn.LocalAddr().String(), "destination.port": conn.RemoteAddr().String()} {
		data := got[property]
		if len(data) != 8 {
			t.Fatalf("%s is %v", property, data)
		}
		_, port, _ := strings.Cut(want, ":")
		if n := binary.LittleEndian.Uint64(data); port != strconv.FormatUint(n, 10) {
			t.Errorf("%s is %d, want that of %s", property, n, want)
		}
	}
	if string(got["destination.address"]) != conn.RemoteAddr().String() {
		t.Errorf("destination.address is %q, want %s", got["destination.address"], conn.RemoteAddr())
	}
}
