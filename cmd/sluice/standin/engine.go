// Package standin is an engine that runs nothing, for the first minute with Sluice on a machine without Docker.
//
// It speaks enough of the Engine's API for the docker command line to work: version, info, run, create, ps, inspect,
// start, logs, attach, wait, rename, rm, images, pull and events. It keeps what it was asked in memory, shows it as it was
// asked (so that what filters have added, changed or hidden can be seen), and accepts any image name and any option: to
// refuse is the filters' part. A "container" ends with code 0 the moment it is started, and its only output says that
// nothing was run. Whatever else is asked is answered with 501 and a message that says so.
//
// It is no test double: tests use a real engine, or the fake one of host/hosttest.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

const (
	// Name is how the stand-in calls itself in version, info and every message.
	Name = "sluice stand-in"
	// Notice is the one line that a container prints.
	Notice = Name + ": no container was run; this engine only records what it was asked"

	apiVersion    = "1.51"
	minAPIVersion = "1.24"

	maxBody = 16 << 20
)

// Engine is a stand-in. Its methods may be called from several goroutines.
type Engine struct {
	events    eventLog
	hijackers sync.WaitGroup

	mu         sync.Mutex // guards what follows, and every container's fields
	containers []*container
	images     []image
}

// New returns an engine that knows no containers and no images.
func New() *Engine {
	return &Engine{}
}

// stopLimit bounds how long Serve waits for answers that are being written when its context ends.
const stopLimit = time.Second

// Serve answers requests on l until ctx is done. It closes l and every connection, and returns when nothing runs any
// more. Its error is nil after a cancelled context, otherwise why it could not go on.
func (e *Engine) Serve(ctx context.Context, l net.Listener) error {
	// Handlers that wait (events, wait, logs, attach) hang on the request's context, which ends with this one.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           e,
		ReadHeaderTimeout: 5 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return context.WithValue(ctx, servingKey{}, ctx) },
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		if srv.Shutdown(limit) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(l)
	if stop() {
		return fmt.Errorf("serve the stand-in engine: %w", err)
	}
	<-stopped
	e.hijackers.Wait()
	return nil
}

type servingKey struct{}

// serving returns the context that ends with Serve, for handlers that outlive their request's own.
func serving(r *http.Request) context.Context {
	if ctx, ok := r.Context().Value(servingKey{}).(context.Context); ok {
		return ctx
	}
	return context.Background()
}

// handler answers one operation. An error that it returns is written by ServeHTTP; nothing was written before.
type handler func(e *Engine, w http.ResponseWriter, r *http.Request, call *dockerapi.Call) error

var handlers = map[dockerapi.Operation]handler{
	dockerapi.SystemPing:       (*Engine).ping,
	dockerapi.SystemPingHead:   (*Engine).ping,
	dockerapi.SystemVersion:    (*Engine).version,
	dockerapi.SystemInfo:       (*Engine).info,
	dockerapi.SystemEvents:     (*Engine).streamEvents,
	dockerapi.ContainerList:    (*Engine).listContainers,
	dockerapi.ContainerCreate:  (*Engine).createContainer,
	dockerapi.ContainerInspect: (*Engine).inspectContainer,
	dockerapi.ContainerStart:   (*Engine).startContainer,
	dockerapi.ContainerRestart: (*Engine).startContainer,
	dockerapi.ContainerStop:    (*Engine).stopContainer,
	dockerapi.ContainerKill:    (*Engine).notRunning,
	dockerapi.ContainerPause:   (*Engine).notRunning,
	dockerapi.ContainerTop:     (*Engine).notRunning,
	dockerapi.ContainerExec:    (*Engine).notRunning,
	dockerapi.ContainerResize:  (*Engine).resizeContainer,
	dockerapi.ContainerRename:  (*Engine).renameContainer,
	dockerapi.ContainerDelete:  (*Engine).deleteContainer,
	dockerapi.ContainerWait:    (*Engine).waitContainer,
	dockerapi.ContainerLogs:    (*Engine).containerLogs,
	dockerapi.ContainerAttach:  (*Engine).attachContainer,
	dockerapi.ImageList:        (*Engine).listImages,
	dockerapi.ImageInspect:     (*Engine).inspectImage,
	dockerapi.ImageCreate:      (*Engine).pullImage,
	dockerapi.ImageDelete:      (*Engine).deleteImage,
	dockerapi.NetworkList:      (*Engine).listNetworks,
	dockerapi.VolumeList:       (*Engine).listVolumes,
}

// ServeHTTP answers one request of the Engine's API.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Api-Version", apiVersion)
	h.Set("Docker-Experimental", "false")
	h.Set("Ostype", "linux")
	h.Set("Server", "sluice-stand-in")
	call, err := dockerapi.Classify(r.Method, r.RequestURI)
	if err == nil {
		handle, ok := handlers[call.Operation]
		switch {
		case ok:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			err = handle(e, w, r, &call)
		case call.Operation == dockerapi.Unknown:
			err = failure(http.StatusNotFound, "page not found")
		case strings.HasSuffix(string(call.Operation), "Inspect"):
			// docker inspect asks for one kind of resource after the other until one is there.
			err = failure(http.StatusNotFound, "No such %s: %s", call.ResourceKind, call.ResourceID)
		default:
			err = failure(http.StatusNotImplemented, "%s: %s is not supported; put Sluice in front of a Docker Engine for it", Name, call.Operation)
		}
	}
	if err == nil {
		return
	}
	status := http.StatusInternalServerError
	var apiErr *dockerapi.Error
	if errors.As(err, &apiErr) {
		status = apiErr.Status
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(dockerapi.ErrorBody(err.Error()))
}

func failure(status int, format string, args ...any) error {
	return &dockerapi.Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// readJSON decodes a body of exactly one document.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return failure(http.StatusRequestEntityTooLarge, "read the request's body: %v", err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return failure(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	return nil
}

// flush sends what a handler has written so far; a head too.
func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// isTrue reads a boolean parameter as the engine does.
func isTrue(r *http.Request, key string) bool {
	switch strings.ToLower(strings.TrimSpace(r.URL.Query().Get(key))) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}
