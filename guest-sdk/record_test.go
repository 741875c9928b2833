package sluice_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

type onRecord = func(*none, *sluice.Record) sluice.Verdict

func ok(body string) *filtertest.Response { return &filtertest.Response{Status: 200, Body: body} }

func TestEachRecordIsGivenWithWhatItIs(t *testing.T) {
	const json = "{\"a\":1}\n{\"b\":2}\n"
	frames := filtertest.Frame(1, "out") + filtertest.Frame(2, "err\n")
	for name, c := range map[string]struct {
		request  filtertest.Request
		response *filtertest.Response
		want     []string
	}{
		"events":                {filtertest.Get("/v1.41/events"), ok(json), []string{"json  {\"a\":1}\n", "json  {\"b\":2}\n"}},
		"a sequence of events":  {filtertest.Get("/v1.52/events"), &filtertest.Response{Status: 200, Headers: [][2]string{{"Content-Type", "application/json-seq"}}, Body: "\x1e{\"a\":1}\n"}, []string{"json  \x1e{\"a\":1}\n"}},
		"logs":                  {filtertest.Get("/v1.41/containers/c/logs"), ok(frames), []string{"frame stdout out", "frame stderr err\n"}},
		"logs of a terminal":    {filtertest.Get("/v1.41/containers/c/logs"), &filtertest.Response{Status: 200, Body: "ab", Terminal: true}, []string{"raw  a", "raw  b"}},
		"an exec":               {filtertest.Post("/v1.41/exec/e/start", `{}`), &filtertest.Response{Status: 101, Body: frames}, []string{"frame stdout out", "frame stderr err\n"}},
		"an export":             {filtertest.Get("/v1.41/containers/c/export"), ok("tr"), []string{"raw  t", "raw  r"}},
		"an error":              {filtertest.Get("/v1.41/events"), &filtertest.Response{Status: 404, Body: `{"message":"no"}`}, nil},
		"an ordinary operation": {filtertest.Get("/v1.41/containers/json"), filtertest.OK("[]"), nil},
		"nothing":               {filtertest.Get("/v1.41/events"), ok(""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			play(t, sluice.Filter[none]{Record: func(_ *none, r *sluice.Record) sluice.Verdict {
				got = append(got, string(r.Kind())+" "+r.Stream()+" "+string(r.Body()))
				if r.Request().Operation() == "" || r.Response().Status() == 0 {
					return sluice.Fail(errors.New("whose record is it?"))
				}
				return sluice.Allow()
			}}, filtertest.Case{Request: c.request, Response: c.response})
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestARecordIsChangedOrDropped(t *testing.T) {
	const events = "{\"a\":1,\"b\":\"x\"}\r\n{\"drop\":1}\r\n{\"c\":3}\r\n"
	edit := func(_ *none, r *sluice.Record) sluice.Verdict {
		switch {
		case r.JSON().Get("drop").IsSet():
			r.Drop()
		case r.JSON().Get("b").IsSet():
			r.JSON().Get("b").Replace(`"y"`)
		default:
			r.SetBody([]byte("{}"))
		}
		return sluice.Allow()
	}
	for name, c := range map[string]struct {
		check    onRecord
		request  filtertest.Request
		response *filtertest.Response
		want     string
	}{
		"JSON": {edit, filtertest.Get("/v1.41/events"), ok(events), "{\"a\":1,\"b\":\"y\"}\r\n{}\r\n"},
		"a sequence": {
			edit, filtertest.Get("/v1.52/events"),
			&filtertest.Response{Status: 200, Headers: [][2]string{{"content-type", "application/json-seq"}}, Body: "\x1e{\"b\":1}\n\x1e{\"drop\":1}\n"},
			"\x1e{\"b\":\"y\"}\n",
		},
		"frames": {
			func(_ *none, r *sluice.Record) sluice.Verdict {
				if r.Stream() == sluice.Stderr {
					r.Drop()
				} else {
					r.SetBody(bytes.ToUpper(r.Body()))
				}
				return sluice.Allow()
			},
			filtertest.Get("/v1.41/containers/c/logs"), ok(filtertest.Frame(1, "out") + filtertest.Frame(2, "err")), filtertest.Frame(1, "OUT"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, sluice.Filter[none]{Record: c.check}, filtertest.Case{Request: c.request, Response: c.response, Want: filtertest.Want{ResponseBody: c.want}})
		})
	}
}

func TestWhatGoesWrongWithARecordCutsTheStream(t *testing.T) {
	for name, c := range map[string]struct {
		check  onRecord
		reason string
		status int
	}{
		"a denial":           {func(*none, *sluice.Record) sluice.Verdict { return sluice.Deny("secret") }, "secret", 403},
		"a forgotten branch": {func(*none, *sluice.Record) sluice.Verdict { return sluice.Verdict{} }, "no verdict", 502},
		"a refused lookup": {func(_ *none, r *sluice.Record) sluice.Verdict {
			r.JSON().Get("a").Bool()
			return sluice.Allow()
		}, "is a number", 502},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, sluice.Filter[none]{Record: c.check}, filtertest.Case{
				Request: filtertest.Get("/v1.41/events"), Response: ok("{\"a\":1}\n"), Want: filtertest.Want{Denied: c.reason, Status: c.status},
			})
		})
	}
}

func TestRecordsAreAskedForWhereTheyAreWanted(t *testing.T) {
	record := func(_ *none, r *sluice.Record) sluice.Verdict { return sluice.Deny("record") }
	chunk := func(_ *none, r *sluice.Response, _ bool) sluice.Verdict { return sluice.Deny("chunk") }
	whole := func(_ *none, r *sluice.Response) sluice.Verdict { return sluice.Deny("whole") }
	events, logs := filtertest.Get("/v1.41/events"), filtertest.Get("/v1.41/containers/c/logs")
	for name, c := range map[string]struct {
		filter  sluice.Filter[none]
		request filtertest.Request
		want    string
	}{
		"of all streams":                  {sluice.Filter[none]{Record: record}, logs, "record"},
		"of the filter's own operations":  {sluice.Filter[none]{Record: record, Operations: []sluice.Operation{"SystemEvents"}}, logs, ""},
		"of those listed":                 {sluice.Filter[none]{Record: record, RecordsFor: []sluice.Operation{"SystemEvents"}}, events, "record"},
		"of no other":                     {sluice.Filter[none]{Record: record, RecordsFor: []sluice.Operation{"SystemEvents"}}, logs, ""},
		"others in pieces":                {sluice.Filter[none]{Record: record, RecordsFor: []sluice.Operation{"SystemEvents"}, ResponseChunk: chunk}, logs, "chunk"},
		"beside whole bodies":             {sluice.Filter[none]{Record: record, ResponseBody: whole}, events, "record"},
		"not where it is asked for whole": {sluice.Filter[none]{Record: record, ResponseBody: whole, ResponseBodyFor: []sluice.Operation{"SystemEvents"}}, events, "whole"},
	} {
		t.Run(name, func(t *testing.T) {
			body := "{}\n"
			if c.request.Path == logs.Path {
				body = filtertest.Frame(1, "out")
			}
			play(t, c.filter, filtertest.Case{Request: c.request, Response: ok(body), Want: filtertest.Want{Denied: c.want}})
		})
	}
}
