package message_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/buildkit/message"
)

const solveRequest = "moby.buildkit.v1.SolveRequest"

func codec(t testing.TB, name string) *message.Codec {
	t.Helper()
	typ := message.Find(name)
	if typ == nil {
		t.Fatalf("the schema has no %s", name)
	}
	return &message.Codec{Type: typ}
}

// vertex is a vertex as it is shown.
func vertex(wire []byte, op string) string {
	sum := sha256.Sum256(wire)
	return `{"digest":"sha256:` + hex.EncodeToString(sum[:]) + `","op":` + op + `}`
}

var (
	hostExec = str(2, msg( // exec
		str(1, msg(str(1, "sh"), str(1, "-c"), str(3, "/"))), // meta: args, cwd
		num(3, 1), // network
		num(4, 1), // security
	))
	gitSource = str(3, msg(str(1, "git://example.org/x"), entry(2, "git.keepgitdir", "true")))
)

func TestABuildIsShown(t *testing.T) {
	tests := []struct {
		name, message string
		wire          []byte
		want          string
	}{
		{"an empty message", solveRequest, nil, `{}`},
		{
			"what docker buildx build asks for", solveRequest,
			msg(
				str(1, "ref"), str(5, "session"), str(6, "dockerfile.v0"),
				entry(7, "target", "all"), entry(7, "build-arg:A", `"1"`+"\n"),
				str(8, msg(str(5, msg(str(1, "registry"), entry(2, "ref", "a/b"))))),
				str(9, "network.host"), str(9, "security.insecure"), num(11, 1),
				str(13, msg(str(1, "moby"), entry(2, "name", "x"))),
			),
			`{"Ref":"ref","Session":"session","Frontend":"dockerfile.v0","FrontendAttrs":{"build-arg:A":"\"1\"\u000A","target":"all"},` +
				`"Cache":{"Imports":[{"Type":"registry","Attrs":{"ref":"a/b"}}]},"Entitlements":["network.host","security.insecure"],` +
				`"Internal":true,"Exporters":[{"Type":"moby","Attrs":{"name":"x"}}]}`,
		},
		{
			"the steps of a build", solveRequest,
			str(2, msg(str(1, hostExec), str(1, gitSource), entry(2, "sha256:0", "\x08\x01"))),
			`{"Definition":{"def":[` +
				vertex(hostExec, `{"exec":{"meta":{"args":["sh","-c"],"cwd":"/"},"network":"HOST","security":"INSECURE"}}`) + `,` +
				vertex(gitSource, `{"source":{"identifier":"git://example.org/x","attrs":{"git.keepgitdir":"true"}}}`) +
				`],"metadata":{"sha256:0":{"ignore_cache":true}}}}`,
		},
		{
			"a build inside of a build, in an input", solveRequest,
			str(10, msg(str(1, "in"), str(2, str(1, str(5, str(3, str(1, hostExec))))))),
			`{"FrontendInputs":{"in":{"def":[` + vertex(str(5, str(3, str(1, hostExec))),
				`{"build":{"def":{"def":[`+vertex(hostExec, `{"exec":{"meta":{"args":["sh","-c"],"cwd":"/"},"network":"HOST","security":"INSECURE"}}`)+`]}}}`) + `]}}}`,
		},
		{
			"what an engine of Docker 20.10 reads beside", "moby.buildkit.v1.frontend.SolveRequest",
			str(4, "registry.example.org/cache"), `{"ImportCacheRefsDeprecated":["registry.example.org/cache"]}`,
		},
		{
			"a process", "moby.buildkit.v1.frontend.ExecMessage",
			msg(str(1, "p"), str(2, msg(str(1, "c"), str(3, "\x00\x01\x02"), num(4, 1)))),
			`{"ProcessID":"p","Init":{"ContainerID":"c","Fds":[0,1,2],"Tty":true}}`,
		},
		{"numbers one by one, that may be packed", "moby.buildkit.v1.frontend.InitMessage", msg(num(3, 7), str(3, "\x08\x09")), `{"Fds":[7,8,9]}`},
		{"a zero that says something", "pb.UserOpt", num(2, 0), `{"byID":0}`},
		{"a zero that says nothing", "pb.NamedUserOpt", msg(str(1, ""), num(2, 0)), `{}`},
		{"negative numbers", "pb.NamedUserOpt", num(2, 1<<64-1), `{"input":-1}`},
		{"bytes", "google.protobuf.Any", msg(str(1, "type"), str(2, "\x00\xff")), `{"type_url":"type","value":"AP8="}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := codec(t, tt.message)
			got, err := c.JSON(tt.wire)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !json.Valid(got) {
				t.Error("this is not JSON")
			}
			wire, err := c.Wire(got)
			if err != nil {
				t.Fatal(err)
			}
			again, err := c.JSON(wire)
			if err != nil || string(again) != tt.want {
				t.Errorf("what goes on says %s, %v", again, err)
			}
		})
	}
}

func TestWhatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	deep := []byte{}
	for range 50 {
		deep = str(3, str(1, str(5, deep))) // def of a build of a vertex of def …
	}
	tests := []struct {
		name, message string
		wire          []byte
		want          string
	}{
		{"an unknown field", solveRequest, msg(str(1, "r"), str(99, "x")), "SolveRequest: field 99 is not known to this gateway"},
		{"an unknown field further in", solveRequest, str(8, str(4, str(7, "x"))), "SolveRequest.Cache.Exports[0]: field 7 is not known"},
		{"an unknown field of a step", solveRequest, str(2, str(1, str(2, num(9, 1)))), "SolveRequest.Definition.def[0].op.exec: field 9"},
		{"an unknown kind of step", solveRequest, str(2, str(1, str(8, "x"))), "SolveRequest.Definition.def[0].op: field 8"},
		{"an unknown value of an enum", "pb.ExecOp", num(3, 3), "ExecOp.network: 3 is no value of pb.NetMode"},
		{"a field twice", solveRequest, msg(str(6, "a"), str(6, "b")), "SolveRequest.Frontend: the field is given twice"},
		{"a message twice, which would be merged", solveRequest, msg(str(8, ""), str(8, "")), "Cache: the field is given twice"},
		{"two of a oneof", "pb.Op", msg(str(2, ""), str(3, "")), "Op: only one of exec and source can be given"},
		{"a key twice", solveRequest, msg(entry(7, "k", "a"), entry(7, "k", "b")), `SolveRequest.FrontendAttrs["k"]: the key is given twice`},
		{"a key twice in its entry", solveRequest, str(7, msg(str(1, "a"), str(1, "b"))), "an entry is malformed"},
		{"a third field in an entry", solveRequest, str(7, msg(str(1, "a"), str(3, "b"))), "an entry is malformed: field 3"},
		{"text that is not UTF-8", solveRequest, str(1, "\xff"), "SolveRequest.Ref: the text is not UTF-8"},
		{"a key that is not UTF-8", solveRequest, entry(7, "\xff", ""), "a key is no text"},
		{"a text where a number belongs", solveRequest, str(11, "x"), "SolveRequest.Internal: the wire type is 2"},
		{"a number where a text belongs", solveRequest, num(1, 1), "SolveRequest.Ref: the wire type is 0"},
		{"a boolean of 2", solveRequest, num(11, 2), "2 is no boolean"},
		{"a number beyond 32 bits", "pb.Position", num(1, 1<<32), "4294967296 does not fit into 32 bits"},
		{"an unsigned one", "pb.UserOpt", num(2, 1<<32), "does not fit into 32 bits"},
		{"a group", solveRequest, []byte{1<<3 | 3, 1<<3 | 4}, "wire type 3"},
		{"field 0", solveRequest, []byte{2, 0}, "0 is not the number of a field"},
		{"a field that ends behind its message", solveRequest, []byte{10, 5, 'x'}, "field 1 is longer than its message"},
		{"half a tag", solveRequest, []byte{0x80}, "ends inside of a tag"},
		{"half a length", solveRequest, []byte{10, 0x80}, "field 1: a malformed length"},
		{"half a number", solveRequest, []byte{11 << 3, 0x80}, "field 11: a malformed number"},
		{"a number of eleven bytes", solveRequest, append([]byte{11 << 3}, slices.Repeat([]byte{0x80}, 10)...), "malformed number"},
		{"a fixed number cut short", solveRequest, []byte{11<<3 | 1, 0}, "field 11 is longer than its message"},
		{"bottomless nesting", "pb.BuildOp", deep, "more than 40 deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := codec(t, tt.message).JSON(tt.wire)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s, %v\nwant an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestUnknownFieldsCanBeShownAndKept(t *testing.T) {
	c := codec(t, solveRequest)
	c.ShowUnknown = true
	exec := str(2, msg(num(3, 3), str(40, "more")))
	wire := msg(str(1, "r"), str(2, str(1, exec)), num(99, 7), str(99, "x"))
	document, err := c.JSON(wire)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Ref":"r","Definition":{"def":[` + vertex(exec, `{"exec":{"network":3,"#40":["wgIEbW9yZQ=="]}}`) + `]},"#99":["mAYH","mgYBeA=="]}`
	if string(document) != want {
		t.Errorf("got  %s\nwant %s", document, want)
	}
	got, err := c.Wire(document)
	if err != nil || string(got) != string(wire) {
		t.Errorf("got %q, %v, want %q", got, err, wire)
	}
	// They can be taken away, and nothing can be smuggled in under them.
	for document, want := range map[string]string{
		`{"Ref":"r"}`:          "",
		`{"#1":["CgFy"]}`:      "this field is known as Ref",
		`{"#99":["CgFy"]}`:     "this is not one record of field 99",
		`{"#99":["mAYHCgE="]}`: "this is not one record of field 99",
		`{"#099":[]}`:          "this is not the number of a field",
		`{"#99":"mAYH"}`:       "this has to be a list",
		`{"#99":["-"]}`:        "this is not base64",
	} {
		_, err := c.Wire([]byte(document))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", document, err, want)
		}
	}
	if _, err := codec(t, solveRequest).Wire([]byte(`{"#99":["mAYH"]}`)); err == nil {
		t.Error("a filter added an unknown field where they are refused")
	}
}

func TestWhatFiltersMakeOfAMessage(t *testing.T) {
	wire := msg(str(1, "r"), str(9, "network.host"), str(2, msg(str(1, hostExec), str(1, gitSource))))
	execJSON := vertex(hostExec, `{"exec":{"meta":{"args":["sh","-c"],"cwd":"/"},"network":"HOST","security":"INSECURE"}}`)
	gitJSON := vertex(gitSource, `{"source":{"identifier":"git://example.org/x","attrs":{"git.keepgitdir":"true"}}}`)
	tests := []struct {
		name, document, want, refused string
	}{
		{name: "an entitlement is taken away", document: `{"Ref":"r"}`, want: `{"Ref":"r"}`},
		{name: "another order, and spaces", document: "{ \"Frontend\" : \"x\",\n\"Ref\":\"r\" }\n", want: `{"Ref":"r","Frontend":"x"}`},
		{name: "escapes", document: `{"Ref":"\u0072\u00e9\/"}`, want: `{"Ref":"ré/"}`},
		{name: "an attribute is added", document: `{"FrontendAttrs":{"z":"1","a":""}}`, want: `{"FrontendAttrs":{"a":"","z":"1"}}`},
		{name: "zeros", document: `{"Ref":"","Internal":false,"Entitlements":[],"Cache":{}}`, want: `{"Cache":{}}`},
		{name: "a step is taken away", document: `{"Definition":{"def":[` + gitJSON + `]}}`, want: `{"Definition":{"def":[` + gitJSON + `]}}`},
		{name: "steps in another spelling", document: `{"Definition":{"def":[ ` + strings.ReplaceAll(execJSON, ":", ": ") + ` ]}}`, refused: "is no vertex"},
		{name: "steps without what they say", document: `{"Definition":{"def":[` + gitJSON[:83] + `}]}}`, want: `{"Definition":{"def":[` + gitJSON + `]}}`},

		{name: "a step is edited", document: `{"Definition":{"def":[` + strings.Replace(execJSON, "HOST", "NONE", 1) + `]}}`, refused: "the op of vertex"},
		{name: "a step is invented", document: `{"Definition":{"def":[{"digest":"sha256:00","op":{}}]}}`, refused: `"sha256:00" is no vertex of the message that came`},
		{name: "something beside a step", document: `{"Definition":{"def":[{"raw":"eA=="}]}}`, refused: `a vertex has no "raw"`},
		{name: "a digest twice", document: `{"Definition":{"def":[{"digest":"a","digest":"b"}]}}`, refused: "is given twice"},
		{name: "a key twice", document: `{"Ref":"a","Ref":"b"}`, refused: "SolveRequest.Ref: the key is given twice"},
		{name: "a key twice, once escaped", document: `{"Ref":"a","\u0052ef":"b"}`, refused: "the key is given twice"},
		{name: "a key of a map twice", document: `{"FrontendAttrs":{"a":"","a":""}}`, refused: `FrontendAttrs["a"]: the key is given twice`},
		{name: "a key in another case", document: `{"ref":"a"}`, refused: `moby.buildkit.v1.SolveRequest has no field "ref"`},
		{name: "null", document: `{"Ref":null}`, refused: "SolveRequest.Ref: this has to be a text"},
		{name: "a number for a text", document: `{"Ref":1}`, refused: "this has to be a text"},
		{name: "a text for a boolean", document: `{"Internal":"true"}`, refused: "not a text"},
		{name: "a number for a boolean", document: `{"Internal":1}`, refused: "this has to be true or false"},
		{name: "a list for an object", document: `{"Cache":[]}`, refused: "this has to be an object"},
		{name: "an object for a list", document: `{"Exporters":{}}`, refused: "this has to be a list"},
		{name: "no object", document: `[]`, refused: "SolveRequest: this has to be an object"},
		{name: "nothing", document: ``, refused: "not JSON"},
		{name: "half an object", document: `{"Ref":"r"`, refused: "not JSON"},
		{name: "a second document", document: `{}{}`, refused: "more bytes behind the document"},
		{name: "bytes that are not UTF-8", document: "{\"Ref\":\"\xff\"}", refused: "not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := codec(t, solveRequest)
			if _, err := c.JSON(wire); err != nil {
				t.Fatal(err)
			}
			got, err := c.Canonical([]byte(tt.document))
			switch {
			case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("got %s, %v\nwant an error with %q", got, err, tt.refused)
			case tt.refused == "" && (err != nil || string(got) != tt.want):
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestEnumsAndNumbersOfFilters(t *testing.T) {
	for document, want := range map[string]string{
		`{"network":"NONE"}`:                                 "",
		`{"network":"host"}`:                                 `pb.NetMode has no value "host"`,
		`{"network":2}`:                                      "is written by its name",
		`{"network":9}`:                                      "is written by its name",
		`{"meta":{"validExitCodes":[1,-1]}}`:                 "",
		`{"meta":{"validExitCodes":[1.5]}}`:                  "is no number of this field's type",
		`{"meta":{"validExitCodes":[1e2]}}`:                  "is no number of this field's type",
		`{"meta":{"validExitCodes":[2147483648]}}`:           "is no number of this field's type",
		`{"meta":{"ulimit":[{"Soft":9223372036854775807}]}}`: "",
		`{"meta":{"ulimit":[{"Soft":9223372036854775808}]}}`: "is no number of this field's type",
		`{"mounts":[{"secretOpt":{"mode":-1}}]}`:             "is no number of this field's type",
		`{"mounts":[{"secretOpt":{"mode":4294967295}}]}`:     "",
	} {
		_, err := codec(t, "pb.ExecOp").Wire([]byte(document))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", document, err, want)
		}
	}
}

func TestTheJSONHasALimit(t *testing.T) {
	for name, wire := range map[string][]byte{
		"text":     str(1, strings.Repeat("x", 2000)),
		"escapes":  str(1, strings.Repeat("\x00", 400)),
		"elements": slices.Repeat(str(9, ""), 2000),
		"entries":  slices.Concat(entry(7, strings.Repeat("a", 900), "x"), entry(7, strings.Repeat("b", 900), "x")),
		"vertices": str(2, slices.Repeat(str(1, ""), 100)),
	} {
		c := codec(t, solveRequest)
		c.Limit = 1000
		if got, err := c.JSON(wire); !errors.Is(err, message.ErrTooLarge) {
			t.Errorf("%s: got %d bytes, %v, want ErrTooLarge", name, len(got), err)
		}
		if _, err := c.Wire(append([]byte(`{}`), make([]byte, 1000)...)); !errors.Is(err, message.ErrTooLarge) {
			t.Errorf("%s: a filter's document: got %v, want ErrTooLarge", name, err)
		}
	}
}

func TestTheSchema(t *testing.T) {
	methods := message.Methods()
	for path, want := range map[string]string{
		"/moby.buildkit.v1.Control/Solve":                             solveRequest,
		"/moby.buildkit.v1.frontend.LLBBridge/Solve":                  "moby.buildkit.v1.frontend.SolveRequest",
		"/moby.buildkit.secrets.v1.Secrets/GetSecret":                 "moby.buildkit.secrets.v1.GetSecretRequest",
		"/moby.buildkit.v1.frontend.LLBBridge/ExecProcess":            "moby.buildkit.v1.frontend.ExecMessage",
		"/moby.filesync.v1.FileSync/DiffCopy":                         "",
		"/opentelemetry.proto.collector.trace.v1.TraceService/Export": "",
	} {
		m, ok := methods[path]
		got := ""
		if m.Request != nil {
			got = m.Request.Name
		}
		if !ok || got != want || m.Path != path {
			t.Errorf("%s: got %q, %v, want %q", path, got, ok, want)
		}
	}
	if m := methods["/moby.filesync.v1.FileSync/DiffCopy"]; !m.Stream {
		t.Error("DiffCopy is no stream")
	}
	for _, name := range message.Types() {
		if c := codec(t, name); c.Type.Name != name {
			t.Errorf("%s is called %s", name, c.Type.Name)
		}
	}
}

func TestAMessageThatStartsAProcessIsFound(t *testing.T) {
	typ := message.Find("moby.buildkit.v1.frontend.ExecMessage")
	for _, tt := range []struct {
		wire []byte
		has  bool
		err  string
	}{
		{msg(str(1, "p"), str(2, "")), true, ""},
		{msg(str(1, "p"), str(3, str(3, "data"))), false, ""},
		{nil, false, ""},
		{msg(str(3, ""), str(2, "")), true, ""},
		{str(9, ""), false, "field 9 is not known"},
		{[]byte{10}, false, "malformed length"},
	} {
		has, err := typ.Has(tt.wire, "Init")
		if has != tt.has || tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: got %v, %v, want %v, %q", tt.wire, has, err, tt.has, tt.err)
		}
	}
}
