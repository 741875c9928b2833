// Command schema writes host/buildkit/message/schema.txt: the gRPC methods of BuildKit's API and of the sessions of its clients, and
// the fields of the messages that the gateway shows to filters.
//
// The facts are asked of the descriptors in BuildKit's own module, the newest that can be had; fields that older engines still act
// upon are added by hand, in former.
//
//	go run -C .ci/buildclient ./schema
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	content "github.com/containerd/containerd/api/services/content/v1"
	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/exporter"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/sshforward"
	"github.com/moby/buildkit/session/upload"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"
	trace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const target = "../../host/buildkit/message/schema.txt"

// files are those that define services; pb.Op is part of a message as bytes, so nothing refers to it.
var files = []protoreflect.FileDescriptor{
	control.File_github_com_moby_buildkit_api_services_control_control_proto,
	gateway.File_github_com_moby_buildkit_frontend_gateway_pb_gateway_proto,
	filesync.File_github_com_moby_buildkit_session_filesync_filesync_proto,
	auth.File_github_com_moby_buildkit_session_auth_auth_proto,
	secrets.File_github_com_moby_buildkit_session_secrets_secrets_proto,
	sshforward.File_github_com_moby_buildkit_session_sshforward_ssh_proto,
	upload.File_github_com_moby_buildkit_session_upload_upload_proto,
	exporter.File_github_com_moby_buildkit_session_exporter_exporter_proto,
	policysession.File_github_com_moby_buildkit_sourcepolicy_policysession_policysession_proto,
	health.File_grpc_health_v1_health_proto,
	content.File_github_com_containerd_containerd_api_services_content_v1_content_proto,
	trace.File_opentelemetry_proto_collector_trace_v1_trace_service_proto,
}

// opaque are services whose messages are not shown.
var opaque = []string{"containerd.services.content.v1", "opentelemetry", "grpc.health.v1", "moby.upload.v1", "moby.buildkit.v1.sourcepolicy.policysession"}

// former are fields that BuildKit has given up, and that the engines of Docker 20.10 obey: their lines, by the number of the field
// behind them.
var former = map[string]map[int]string{
	"moby.buildkit.v1.frontend.SolveRequest": {5: " 4 ImportCacheRefsDeprecated repeated string"},
}

func main() {
	w := &writer{seen: map[protoreflect.FullName]bool{}}
	fmt.Fprintf(w, "# Written by .ci/buildclient/schema from github.com/moby/buildkit %s. Facts about its wire format: do not edit.\n", version())
	for _, f := range files {
		for i := range f.Services().Len() {
			w.service(f.Services().Get(i))
		}
	}
	w.need((&pb.Op{}).ProtoReflect().Descriptor())
	for len(w.queue) > 0 {
		d := w.queue[0]
		w.queue = w.queue[1:]
		switch d := d.(type) {
		case protoreflect.MessageDescriptor:
			w.message(d)
		case protoreflect.EnumDescriptor:
			w.enum(d)
		}
	}
	if err := os.WriteFile(target, w.Bytes(), 0o644); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "schema:", err)
	os.Exit(1)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/moby/buildkit" {
				return m.Version
			}
		}
	}
	fail(fmt.Errorf("this program does not know its own dependencies"))
	return ""
}

// writer collects the text, and the descriptors that it speaks of and has not described yet.
type writer struct {
	bytes.Buffer
	seen  map[protoreflect.FullName]bool
	queue []protoreflect.Descriptor
}

func (w *writer) need(d protoreflect.Descriptor) {
	if !w.seen[d.FullName()] {
		w.seen[d.FullName()] = true
		w.queue = append(w.queue, d)
	}
}

func (w *writer) service(s protoreflect.ServiceDescriptor) {
	for i := range s.Methods().Len() {
		m := s.Methods().Get(i)
		fmt.Fprintf(w, "rpc /%s/%s", s.FullName(), m.Name())
		switch {
		case m.FullName() == "moby.buildkit.v1.frontend.LLBBridge.ExecProcess":
			fmt.Fprintf(w, " stream %s", m.Input().FullName()) // some of its messages are shown
			w.need(m.Input())
		case m.IsStreamingClient():
			w.WriteString(" stream")
		case slices.ContainsFunc(opaque, func(prefix string) bool { return strings.HasPrefix(string(s.FullName()), prefix) }):
			w.WriteString(" opaque")
		default:
			fmt.Fprintf(w, " %s", m.Input().FullName())
			w.need(m.Input())
		}
		w.WriteByte('\n')
	}
}

func (w *writer) message(m protoreflect.MessageDescriptor) {
	fmt.Fprintf(w, "message %s\n", m.FullName())
	var fields []protoreflect.FieldDescriptor
	for i := range m.Fields().Len() {
		fields = append(fields, m.Fields().Get(i))
	}
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number()) - int(b.Number()) })
	for _, f := range fields {
		if line, ok := former[string(m.FullName())][int(f.Number())]; ok {
			fmt.Fprintln(w, line)
		}
		fmt.Fprintf(w, " %d %s", f.Number(), f.Name())
		switch {
		case f.IsMap():
			fmt.Fprintf(w, " map %s %s", w.kind(f.MapKey()), w.kind(f.MapValue()))
		case f.IsList():
			fmt.Fprintf(w, " repeated %s", w.kind(f))
		case f.ContainingOneof() != nil:
			if f.ContainingOneof().IsSynthetic() {
				fail(fmt.Errorf("%s has explicit presence, which the gateway does not know", f.FullName()))
			}
			fmt.Fprintf(w, " oneof %s", w.kind(f))
		default:
			fmt.Fprintf(w, " %s", w.kind(f))
		}
		w.WriteByte('\n')
	}
	if m.Oneofs().Len() > 1 {
		fail(fmt.Errorf("%s has more than one oneof, which the gateway does not know", m.FullName()))
	}
}

func (w *writer) kind(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.MessageKind:
		w.need(f.Message())
		return string(f.Message().FullName())
	case protoreflect.EnumKind:
		w.need(f.Enum())
		return "enum:" + string(f.Enum().FullName())
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.Int64Kind,
		protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return f.Kind().String()
	}
	fail(fmt.Errorf("%s is of kind %s, which the gateway does not know", f.FullName(), f.Kind()))
	return ""
}

func (w *writer) enum(e protoreflect.EnumDescriptor) {
	fmt.Fprintf(w, "enum %s\n", e.FullName())
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		fmt.Fprintf(w, " %d %s\n", v.Number(), v.Name())
	}
}
