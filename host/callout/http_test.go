package callout_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
)

// mirror answers with what it was asked, and a trailer.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Trailer", "X-Sum")
	w.Header()["Date"] = nil
	w.Header().Set("X-Second", "2")
	w.Header().Add("X-First", "a")
	w.Header().Add("X-First", "b")
	fmt.Fprintf(w, "%s %s host %s body %q trailer %q accept %q agent %q", r.Method, r.RequestURI, r.Host, body, r.Trailer.Get("X-Body-Sum"), r.Header.Values("Accept"), r.Header.Get("User-Agent"))
	_ = http.NewResponseController(w).Flush() // so that its length is not known
	w.Header().Set("X-Sum", "7")
}

func TestCallsReachTheirService(t *testing.T) {
	ca := authority(t)
	pair := ca.issue(t, "service.test")
	ca.issue(t, "gateway")
	secure := func() string {
		return serveOn(t, listen(t, "tcp"), &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if names := r.TLS.PeerCertificates; len(names) != 1 || names[0].Subject.CommonName != "gateway" {
				t.Errorf("the gateway showed %v", names)
			}
			mirror(w, r)
		}), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}})
	}
	for name, options := range map[string]callout.Options{
		"unix":               {Address: serve(t, "unix", mirror)},
		"tcp":                {Address: serve(t, "tcp", mirror)},
		"unix, HTTP/2":       {Address: serve(t, "unix", mirror), HTTP2: true},
		"tls, client's cert": {Address: secure(), TLS: &callout.TLS{CA: ca.path("ca.pem"), Cert: ca.path("gateway.pem"), Key: ca.path("gateway.key"), ServerName: "service.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := open(t, options)
			fields := get("//v1/%2e/data?a=b&c=%20d", abi.Pair{Key: "accept", Value: "x"}, abi.Pair{Key: "accept", Value: "y"}, abi.Pair{Key: ":scheme", Value: "ftp"},
				abi.Pair{Key: "connection", Value: "close"}, abi.Pair{Key: "content-length", Value: "999"}, abi.Pair{Key: "host", Value: "other"}, abi.Pair{Key: "transfer-encoding", Value: "gzip"})
			fields[0].Value = "PUT"
			for range 2 { // the second on the first one's connection
				response, err := u.Do(t.Context(), request(t, fields, "hello", []abi.Pair{{Key: "x-body-sum", Value: "5"}}, 0))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := string(response.Body), `PUT //v1/%2e/data?a=b&c=%20d host svc body "hello" trailer "5" accept ["x" "y"] agent ""`; got != want {
					t.Errorf("the service was asked\n%s, want\n%s", got, want)
				}
				want := []abi.Pair{{Key: ":status", Value: "200"}, {Key: "content-type", Value: "text/plain; charset=utf-8"}, {Key: "x-first", Value: "a"}, {Key: "x-first", Value: "b"}, {Key: "x-second", Value: "2"}}
				if diff := cmp.Diff(want, response.Fields); diff != "" {
					t.Errorf("fields (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]abi.Pair{{Key: "x-sum", Value: "7"}}, response.Trailers); diff != "" {
					t.Errorf("trailers (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// Trailers are sent whatever the method, and whether there is a body before them or not.
func TestTrailersReachTheService(t *testing.T) {
	ca := authority(t)
	pair := ca.issue(t, "service.test")
	for name, options := range map[string]callout.Options{
		"HTTP/1.1": {Address: serve(t, "unix", mirror)},
		"HTTP/2":   {Address: serve(t, "tcp", mirror), HTTP2: true},
		"tls": {
			Address: serveOn(t, listen(t, "tcp"), &http.Server{Handler: http.HandlerFunc(mirror), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}),
			TLS:     &callout.TLS{CA: ca.path("ca.pem"), ServerName: "service.test"},
		},
	} {
		u := open(t, options)
		for _, method := range []string{"GET", "DELETE", "OPTIONS", "PROPFIND", "POST", "PUT", "PATCH", "REPORT"} {
			for _, body := range []string{"", "hello"} {
				fields := get("/")
				fields[0].Value = method
				response, err := u.Do(t.Context(), request(t, fields, body, []abi.Pair{{Key: "x-body-sum", Value: "5"}}, 0))
				if err != nil {
					t.Fatalf("%s: %s: %v", name, method, err)
				}
				if got, want := string(response.Body), fmt.Sprintf(`%s / host svc body %q trailer "5" accept [] agent ""`, method, body); got != want {
					t.Errorf("%s: the service was asked\n%s, want\n%s", name, got, want)
				}
			}
		}
	}
}

func TestRequestsThatCannotBeMade(t *testing.T) {
	head := func(method, path, authority string, more ...abi.Pair) []abi.Pair {
		return append([]abi.Pair{{Key: ":method", Value: method}, {Key: ":path", Value: path}, {Key: ":authority", Value: authority}}, more...)
	}
	for name, c := range map[string]struct {
		fields, trailers []abi.Pair
		want             string
	}{
		"nothing":                     {nil, nil, ":method is missing"},
		"no path":                     {head("GET", "/", "a")[:1], nil, ":path is missing"},
		"no authority":                {head("GET", "/", "a")[:2], nil, ":authority is missing"},
		"two paths":                   {head("GET", "/", "a", abi.Pair{Key: ":PATH", Value: "/b"}), nil, "two :path"},
		"unknown pseudo-header":       {head("GET", "/", "a", abi.Pair{Key: ":status", Value: "200"}), nil, ":status is no pseudo-header"},
		"an empty method":             {head("", "/", "a"), nil, ":method"},
		"a tunnel":                    {head("CONNECT", "/", "a"), nil, ":method"},
		"a method with a space":       {head("GET /x", "/", "a"), nil, ":method"},
		"a relative path":             {head("GET", "x", "a"), nil, ":path"},
		"an empty path":               {head("GET", "", "a"), nil, ":path"},
		"an absolute path":            {head("GET", "http://b/", "a"), nil, ":path"},
		"a path with a space":         {head("GET", "/ HTTP/1.1", "a"), nil, ":path"},
		"a path with a line":          {head("GET", "/\r\nx: y", "a"), nil, "control character"},
		"a path with a fragment":      {head("GET", "/#x", "a"), nil, ":path"},
		"a path that is badly quoted": {head("GET", "/%zz", "a"), nil, ":path"},
		"an authority with a path":    {head("GET", "/", "a/b"), nil, ":authority"},
		"a value with a line":         {head("GET", "/", "a", abi.Pair{Key: "x", Value: "a\r\nb"}), nil, "control character"},
		"a name that is none":         {head("GET", "/", "a", abi.Pair{Key: "x y", Value: "a"}), nil, "not allowed"},
		"a pseudo-trailer":            {head("GET", "/", "a"), []abi.Pair{{Key: ":path", Value: "/"}}, "cannot be a trailer"},
		"a trailer that frames":       {head("GET", "/", "a"), []abi.Pair{{Key: "content-length", Value: "1"}}, "cannot be a trailer"},
		"a trailer with a line":       {head("GET", "/", "a"), []abi.Pair{{Key: "x", Value: "\n"}}, "control character"},
	} {
		if _, err := callout.NewRequest(c.fields, nil, c.trailers, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := callout.NewRequest(head("GET", "/", ""), nil, nil, 0); err != nil {
		t.Errorf("an empty :authority, which SDKs' examples send: %v", err)
	}
}

func TestCallsThatFailSayWhy(t *testing.T) {
	silent := serve(t, "tcp", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ca := authority(t)
	pair := ca.issue(t, "service.test")
	stranger := authority(t)
	secure := serveOn(t, listen(t, "tcp"), &http.Server{
		Handler: http.HandlerFunc(mirror), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ErrorLog: quiet,
	})
	trusting := &callout.TLS{CA: ca.path("ca.pem"), ServerName: "service.test"}
	answer := func(text string) string {
		return raw(t, func(conn net.Conn) { _, _ = io.WriteString(conn, text) })
	}
	old := raw(t, onlyHTTP1)
	l := listen(t, "tcp")
	refusing := "tcp://" + l.Addr().String()
	l.Close()
	for name, c := range map[string]struct {
		options callout.Options
		timeout time.Duration
		want    string
	}{
		"too slow for the call":           {callout.Options{Address: silent}, 30 * time.Millisecond, "timeout"},
		"too slow for the upstream":       {callout.Options{Address: silent, Timeout: 30 * time.Millisecond}, time.Hour, "timeout"},
		"too slow, and nobody said so":    {callout.Options{Address: silent, Timeout: 30 * time.Millisecond}, 0, "timeout"},
		"nobody there":                    {callout.Options{Address: refusing}, 0, "no connection"},
		"no socket":                       {callout.Options{Address: "unix:///nowhere/s"}, 0, "no connection"},
		"hangs up":                        {callout.Options{Address: answer("")}, 0, "reset"},
		"hangs up in its head":            {callout.Options{Address: answer("HTTP/1.1 200 OK\r\nX: ")}, 0, "reset"},
		"hangs up in its body":            {callout.Options{Address: answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody")}, 0, "reset"},
		"no HTTP":                         {callout.Options{Address: answer("SSH-2.0-OpenSSH\r\n")}, 0, "malformed"},
		"no chunk":                        {callout.Options{Address: answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}, 0, "malformed"},
		"two lengths":                     {callout.Options{Address: answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")}, 0, "malformed"},
		"another protocol":                {callout.Options{Address: answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n")}, 0, "malformed"},
		"a length that is too large":      {callout.Options{Address: answer("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"), Body: 10}, 0, "answer too large"},
		"a body that is too large":        {callout.Options{Address: answer("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 11)), Body: 10}, 0, "answer too large"},
		"a head that is too large":        {callout.Options{Address: answer("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n")}, 0, "answer too large"},
		"a head with too many fields":     {callout.Options{Address: answer("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1100) + "\r\n")}, 0, "answer too large"},
		"another authority's certificate": {callout.Options{Address: secure, TLS: &callout.TLS{CA: stranger.path("ca.pem"), ServerName: "service.test"}}, 0, "no connection"},
		"a certificate for another name":  {callout.Options{Address: secure, TLS: &callout.TLS{CA: ca.path("ca.pem")}}, 0, "no connection"},
		"no TLS":                          {callout.Options{Address: silent, TLS: trusting}, 0, "no connection"},
		"HTTP/2 asked for in vain":        {callout.Options{Address: old, HTTP2: true}, 0, "malformed or no connection"},
	} {
		t.Run(name, func(t *testing.T) { fails(t, t.Context(), open(t, c.options), c.timeout, c.want) })
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		fails(t, ctx, open(t, callout.Options{Address: silent}), 0, "cancelled")
	})
}

func TestABodyOfTheLimitIsWhole(t *testing.T) {
	text := strings.Repeat("x", 200<<10)
	for _, address := range []string{
		serve(t, "tcp", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }),
		raw(t, func(conn net.Conn) {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		}),
	} {
		u := open(t, callout.Options{Address: address, Body: len(text)})
		response, err := u.Do(t.Context(), request(t, get("/"), "", nil, 0))
		if err != nil {
			t.Fatal(err)
		}
		if string(response.Body) != text {
			t.Errorf("got %d bytes, want %d", len(response.Body), len(text))
		}
	}
}

func TestARedirectIsAnAnswer(t *testing.T) {
	var asked []string
	u := open(t, callout.Options{Address: serve(t, "tcp", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		http.Redirect(w, r, "http://169.254.169.254/elsewhere", http.StatusFound)
	})})
	response, err := u.Do(t.Context(), request(t, get("/here"), "", nil, 0))
	if err != nil {
		t.Fatal(err)
	}
	if response.Fields[0].Value != "302" || len(asked) != 1 {
		t.Errorf("status %s, asked %q", response.Fields[0].Value, asked)
	}
}

// The gateway runs with an operator's environment; a filter's calls are none of
// its proxies' business.
func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	u := open(t, callout.Options{Address: serve(t, "tcp", mirror)})
	if _, err := u.Do(t.Context(), request(t, get("/"), "", nil, 0)); err != nil {
		t.Error(err)
	}
}

func TestFilesOfTLSAreRead(t *testing.T) {
	ca := authority(t)
	if err := os.WriteFile(ca.path("none.pem"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, files := range map[string]callout.TLS{
		"no such file":             {CA: ca.path("missing.pem")},
		"holds no certificate":     {CA: ca.path("none.pem")},
		"tls.cert and tls.key":     {Cert: ca.path("ca.pem"), Key: ca.path("missing.key")},
		`has no port`:              {},
		`neither unix:///path nor`: {ServerName: "x"},
	} {
		address := map[string]string{"has no port": "tcp://x", "neither unix:///path nor": "https://x:1"}[want]
		if address == "" {
			address = "tcp://127.0.0.1:1"
		}
		if _, err := callout.New(callout.Options{Name: "service", Address: address, TLS: &files}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `upstream "service"`) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
