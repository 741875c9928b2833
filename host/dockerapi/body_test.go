package dockerapi_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// classify is the call of a request line, "POST /containers/create".
func classify(t testing.TB, line string) *dockerapi.Call {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	call, err := dockerapi.Classify(method, target)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return &call
}

const create = "POST /v1.41/containers/create"

func TestCanonicalBodySpellsKeysAsTheAPIDoes(t *testing.T) {
	for _, test := range []struct{ name, line, body, want string }{
		{"as it is", create, `{"Image":"a","HostConfig":{"Privileged":true}}`, `{"Image":"a","HostConfig":{"Privileged":true}}`},
		{"case", create, `{"hostconfig":{"PRIVILEGED":true}}`, `{"HostConfig":{"Privileged":true}}`},
		{"long s", create, `{"Hoſtconfig":{"Bindſ":["/:/h"]}}`, `{"HostConfig":{"Binds":["/:/h"]}}`},
		{"escaped long s", create, `{"Ho\u017ftConfig":{"Bind\u017F":null}}`, `{"HostConfig":{"Binds":null}}`},
		{"kelvin", create, `{"HostConfig":{"Networ\u212aMode":"host","LinK":0,"Linksy":0}}`, `{"HostConfig":{"NetworkMode":"host","LinK":0,"Linksy":0}}`},
		{"raw kelvin", create, "{\"NetworKingConfig\":{}}", `{"NetworkingConfig":{}}`},
		{"escaped letter", create, `{"\u0048ostConfig":{"\u0050rivileged":true}}`, `{"HostConfig":{"Privileged":true}}`},
		{"mounts", create, `{"HostConfig":{"mounts":[{"TYPE":"volume","volumeoptions":{"driverconfig":{"options":{"Type":"none","o":"bind","device":"/etc"}}}}]}}`, `{"HostConfig":{"Mounts":[{"Type":"volume","VolumeOptions":{"DriverConfig":{"Options":{"Type":"none","o":"bind","device":"/etc"}}}}]}}`},
		{"health check", create, `{"healthcheck":{"test":["CMD-SHELL","id"]}}`, `{"Healthcheck":{"Test":["CMD-SHELL","id"]}}`},
		{"engines to 28", create, `{"macaddress":"x","HostConfig":{"kernelmemory":1}}`, `{"MacAddress":"x","HostConfig":{"KernelMemory":1}}`},
		{"endpoints", create, `{"networkingconfig":{"endpointsconfig":{"netA":{"aliases":["x"]},"neta":{"ipamconfig":{"ipv4address":"1.2.3.4"}}}}}`, `{"NetworkingConfig":{"EndpointsConfig":{"netA":{"Aliases":["x"]},"neta":{"IPAMConfig":{"IPv4Address":"1.2.3.4"}}}}}`},
		{"ports", create, `{"exposedports":{"80/tcp":{}},"HostConfig":{"portbindings":{"80/tcp":[{"hostip":"","hostport":"8"}]}}}`, `{"ExposedPorts":{"80/tcp":{}},"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8"}]}}}`},
		{"ports in other spellings", create, `{"ExposedPorts":{"80":{},"0\u0038\u0031/TCP":{},"82/":{},"53/udp":{},"90-91/TCP":{},"":{}},"HostConfig":{"PortBindings":{"0":null}}}`, `{"ExposedPorts":{"80/tcp":{},"81/tcp":{},"82/tcp":{},"53/udp":{},"90-91/TCP":{},"":{}},"HostConfig":{"PortBindings":{"0/tcp":null}}}`},
		{"labels are data", create, `{"labels":{"a":"1","A":"2","hostconfig":"3"}}`, `{"Labels":{"a":"1","A":"2","hostconfig":"3"}}`},
		{"unknown keys stay", create, `{"Foo":{"image":1,"Bar":{"x":1}},"image":"a"}`, `{"Foo":{"image":1,"Bar":{"x":1}},"Image":"a"}`},
		{"numbers digit by digit", create, `{"hostConfig":{"Memory":9007199254740993,"CpuShares":-0,"NanoCpus":1.50e+03}}`, `{"HostConfig":{"Memory":9007199254740993,"CpuShares":-0,"NanoCpus":1.50e+03}}`},
		{"space stays", create, " { \"tty\" :\ttrue ,\r\n\"Cmd\" : [ \"a\" ] } \n", " { \"Tty\" :\ttrue ,\r\n\"Cmd\" : [ \"a\" ] } \n"},
		{"null", create, `null`, `null`},
		{"array in the place of an object", create, `{"hostconfig":[{"privileged":true}]}`, `{"HostConfig":[{"privileged":true}]}`},
		{"object in the place of an array", create, `{"HostConfig":{"mounts":{"type":"bind"}}}`, `{"HostConfig":{"Mounts":{"type":"bind"}}}`},
		{"exec", "POST /containers/c/exec", `{"cmd":["id"],"privileged":true,"USER":"0","detach":true}`, `{"Cmd":["id"],"Privileged":true,"User":"0","Detach":true}`},
		{"exec start", "POST /exec/e/start", `{"detach":false,"TTY":true,"consolesize":[1,2]}`, `{"Detach":false,"Tty":true,"ConsoleSize":[1,2]}`},
		{"update", "POST /containers/c/update", `{"memory":1,"restartpolicy":{"name":"always"},"devices":[{"pathonhost":"/dev/sda"}]}`, `{"Memory":1,"RestartPolicy":{"Name":"always"},"Devices":[{"PathOnHost":"/dev/sda"}]}`},
		{"volume", "POST /volumes/create", `{"name":"v","driveropts":{"o":"bind","O":"x","device":"/"},"labels":{}}`, `{"Name":"v","DriverOpts":{"o":"bind","O":"x","device":"/"},"Labels":{}}`},
		{"network", "POST /networks/create", `{"name":"n","checkduplicate":true,"ipam":{"config":[{"subnet":"s","auxiliaryaddresses":{"a":"b"}}]}}`, `{"Name":"n","CheckDuplicate":true,"IPAM":{"Config":[{"Subnet":"s","AuxiliaryAddresses":{"a":"b"}}]}}`},
		{"connect", "POST /networks/n/connect", `{"container":"c","endpointconfig":{"links":[]}}`, `{"Container":"c","EndpointConfig":{"Links":[]}}`},
		{"disconnect", "POST /networks/n/disconnect", `{"container":"c","force":true}`, `{"Container":"c","Force":true}`},
		{"service", "POST /services/create", `{"tasktemplate":{"containerspec":{"mounts":[{"type":"bind","source":"/"}]}}}`, `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"/"}]}}}`},
		{"plugin service", "POST /services/create", `{"TaskTemplate":{"pluginspec":{"Remote":"r","PRIVILEGES":[{"NAME":"n"}]}}}`, `{"TaskTemplate":{"PluginSpec":{"remote":"r","privileges":[{"name":"n"}]}}}`},
		{"swarm", "POST /swarm/init", `{"listenaddr":"a","spec":{"caconfig":{"externalcas":[{"url":"u"}]}}}`, `{"ListenAddr":"a","Spec":{"CAConfig":{"ExternalCAs":[{"URL":"u"}]}}}`},
		{"secret", "POST /secrets/create", `{"name":"s","data":"eA==","driver":{"name":"d","options":{"K":"v"}}}`, `{"Name":"s","Data":"eA==","Driver":{"Name":"d","Options":{"K":"v"}}}`},
		{"plugin privileges", "POST /plugins/pull?remote=r", `[{"name":"mount","Value":["/"]},null]`, `[{"Name":"mount","Value":["/"]},null]`},
		{"plugin settings", "POST /plugins/p/set", `["A=b"]`, `["A=b"]`},
		{"auth in lower case", "POST /auth", `{"Username":"u","PASSWORD":"p","ServerAddress":"s"}`, `{"username":"u","password":"p","serveraddress":"s"}`},
		{"commit takes top-level keys for unknown", "POST /commit?container=c", `{"user":"0","Privileged":true}`, `{"User":"0","Privileged":true}`},
		{"checkpoint", "POST /containers/c/checkpoints", `{"checkpointid":"a","checkpointdir":"/"}`, `{"CheckpointID":"a","CheckpointDir":"/"}`},
		{"copy", "POST /containers/c/copy", `{"resource":"/etc"}`, `{"Resource":"/etc"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := classify(t, test.line)
			got, changed, err := dockerapi.CanonicalBody(call, []byte(test.body), dockerapi.JSONLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if changed != (test.body != test.want) {
				t.Errorf("changed is %v", changed)
			}
			_, _, err = dockerapi.CanonicalBody(call, []byte(test.body), dockerapi.JSONLimits{Strict: true})
			if changed != (err != nil) {
				t.Errorf("strict: %v", err)
			}
		})
	}
}

// Bytes that are not UTF-8 and half surrogate pairs are U+FFFD for encoding/json. Other readers stop at them, or (gjson) take
// the escape behind them for the other half.
func TestCanonicalBodyMendsText(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"whole pair", `{"User":"\ud83d\ude00"}`, `{"User":"\ud83d\ude00"}`},
		{"high half", `{"User":"\ud83d\u0030x"}`, "{\"User\":\"\uFFFD\\u0030x\"}"},
		{"low half", `{"User":"a\uDE00"}`, "{\"User\":\"a\uFFFD\"}"},
		{"high half at the end", `{"Cmd":["\ud83d"]}`, "{\"Cmd\":[\"\uFFFD\"]}"},
		{"two high halves", `{"User":"\ud83d\ud83d\ude00"}`, "{\"User\":\"\uFFFD\\ud83d\\ude00\"}"},
		{"bytes", "{\"User\":\"a\xff\xc3(\xed\xa0\x80é\"}", "{\"User\":\"a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFDé\"}"},
		{"U+FFFD itself", "{\"User\":\"\uFFFD\"}", "{\"User\":\"\uFFFD\"}"},
		{"in a key", "{\"Labels\":{\"a\xff\":\"\"}}", "{\"Labels\":{\"a\uFFFD\":\"\"}}"},
		{"escapes in a key", `{"Labels":{"\u0061\/\u003c\"\\\t\u00e9":""}}`, `{"Labels":{"a/<\"\\\u0009é":""}}`},
		{"needed escapes in a key", `{"Labels":{"a\"\u0000\\":""}}`, `{"Labels":{"a\"\u0000\\":""}}`},
		{"escapes in a value stay", `{"User":"\u0061\/\u003c"}`, `{"User":"\u0061\/\u003c"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, changed, err := dockerapi.CanonicalBody(classify(t, create), []byte(test.body), dockerapi.JSONLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want || changed != (test.body != test.want) {
				t.Errorf("got  %q, %v\nwant %q", got, changed, test.want)
			}
		})
	}
}

func TestCanonicalBodyRefuses(t *testing.T) {
	deep := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for _, test := range []struct{ name, line, body, message string }{
		{"a key twice", create, `{"HostConfig":{"Privileged":true},"HostConfig":{}}`, `at byte 34, "HostConfig": this key is given before`},
		{"two spellings", create, `{"HostConfig":{"Privileged":false,"privileged":true}}`, `at byte 34, "HostConfig.privileged"`},
		{"null behind", create, `{"HostConfig":{},"hostconfig":null}`, `at byte 17, "hostconfig"`},
		{"two escapes", create, `{"HostConfig":{},"Ho\u017ftConfig":{}}`, `this key is given before`},
		{"unknown twice", create, `{"Foo":1,"Foo":2}`, `at byte 9, "Foo"`},
		{"unknown that folds", create, `{"Foo":1,"foo":2}`, `at byte 9, "foo"`},
		{"unknown that folds beyond ASCII", create, `{"\u00c9tat\u00b5":1,"état\u039c":2}`, `this key is given before`},
		{"inside of what is unknown", create, `{"Foo":{"A":1,"b":{"c":1,"C":2}}}`, `"Foo.b.C"`},
		{"a label twice", create, `{"Labels":{"own":"a","own":"b"}}`, `"Labels.own"`},
		{"a label twice, escaped", create, `{"Labels":{"own":"a","\u006fwn":"b"}}`, `"Labels.own"`},
		{"labels that decode to one", create, "{\"Labels\":{\"\xff\":\"a\",\"\xfe\":\"b\"}}", `this key is given before`},
		{"a port twice", create, `{"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1"}],"80":[{"HostIp":"0.0.0.0"}]}}}`, `at byte 65, "HostConfig.PortBindings.80/tcp": this key is given before`},
		{"a port in three parts", create, `{"ExposedPorts":{"80/tcp/udp":{}}}`, `"ExposedPorts.80/tcp/udp": a port is a number, a slash and a protocol`},
		{"driver options", "POST /volumes/create", `{"DriverOpts":{"o":"size=1","o":"bind"}}`, `"DriverOpts.o"`},
		{"in an array's object", create, `{"HostConfig":{"Mounts":[{},{"Type":"a","type":"b"}]}}`, `"HostConfig.Mounts.type"`},

		{"top level", create, `{"Image":"a","Privileged":true}`, `at byte 13, "Privileged": this key belongs into HostConfig`},
		{"top level, folded", create, `{"Image":"a","bind\u017f":["/:/h"]}`, `"Binds": this key belongs into HostConfig`},
		{"top level beside HostConfig", create, `{"HostConfig":null,"CapAdd":["ALL"]}`, `"CapAdd"`},
		{"top-level resource", create, `{"HostConfig":{},"Memory":0}`, `"Memory"`},
		{"top-level cpuset", create, `{"cpuset":"0"}`, `"Cpuset"`},
		{"top-level key of 25", create, `{"Annotations":{}}`, `"Annotations"`},

		{"two documents", create, `{} {"HostConfig":{}}`, `at byte 3: more bytes behind the JSON document`},
		{"trailing comma", create, `{"Image":"a",}`, `a key in double quotes is missing`},
		{"array", create, `[]`, `has to be a JSON object`},
		{"string", create, `"a"`, `has to be a JSON object`},
		{"object for an array", "POST /plugins/pull?remote=r", `{}`, `has to be a JSON array`},
		{"mark", create, "\uFEFF{}", `byte order mark`},
		{"UTF-16", create, "{\x00}\x00", `a key in double quotes`},
		{"comment", create, `{/**/}`, `a key in double quotes`},
		{"single quotes", create, `{'Image':1}`, `a key in double quotes`},
		{"no key", create, `{1:2}`, `a key in double quotes`},
		{"no colon", create, `{"Image" 1}`, `a colon is missing`},
		{"no comma", create, `{"Image":1 "Tty":2}`, `a comma or } is missing`},
		{"no comma in an array", create, `{"Cmd":["a" "b"]}`, `"Cmd": a comma or ] is missing`},
		{"end", create, `{"Image":`, `"Image": the JSON document ends early`},
		{"end in a string", create, `{"Image":"a`, `ends inside of a string`},
		{"end in an object", create, `{"Image":"a"`, `a comma or }`},
		{"space only", create, " \n", `has to be a JSON object`},
		{"control character", create, "{\"Image\":\"a\nb\"}", `control character`},
		{"escape", create, `{"Image":"\x41"}`, `malformed escape`},
		{"short escape", create, `{"Image":"\u12"}`, `malformed escape`},
		{"word", create, `{"Tty":True}`, `no JSON value`},
		{"half a word", create, `{"Tty":tru}`, `no JSON value`},
		{"NaN", create, `{"StopTimeout":NaN}`, `no JSON value`},
		{"leading zero", create, `{"StopTimeout":01}`, `a comma or }`},
		{"plus", create, `{"StopTimeout":+1}`, `no JSON value`},
		{"point", create, `{"StopTimeout":1.}`, `malformed number`},
		{"exponent", create, `{"StopTimeout":1e}`, `malformed number`},
		{"minus", create, `{"StopTimeout":-}`, `malformed number`},
		{"NUL behind", create, "{}\x00", `more bytes behind`},

		{"deep objects", create, deep(`{"a":`, "1", "}", 129), `nested too deep`},
		{"deep arrays", create, `{"a":` + deep("[", "", "]", 128) + `}`, `nested too deep`},
		{"many keys", create, `{"a":{` + manyKeys(65536) + `}}`, `too many keys`},

		{"start", "POST /containers/c/start", `{"Binds":["/:/h"]}`, `ContainerStart takes no body`},
		{"start, short", "POST /v1.24/containers/c/start", `[]`, `ContainerStart takes no body`},
		{"unknown operation", "POST /containers/c/future", `{"a":1,"A":2}`, `given before`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := dockerapi.CanonicalBody(classify(t, test.line), []byte(test.body), dockerapi.JSONLimits{})
			var refused *dockerapi.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if refused.Status != 400 || !strings.Contains(refused.Message, test.message) {
				t.Errorf("got %d %s\nwant %s", refused.Status, refused.Message, test.message)
			}
			if len(refused.Message) > 400 {
				t.Errorf("a message of %d bytes", len(refused.Message))
			}
		})
	}
}

