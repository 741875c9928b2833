package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves on an address and returns a client that talks to it.
func start(t *testing.T, network, address string, options admin.Options) (*http.Client, string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if options.Metrics == nil {
		options.Metrics = prometheus.NewRegistry()
	}
	s := admin.New(options)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, l.Addr().String())
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return &http.Client{Transport: transport}, "http://" + l.Addr().String()
}

type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, c *http.Client, method, url string, edit func(*http.Request)) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(req)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func TestEndpoints(t *testing.T) {
	var mu sync.Mutex
	var reason error
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "answer", Help: "The answer."}, func() float64 { return 42 }))
	c, url := start(t, "tcp", "127.0.0.1:0", admin.Options{
		Metrics: registry,
		Ready: func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			return reason
		},
		Filters: func() admin.Filters {
			return admin.Filters{Generation: 3, Filters: []admin.Filter{{Name: "guard", Digest: "abc", Stages: []string{"request_headers"}, Instances: 2}}}
		},
	})
	if got := ask(t, c, "GET", url+"/healthz", nil); got.status != 200 || got.body != "ok\n" {
		t.Errorf("healthz: %+v", got)
	}
	if got := ask(t, c, "GET", url+"/readyz", nil); got.status != 200 || got.body != "ready\n" {
		t.Errorf("readyz: %+v", got)
	}
	mu.Lock()
	reason = errors.New("the engine does not answer")
	mu.Unlock()
	if got := ask(t, c, "GET", url+"/readyz", nil); got.status != 503 || got.body != "not ready: the engine does not answer\n" {
		t.Errorf("readyz: %+v", got)
	}
	if got := ask(t, c, "GET", url+"/metrics", nil); got.status != 200 || !strings.Contains(got.body, "\nanswer 42\n") || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("metrics: %+v", got)
	}
	got := ask(t, c, "GET", url+"/filters", nil)
	var filters admin.Filters
	if err := json.Unmarshal([]byte(got.body), &filters); err != nil || got.status != 200 || filters.Generation != 3 || filters.Filters[0].Instances != 2 {
		t.Errorf("filters: %+v, %v", got, err)
	}
	if got := ask(t, c, "HEAD", url+"/healthz", nil); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %+v", got)
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{{"POST", "/metrics", 405}, {"DELETE", "/filters", 405}, {"GET", "/", 404}, {"GET", "/debug/pprof/", 404}, {"GET", "/filters/guard", 404}} {
		if got := ask(t, c, test.method, url+test.path, nil); got.status != test.status {
			t.Errorf("%s %s: got %d, want %d", test.method, test.path, got.status, test.status)
		}
	}
}

func TestBrowsersAreTurnedAway(t *testing.T) {
	ready := func(context.Context) error { return nil }
	loopback, url := start(t, "tcp", "127.0.0.1:0", admin.Options{Ready: ready})
	open, openURL := start(t, "tcp", "127.0.0.1:0", admin.Options{Ready: ready, AnyHost: true})
	unix, _ := start(t, "unix", filepath.Join(t.TempDir(), "s"), admin.Options{Ready: ready})
	for _, test := range []struct {
		name   string
		client *http.Client
		url    string
		host   string
		origin string
		want   int
	}{
		{"an address", loopback, url, "", "", 200},
		{"localhost", loopback, url, "localhost:9323", "", 200},
		{"an IPv6 address", loopback, url, "[::1]", "", 200},
		{"a name that points here", loopback, url, "evil.example:9323", "", 403},
		{"a page of another origin", loopback, url, "", "http://evil.example", 403},
		{"any name, where that was said", open, openURL, "gateway.example", "", 200},
		{"a page, even there", open, openURL, "", "null", 403},
		{"a unix socket, which no browser can reach", unix, "http://admin", "whatever", "", 200},
	} {
		got := ask(t, test.client, "GET", test.url+"/readyz", func(r *http.Request) {
			r.Host = test.host
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
		})
		if got.status != test.want {
			t.Errorf("%s: got %d %s, want %d", test.name, got.status, got.body, test.want)
		}
	}
}

// A question that takes long does not pile up.
func TestAFewRequestsAtATime(t *testing.T) {
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	c, url := start(t, "tcp", "127.0.0.1:0", admin.Options{Ready: func(context.Context) error {
		asked <- struct{}{}
		<-answer
		return nil
	}})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got := ask(t, c, "GET", url+"/readyz", nil); got.status != 200 {
				t.Errorf("got %+v", got)
			}
		})
	}
	for range 16 {
		<-asked
	}
	if got := ask(t, c, "GET", url+"/metrics", nil); got.status != 503 {
		t.Errorf("one more: %+v", got)
	}
	if got := ask(t, c, "GET", url+"/healthz", nil); got.status != 200 {
		t.Errorf("whether it lives: %+v", got)
	}
	close(answer)
	all.Wait()
}
