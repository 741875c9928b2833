package capability_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/capability"
)

// create is a body as `docker run` sends it, about 1.6 KiB.
var create = []byte(`{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,` +
	`"Env":["A=` + strings.Repeat("x", 600) + `"],"Cmd":["true"],"Image":"alpine","Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{"a":"b"},` +
	`"HostConfig":{"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},` +
	`"AutoRemove":false,"Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"Memory":0,"NanoCpus":0,"Devices":[],"Ulimits":null},"NetworkingConfig":{"EndpointsConfig":{}}}`)

func BenchmarkShow(b *testing.B) {
	v := view(b, "/Image /HostConfig/Memory", "/Labels")
	b.SetBytes(int64(len(create)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := v.Show(create); !ok {
			b.Fatal("not shown")
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	v := view(b, "/Image /HostConfig/Memory", "/Labels")
	rewritten := []byte(`{"Image":"alpine","HostConfig":{"Memory":0},"Labels":{"a":"b","team":"ci"}}`)
	b.SetBytes(int64(len(create)))
	b.ReportAllocs()
	for b.Loop() {
		if _, refused, err := v.Merge(create, rewritten); err != nil || refused != nil {
			b.Fatal(refused, err)
		}
	}
}

func BenchmarkAllows(b *testing.B) {
	g, err := set(capability.ReadRequestHeaders, "user-agent", capability.ReadRequestHeaders, "x-ci-*", capability.ReadRequestHeaders, "content-type").Compile()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if g.Allows(capability.ReadRequestHeaders, "X-Registry-Auth") || !g.Allows(capability.ReadRequestHeaders, "Content-Type") {
			b.Fatal("wrong")
		}
	}
}