// manyKeys is the inside of an object.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k`)
		for ; i > 0; i /= 26 {
			b.WriteByte(byte('a' + i%26))
		}
		b.WriteString(`":0`)
	}
	return b.String()
}

func TestCanonicalBodyAcceptsUpToItsLimits(t *testing.T) {
	call := classify(t, create)
	for name, body := range map[string]string{
		"depth": strings.Repeat(`{"a":`, 127) + "[]" + strings.Repeat("}", 127),
		"keys":  `{"a":{` + manyKeys(65535) + `}}`,
	} {
		if _, changed, err := dockerapi.CanonicalBody(call, []byte(body), dockerapi.JSONLimits{}); err != nil || changed {
			t.Errorf("%s: changed %v, %v", name, changed, err)
		}
	}
	limits := dockerapi.JSONLimits{Depth: 2, Keys: 2}
	for body, want := range map[string]bool{
		`{"a":{"b":1}}`: true, `{"a":{"b":[]}}`: false, `{"a":1,"b":1}`: true, `{"a":1,"b":1,"c":1}`: false,
	} {
		if _, _, err := dockerapi.CanonicalBody(call, []byte(body), limits); (err == nil) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// A body that the engine does not read is taken away, so that no filter decides by it. Clients do send such bodies: docker-py {}
// with a push, dockerode its options with every POST.
func TestBodiesThatTheEngineDoesNotRead(t *testing.T) {
	for _, test := range []struct{ line, body string }{
		{"POST /containers/c/start", "{}"},
		{"POST /containers/c/start", " null\n"},
		{"POST /containers/c/start", "\n"},
		{"POST /containers/c/kill?signal=TERM", `{"signal":"TERM"}`},
		{"POST /containers/c/attach?stream=1", `{"stream":true}`},
		{"DELETE /containers/c", "anything"},
		{"GET /containers/json", "{"},
	} {
		got, changed, err := dockerapi.CanonicalBody(classify(t, test.line), []byte(test.body), dockerapi.JSONLimits{})
		if err != nil || !changed || len(got) != 0 {
			t.Errorf("%s %q: got %q, %v, %v", test.line, test.body, got, changed, err)
		}
	}
	for _, line := range []string{create, "POST /commit?container=c", "POST /images/i/push", "POST /build", "POST /containers/c/start"} {
		if got, changed, err := dockerapi.CanonicalBody(classify(t, line), nil, dockerapi.JSONLimits{}); err != nil || changed || got != nil {
			t.Errorf("%s without a body: got %q, %v, %v", line, got, changed, err)
		}
	}
	tar := []byte("{ no JSON at all")
	if got, changed, err := dockerapi.CanonicalBody(classify(t, "POST /build"), tar, dockerapi.JSONLimits{}); err != nil || changed || &got[0] != &tar[0] {
		t.Errorf("POST /build: got %q, %v, %v", got, changed, err)
	}
}

func TestPlanBody(t *testing.T) {
	const json, form = "application/json", "application/x-www-form-urlencoded"
	for _, test := range []struct {
		line           string
		types, codings []string
		want           dockerapi.BodyPlan
		status         int
	}{
		{create, []string{json}, nil, dockerapi.BodyCanonical, 0},
		{create, []string{"Application/JSON; charset=utf-8"}, nil, dockerapi.BodyCanonical, 0},
		// The engine refuses it, or (older ones, on some routes) reads JSON all the same.
		{create, []string{"text/plain"}, nil, dockerapi.BodyCanonical, 0},
		{"POST /swarm/init", nil, nil, dockerapi.BodyCanonical, 0},
		{create, []string{json, json}, nil, 0, 400},
		{create, []string{json}, []string{"gzip"}, 0, 415},
		{create, []string{json}, []string{"identity", "gzip"}, 0, 415},
		{create, []string{json}, []string{"Identity"}, dockerapi.BodyCanonical, 0},
		{"POST /containers/c/start", []string{json}, nil, dockerapi.BodyCanonical, 0},
		{"POST /containers/c/start", []string{json}, []string{"gzip"}, 0, 415},
		{"POST /containers/c/kill", []string{json}, nil, dockerapi.BodyDrop, 0},
		{"GET /containers/json", nil, []string{"gzip"}, dockerapi.BodyDrop, 0},
		{"POST /containers/c/attach", []string{"text/plain"}, nil, dockerapi.BodyDrop, 0},
		{"POST /build", []string{"application/x-tar"}, []string{"gzip"}, dockerapi.BodyPass, 0}, // docker-py's gzip=True
		{"POST /images/load", []string{"application/x-tar"}, nil, dockerapi.BodyPass, 0},
		{"PUT /containers/c/archive?path=/", []string{"text/plain"}, nil, dockerapi.BodyPass, 0},
		{"POST /containers/c/future", []string{"application/JSON;x"}, nil, dockerapi.BodyCanonical, 0},
		{"POST /containers/c/future", []string{"text/plain"}, nil, dockerapi.BodyPass, 0},
		{"POST /images/create?fromImage=good", []string{form}, nil, 0, 415},
		{"POST /containers/prune", []string{" Application/X-WWW-Form-Urlencoded ; charset=utf-8"}, nil, 0, 415},
		{"POST /containers/prune", []string{form + "; a=1; a=2"}, nil, 0, 415},
		{"POST /containers/prune", []string{form + ";;;"}, nil, 0, 415},
		{"POST /build?remote=good", []string{form}, nil, 0, 415},
		{"POST /containers/c/future", []string{form}, nil, 0, 415},
		{"DELETE /containers/c", []string{"multipart/form-data; boundary=x"}, nil, 0, 415},
		{"POST /containers/prune", []string{"text/plain", form}, nil, 0, 400},
	} {
		plan, err := dockerapi.PlanBody(classify(t, test.line), test.types, test.codings)
		status := 0
		var refused *dockerapi.Error
		if errors.As(err, &refused) {
			status = refused.Status
		}
		if status != test.status || err == nil && plan != test.want {
			t.Errorf("%s %q %q: got %v, %v; want %v, %d", test.line, test.types, test.codings, plan, err, test.want, test.status)
		}
	}
}

func TestCheckVersion(t *testing.T) {
	for _, test := range []struct {
		target, lowest string
		ok             bool
	}{
		{"/info", "1.24", true},
		{"/v1.24/info", "1.24", true},
		{"/v1.55/info", "1.24", true},
		{"/v2.0/info", "1.24", true},
		{"/v1.100/info", "1.24", true},
		{"/v1.23/info", "1.24", false},
		{"/v1.9/info", "1.24", false},
		{"/v01.023./info", "1.24", false},
		{"/v0.99/info", "1.24", false},
		{"/v1.43/info", "1.44", false},
		{"/v1.44/info", "1", false},
	} {
		err := dockerapi.CheckVersion(classify(t, "GET "+test.target), test.lowest)
		if (err == nil) != test.ok {
			t.Errorf("%s from %s: %v", test.target, test.lowest, err)
		}
	}
}

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDockersOwnBodiesAreCanonical(t *testing.T) {
	for _, name := range []string{"create-20.10.json", "create-28.2.json"} {
		body := recorded(t, name)
		call := classify(t, create)
		got, changed, err := dockerapi.CanonicalBody(call, body, dockerapi.JSONLimits{Strict: true})
		if err != nil || changed || &got[0] != &body[0] {
			t.Errorf("%s: changed %v, %v", name, changed, err)
		}
	}
}

func BenchmarkCanonicalBody(b *testing.B) {
	call := classify(b, create)
	body := recorded(b, "create-28.2.json")
	run := func(name string, body []byte) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, _, err := dockerapi.CanonicalBody(call, body, dockerapi.JSONLimits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("docker run", body)
	run("rewritten", []byte(strings.Replace(string(body), `"HostConfig"`, `"hostconfig"`, 1)))
	run("lower case", lowerKeys(body))
	run("padded to 1 MiB", []byte(`{"Labels":{"x":"`+strings.Repeat("a", 1<<20)+`"}}`))
	run("65536 keys", []byte(`{`+manyKeys(65536)+`}`))
}

// lowerKeys writes everything in lower case: the worst that a client can do to its keys.
func lowerKeys(body []byte) []byte { return []byte(strings.ToLower(string(body))) }
