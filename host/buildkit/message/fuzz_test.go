package message_test

import (
	"encoding/json"
	"testing"

	"github.com/sluice-gateway/sluice/host/buildkit/message"
)

// FuzzBytes: whatever bytes come, they are refused, or what goes on says the same as what filters see, and saying it again changes
// nothing.
func FuzzBytes(f *testing.F) {
	for _, wire := range [][]byte{
		nil, str(1, "r"), msg(str(2, msg(str(1, hostExec), str(1, gitSource))), entry(7, "a", "b"), str(9, "network.host"), num(11, 1)),
		str(10, msg(str(1, "in"), str(2, str(1, str(5, str(3, str(1, hostExec))))))), str(99, "x"),
		{10, 5, 'x'},
		{11 << 3, 0x80},
	} {
		f.Add(wire, false)
		f.Add(wire, true)
	}
	types := []*message.Type{message.Find(solveRequest), message.Find("moby.buildkit.v1.frontend.SolveRequest"), message.Find("pb.Op"), message.Find("moby.buildkit.v1.frontend.ExecMessage")}
	f.Fuzz(func(t *testing.T, wire []byte, show bool) {
		for _, typ := range types {
			c := &message.Codec{Type: typ, ShowUnknown: show, Limit: 1 << 20}
			document, err := c.JSON(wire)
			if err != nil {
				continue
			}
			if !json.Valid(document) {
				t.Fatalf("%s: %q gives what is no JSON: %s", typ.Name, wire, document)
			}
			out, err := c.Wire(document)
			if err != nil {
				t.Fatalf("%s: %q gives %s, which is refused: %v", typ.Name, wire, document, err)
			}
			again, err := c.JSON(out)
			if err != nil || string(again) != string(document) {
				t.Fatalf("%s: %q is shown as %s, and goes on as %s, %v", typ.Name, wire, document, again, err)
			}
			if twice, err := c.Wire(again); err != nil || string(twice) != string(out) {
				t.Fatalf("%s: writing %s twice gives %q and %q, %v", typ.Name, document, out, twice, err)
			}
		}
	})
}

// FuzzDocuments: whatever a filter writes is refused, or has one form that means the same.
func FuzzDocuments(f *testing.F) {
	for _, document := range []string{
		`{}`, `{"Ref":"r","FrontendAttrs":{"a":"b"},"Entitlements":["x"],"Internal":true}`, `{"Cache":{"Exports":[{"Type":"x"}]}}`,
		`{"Definition":{"def":[{"digest":"x","op":{}}]}}`, `{"#99":["mAYH"]}`, `{"Ref":"\ud800"}`, `{"Ref":"a","Ref":"b"}`, `[1`,
		`{"SourcePolicy":{"version":1,"rules":[{"action":"DENY","selector":{"match_type":"REGEX"}}]}}`,
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		c := &message.Codec{Type: message.Find(solveRequest), ShowUnknown: true, Limit: 1 << 20}
		canonical, err := c.Canonical(document)
		if err != nil {
			return
		}
		if !json.Valid(document) {
			t.Fatalf("%q is no JSON and was taken", document)
		}
		again, err := c.Canonical(canonical)
		if err != nil || string(again) != string(canonical) {
			t.Fatalf("%s has two forms: %s and %s, %v", document, canonical, again, err)
		}
	})
}
