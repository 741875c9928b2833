package filtertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
)

// Call is a call to another service that a filter is to make in a case, and the answer to it. Calls of one upstream, method and
// path are answered in the order of the case.
type Call struct {
	Upstream string
	Method   string // "" for POST where there is a body, and GET
	Path     string // "" for /
	// Headers are expected values by name; only the named ones are looked at.
	Headers map[string]string
	// Body is compared as JSON when it is JSON.
	Body   string
	Answer Answer
}

// Answer is what a service answers.
type Answer struct {
	Status  int // 0 for 200
	Headers [][2]string
	Body    string
	// Fails: the service hangs up instead.
	Fails bool
}

func (c *Call) method() string {
	switch {
	case c.Method != "":
		return c.Method
	case c.Body != "":
		return "POST"
	}
	return "GET"
}

func (a *Answer) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

// services are what a filter can call. Their names are those in all calls of the suite.
type services struct {
	names []string

	mu    sync.Mutex // guards what follows
	t     *testing.T
	left  []Call        // that the case still waits for
	empty chan struct{} // closed when there is none
}

func (s Suite) services() *services {
	v := &services{}
	for _, c := range s.Cases {
		for _, call := range c.Calls {
			if !slices.Contains(v.names, call.Upstream) {
				v.names = append(v.names, call.Upstream)
			}
		}
	}
	return v
}

// begin makes the calls of a case those that are expected.
func (v *services) begin(t *testing.T, c Case) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.t, v.left, v.empty = t, slices.Clone(c.Calls), make(chan struct{})
	if len(v.left) == 0 {
		close(v.empty)
	}
}

// end waits for the calls that nobody waits for, and complains about those that were not made.
func (v *services) end(t *testing.T) {
	select {
	case <-v.empty:
	case <-time.After(5 * time.Second):
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, c := range v.left {
			t.Errorf("the filter did not call %s: %s %s", c.Upstream, c.method(), or(c.Path, "/"))
		}
	}
}

// take finds what is to be answered to a call.
func (v *services) take(upstream, method, path string, header func(string) string, body []byte) Answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := slices.IndexFunc(v.left, func(c Call) bool {
		return c.Upstream == upstream && c.method() == method && or(c.Path, "/") == path
	})
	if at < 0 {
		v.t.Errorf("the filter calls %s: %s %s %s, which this case does not expect", upstream, method, path, body)
		return Answer{Fails: true}
	}
	c := v.left[at]
	if v.left = slices.Delete(v.left, at, at+1); len(v.left) == 0 {
		close(v.empty)
	}
	for name, want := range c.Headers {
		if got := header(name); got != want {
			v.t.Errorf("the call of %s has the header %s %q, want %q", upstream, name, got, want)
		}
	}
	if !sameText(body, c.Body) {
		v.t.Errorf("the call of %s has the body\n\t%s\nwant\n\t%s", upstream, bytes.TrimSpace(body), c.Body)
	}
	return c.Answer
}

// sameText compares as JSON what is JSON.
func sameText(got []byte, want string) bool {
	var a, b any
	return string(got) == want || json.Unmarshal(got, &a) == nil && json.Unmarshal([]byte(want), &b) == nil && reflect.DeepEqual(a, b)
}

// serve starts the services, each on a socket of its own.
func (v *services) serve(t *testing.T) map[string]*callout.Upstream {
	upstreams := make(map[string]*callout.Upstream, len(v.names))
	if len(v.names) == 0 {
		return upstreams
	}
	dir, err := os.MkdirTemp("", "svc") // a test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i, name := range v.names {
		l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler) // the filter's stream has ended
			}
			header := func(name string) string { return strings.Join(r.Header.Values(name), ", ") }
			a := v.take(name, r.Method, r.RequestURI, header, body)
			if a.Fails {
				panic(http.ErrAbortHandler)
			}
			for _, h := range a.Headers {
				w.Header().Add(h[0], h[1])
			}
			w.WriteHeader(a.status())
			_, _ = io.WriteString(w, a.Body)
		})}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { server.Close() })
		if upstreams[name], err = callout.New(callout.Options{Name: name, Address: "unix://" + l.Addr().String(), Timeout: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(upstreams[name].Close)
	}
	return upstreams
}

// pairs are an Answer's fields as a filter reads them.
func (a *Answer) pairs() [][2]string {
	fields := [][2]string{{":status", fmt.Sprint(a.status())}}
	for _, h := range a.Headers {
		fields = append(fields, [2]string{strings.ToLower(h[0]), h[1]})
	}
	return fields
}

// valueOf joins the values of a field.
func valueOf(fields [][2]string, name string) string {
	var values []string
	for _, f := range fields {
		if abi.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return strings.Join(values, ", ")
}
