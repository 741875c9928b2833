package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options say what a Server answers with. All but Logger are required.
type Options struct {
	// Metrics are the series.
	Metrics prometheus.Gatherer
	// Ready is nil where the gateway can serve, or what keeps it from that.
	Ready func(context.Context) error
	// Filters are the filters that serve.
	Filters func() Filters
	// AnyHost serves requests whatever name they call the server by. Otherwise, on TCP,
	// it must be an address or localhost: a page somewhere in the web could make a name
	// of its own point here, and read the answers.
	AnyHost bool
	// Logger receives what goes wrong. Nil discards.
	Logger *slog.Logger
}

// Filters is what /filters shows.
type Filters struct {
	Generation uint64   `json:"generation"`
	Filters    []Filter `json:"filters"` // in the order of the chain, and then the services
}

// Filter is one filter. It has nothing of its configuration's content: there may be
// secrets in it.
type Filter struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`             // filter or service
	Tenant      string   `json:"tenant,omitempty"` // whose it is; none is the operator's own
	Digest      string   `json:"digest"`           // sha256 of the module
	Signed      string   `json:"signed,omitempty"`
	ABI         string   `json:"abi"`
	Stages      []string `json:"stages"`
	OnFailure   string   `json:"on_failure"`
	VMID        string   `json:"vm_id"`
	Instances   int      `json:"instances"`
	Traps       uint64   `json:"traps"` // instances lost since the filter was configured first
	Quarantined bool     `json:"quarantined"`
	// Problem is why it is in quarantine.
	Problem string `json:"problem,omitempty"`
	// Fuel is what its callbacks have used since it was configured first, in seconds,
	// and FuelMost what one of them has at most.
	Fuel     float64 `json:"fuel_seconds"`
	FuelMost float64 `json:"fuel_most_seconds"`
	// Memory is how many bytes all its instances have.
	Memory int64 `json:"memory_bytes"`
	// Refused is how often it was refused more of something, by what it was, since it
	// was configured first.
	Refused map[string]uint64 `json:"refused,omitempty"`
	// Granted is what the filter may do, and NotGranted what it tried beyond that since it
	// was started.
	Granted    string    `json:"granted"`
	NotGranted []Refusal `json:"not_granted,omitempty"`
}

// Refusal is a capability that a filter used and was not granted.
type Refusal struct {
	Capability string   `json:"capability"`
	Count      uint64   `json:"count"`
	Names      []string `json:"names,omitempty"` // some of those that it gave
	ToGrant    string   `json:"to_grant"`        // what the filter's configuration would have to say
}

// The bounds of a request, and of how many there are at a time. A client that is
// slow is nobody's problem but its own.
const (
	headTimeout  = 5 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = time.Minute
	maxHead      = 16 << 10
	maxRequests  = 16
)

// Server answers on one listener.
type Server struct {
	http *http.Server
}

// New returns a server. Serve starts it.
func New(options Options) *Server {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	asks := http.NewServeMux()
	asks.Handle("GET /metrics", promhttp.HandlerFor(options.Metrics, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(options.Logger.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError, // what is wrong with one series is no reason to hide all
	}))
	asks.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := options.Ready(r.Context()); err != nil {
			text(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		text(w, http.StatusOK, "ready")
	})
	asks.HandleFunc("GET /filters", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.MarshalIndent(options.Filters(), "", "  ")
		if err != nil {
			text(w, http.StatusInternalServerError, err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(body, '\n'))
	})
	// Whether the process lives must not depend on how many others ask for more.
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.Handle("/", bounded(asks))
	return &Server{http: &http.Server{
		Handler:           guard(mux, options.AnyHost),
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       headTimeout, // there is no body to wait for
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}}
}

// Serve answers until Shutdown; it returns nil then.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown ends the server and closes its listener. Answers that are on their way
// are waited for until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

func text(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(message + "\n"))
}

// bounded lets a few requests in at a time.
func bounded(next http.Handler) http.Handler {
	slots := make(chan struct{}, maxRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			text(w, http.StatusServiceUnavailable, "too many requests at a time")
		}
	})
}

// guard turns away what a browser may have been made to send.
func guard(next http.Handler, anyHost bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		overTCP := local == nil || local.Network() != "unix"
		switch {
		case r.Header.Get("Origin") != "":
			text(w, http.StatusForbidden, "pages of other origins are not served")
		case overTCP && !anyHost && !isAddress(r.Host):
			text(w, http.StatusForbidden, "the Host is not an address of this server: call it by its IP address or as localhost")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isAddress tells whether a Host cannot be a name that somebody else owns.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost")
}
