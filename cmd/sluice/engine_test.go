package main

import (
	"net"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// Why no engine is found decides what its user does next.
func TestPingSaysWhyThereIsNoEngine(t *testing.T) {
	dir := t.TempDir()
	dead, talker := filepath.Join(dir, "dead"), filepath.Join(dir, "talker")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	other, err := net.Listen("unix", talker)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			conn, err := other.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail.example ESMTP\r\n"))
			conn.Close()
		}
	}()
	for address, want := range map[string]string{
		"unix://" + dir + "/missing": "there is no such socket",
		"unix://" + dead:             "nobody is listening",
		"unix://" + talker:           "no Docker Engine",
	} {
		err := ping(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), address+": ") {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
	engine, err := startStandIn()
	if err != nil {
		t.Fatal(err)
	}
	if err := ping(t.Context(), engine.address); err != nil {
		t.Errorf("the stand-in: %v", err)
	}
	engine.stop()
	if err := ping(t.Context(), engine.address); err == nil {
		t.Error("the stand-in answers after its end")
	}
}

func TestVersionNamesTheRevision(t *testing.T) {
	got := versions(&debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Deps:     []*debug.Module{{Path: "github.com/tetratelabs/wazero", Version: "v1.12.0"}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
	}, true)
	for _, line := range []string{"sluice    v1.2.3\n", "revision  abc with changes\n", "wazero    v1.12.0\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	if got := versions(nil, false); !strings.HasPrefix(got, "sluice    unknown\n") {
		t.Errorf("without build information: %s", got)
	}
}
