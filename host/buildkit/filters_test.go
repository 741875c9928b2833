package buildkit_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func plainLog(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func TestAFilterDeniesACall(t *testing.T) {
	c := control(t, guarded(t, "/no-privileged {}"), unreachable(t))
	a := c.call(solve, str(9, "network.host"))
	a.denied(t, "7", `denied by filter "no-privileged": Entitlements network.host is not allowed (request id-1)`)
	r := c.recorded(1)[0]
	if r.Outcome.Verdict != chain.VerdictDeny || r.Outcome.Filter != "no-privileged" || r.Outcome.Reason != "Entitlements network.host is not allowed" || r.Code != 7 {
		t.Errorf("the record is %+v", r)
	}
}

func TestAFilterDeniesAStreamByItsMethod(t *testing.T) {
	c := sessions(t, guarded(t, `/request-guard {"default":"allow","deny":[{"operations":["BuildkitFiles"]}]}`), unreachable(t))
	a := c.call(diffCopy, nil)
	a.denied(t, "7", `denied by filter "request-guard": BuildkitFiles is denied by a rule`)
	c = sessions(t, guarded(t, `/request-guard {"default":"deny","allow":[{"paths":["/moby\\.filesync\\..*"]}]}`), reply())
	if a := c.call(diffCopy, nil); a.code != "0" {
		t.Errorf("a method that a path allows ended with %+v", a)
	}
}

func TestTheEngineGetsWhatAFilterMakesOfAMessage(t *testing.T) {
	got := make(chan string, 1)
	engine := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- shown(t, solveRequest, body)
		reply()(w, r)
	}
	c := control(t, guarded(t, `set-body { "Entitlements": [],  "Ref" : "other"}`), engine)
	if a := c.call(solve, msg(str(1, "r"), str(9, "network.host"))); a.code != "0" {
		t.Errorf("the call ended with %+v", a)
	}
	if got, want := <-got, `{"Ref":"other"}`; got != want {
		t.Errorf("the engine got %s, want %s", got, want)
	}
}

// What one filter makes of a message is judged by the next one, in its one form.
func TestARewriteIsJudgedByTheNextFilter(t *testing.T) {
	c := control(t, guarded(t, `set-body {"Entitlements":["network.host"]}`, "/no-privileged {}"), unreachable(t))
	a := c.call(solve, nil)
	a.denied(t, "7", "Entitlements network.host is not allowed")
}

func TestARewriteThatCannotBeSent(t *testing.T) {
	for document, want := range map[string]string{
		`{"Ref":1}`:             "SolveRequest.Ref: this has to be a text",
		`{"ref":"x"}`:           "has no field %22ref%22",
		`{"Ref":"a","Ref":"b"}`: "the key is given twice",
		`nonsense`:              "not JSON",
	} {
		c := control(t, guarded(t, "set-body "+document), unreachable(t))
		a := c.call(solve, nil)
		if a.code != "13" || !strings.Contains(strings.ReplaceAll(a.message, `"`, "%22"), want) || !strings.Contains(a.message, "a filter rewrote") {
			t.Errorf("%s: the call ended with %s %s, want %s", document, a.code, a.message, want)
		}
		if r := c.recorded(1)[0]; r.Outcome.Verdict != chain.VerdictFail {
			t.Errorf("%s: the record is %+v", document, r)
		}
	}
}

func TestACallCannotBecomeAnother(t *testing.T) {
	c := control(t, guarded(t, "rewrite"), unreachable(t))
	a := c.call(solve, nil)
	a.denied(t, "13", "a gRPC call cannot become another one")
}

// A filter that asks for another secret gets it by grant only.
func TestARewriteNeedsAGrantToo(t *testing.T) {
	p := guarded(t, `set-body {"ID":"aws"}`)
	p.Grants.Secrets = []string{"npm"}
	c := sessions(t, p, unreachable(t))
	a := c.call(getSecret, str(1, "npm"))
	a.denied(t, "7", `the secret "aws" is not granted`)
}

func TestAFilterThatFailsDenies(t *testing.T) {
	c := control(t, guarded(t, "trap-on-header"), unreachable(t))
	a := c.call(solve, nil, "X-Trap", "1")
	a.denied(t, "13", `filter "trap-on-header" failed, and a request that it did not judge is denied`)
}

func TestAFilterChangesTheMetadata(t *testing.T) {
	c := control(t, guarded(t, "header-adder"), func(w http.ResponseWriter, r *http.Request) {
		for key, values := range r.Header {
			if strings.HasPrefix(key, "X-") {
				w.Header()["Seen-"+key] = values
			}
		}
		reply()(w, r)
	})
	a := c.call(solve, nil)
	if a.code != "0" {
		t.Errorf("the call ended with %+v", a)
	}
	t.Log(a.header)
}

// Each message that starts a process is judged by itself, wherever in the stream it comes.
func TestEveryProcessIsJudged(t *testing.T) {
	received := make(chan []byte, 10)
	engine := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		for {
			buffer := make([]byte, 1024)
			n, err := r.Body.Read(buffer)
			if n > 0 {
				received <- buffer[:n]
			}
			if err != nil {
				break
			}
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}
	allowed := msg(str(1, "p"), str(2, msg(str(1, "c"), str(2, str(1, "sh")))))
	input := msg(str(1, "p"), str(3, msg(num(1, 0), str(3, "input"))))
	privileged := msg(str(1, "q"), str(2, msg(str(1, "c"), num(5, 1))))
	hidden := msg(str(3, str(3, "input")), str(2, num(5, 1)))

	c := control(t, guarded(t, "/no-privileged {}"), engine)
	for name, tt := range map[string]struct {
		last          []byte
		code, message string
	}{
		"a privileged one":                {privileged, "7", "Init.Security INSECURE is not allowed"},
		"one that is hidden behind input": {hidden, "3", "only one of File and Init can be given"},
		"a field that nobody knows":       {str(77, "x"), "3", "field 77 is not known"},
		"half a message":                  {nil, "3", "the call ended inside of a message"},
	} {
		read, write := io.Pipe()
		response, err := c.begin(t.Context(), process, read)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range [][]byte{allowed, input} {
			_, _ = write.Write(frame(m))
			if got := <-received; string(got) != string(frame(m)) {
				t.Errorf("%s: the engine got %q, want %q", name, got, frame(m))
			}
		}
		go func() {
			if tt.last == nil {
				_, _ = write.Write([]byte{0, 0})
				write.Close()
				return
			}
			_, _ = write.Write(frame(tt.last))
		}()
		a := finish(response)
		if a.code != tt.code || !strings.Contains(a.message, tt.message) {
			t.Errorf("%s: the call ended with %+v, want %s %s", name, a, tt.code, tt.message)
		}
		write.Close()
	}
	judged := 0
	for _, r := range c.recorded(9) {
		if r.Operation == dockerapi.BuildkitExec && r.Outcome.Filter == "no-privileged" {
			judged++
		}
	}
	if judged == 0 {
		t.Error("no record says that the filter decided")
	}
}
