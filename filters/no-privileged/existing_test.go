package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

// usual is the HostConfig that an engine shows of an ordinary container, shortened.
const usual = `{"Binds":["data:/d"],"LogConfig":{"Type":"syslog"},"NetworkMode":"default","CapAdd":null,"CgroupnsMode":"host","IpcMode":"private","Links":["/x:/c/x"],"PidMode":"",` +
	`"Privileged":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","Runtime":"crun","CgroupParent":"/x","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,` +
	`"MaskedPaths":["/proc/asound"],"ReadonlyPaths":["/proc/bus"]}`

// existing is a container that exists. Its id is its name, so that paths stay as they are.
func existing(name, host, mounts string) filtertest.Reference {
	if host == "" {
		host = usual
	}
	return filtertest.Reference{Kind: sluice.Container, ID: name, Name: name, HostConfig: host, Mounts: mounts}
}

func volume(name string, options map[string]string) filtertest.Reference {
	return filtertest.Reference{Kind: sluice.Volume, Name: name, Driver: "local", Options: options}
}

// there is what there is in the engine.
var there = []filtertest.Reference{
	existing("c", "", `[{"Type":"volume","Name":"data"},{"Type":"bind","Source":"/srv/ci"}]`),
	existing("privileged", `{"Privileged":true}`, ""),
	existing("capable", `{"CapAdd":["SYS_ADMIN"]}`, ""),
	existing("allowed-capability", `{"CapAdd":["NET_ADMIN"]}`, ""),
	existing("devices", `{"Devices":[{"PathOnHost":"/dev/vda"}]}`, ""),
	existing("unmasked", `{"MaskedPaths":[]}`, ""),
	existing("unconfined", `{"SecurityOpt":["seccomp=unconfined"]}`, ""),
	existing("sysctls", `{"Sysctls":{"kernel.core_pattern":"x"}}`, ""),
	existing("hostnet", `{"NetworkMode":"host"}`, ""),
	existing("hostpid", `{"PidMode":"host"}`, ""),
	existing("behind-hostpid", `{"PidMode":"container:hostpid"}`, ""),
	existing("behind-c", `{"NetworkMode":"container:c","IpcMode":"container:gone"}`, ""),
	existing("circle", `{"NetworkMode":"container:circle"}`, ""),
	existing("mounts", "", `[{"Type":"bind","Source":"/etc"}]`),
	existing("mounts-disk", "", `[{"Type":"volume","Name":"disk"}]`),
	{Kind: sluice.Exec, ID: "e-c", Container: "c"},
	{Kind: sluice.Exec, ID: "e-privileged", Container: "privileged"},
	volume("data", nil),
	volume("disk", map[string]string{"type": "ext4", "device": "/dev/vda"}),
	volume("folder", map[string]string{"type": "none", "o": "bind", "device": "/etc"}),
	volume("allowed-folder", map[string]string{"type": "none", "o": "bind,ro", "device": "/srv/jobs/7"}),
	volume("memory", map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}),
	{Kind: sluice.Volume, Name: "plugin", Driver: "sshfs", Options: map[string]string{"x": "y"}},
}

func TestWhatExistsIsLookedAt(t *testing.T) {
	deny := func(name, line, body, reason string) filtertest.Case {
		method, path, _ := strings.Cut(line, " ")
		c := denied(name, path, body, reason)
		c.Request.Method = method
		return c
	}
	allow := func(name, line, body string) filtertest.Case {
		method, path, _ := strings.Cut(line, " ")
		return allowed(name, method, path, body)
	}
	with := func(config string, c filtertest.Case) filtertest.Case {
		c.Config = config
		return c
	}
	missing := deny("a container that does not exist", "POST /v1.41/containers/gone/start", "", "No such container: gone")
	missing.Want.Status = 404
	gone := with(`{"allow_sharing":true}`, deny("volumes of a container that does not exist", "POST "+create, host(`"VolumesFrom":["gone"]`), "No such container: gone"))
	gone.Want.Status = 404
	silent := deny("an engine that does not answer", "POST /v1.41/containers/c/start", "", "the engine did not answer")
	silent.EngineSilent, silent.Want.Status = true, 500
	pinned := allow("a container goes on by its id", "POST /v1.41/containers/web/restart", "")
	pinned.References = []filtertest.Reference{{Kind: sluice.Container, ID: "0123", Name: "web", HostConfig: usual}}
	pinned.Want.Path = "/v1.41/containers/0123/restart"
	shared := allow("what is shared goes on by its id", "POST "+create, host(`"VolumesFrom":["web:ro"],"PidMode":"container:web"`))
	shared.References, shared.Config = pinned.References, `{"allow_sharing":true}`
	shared.Want.RequestBody = host(`"VolumesFrom":["0123:ro"],"PidMode":"container:0123"`)
	cases := []filtertest.Case{missing, gone, silent, pinned, shared}
	for _, line := range []string{
		"POST /v1.41/containers/*/start", "POST /v1.41/containers/*/restart", "POST /v1.41/containers/*/attach?stdin=1", "GET /v1.41/containers/*/attach/ws",
		"GET /v1.41/containers/*/archive?path=%2F", "PUT /v1.41/containers/*/archive?path=%2F", "POST /v1.41/exec/e-*/start",
	} {
		cases = append(cases,
			allow("ordinary: "+line, strings.Replace(line, "*", "c", 1), ""),
			deny("privileged: "+line, strings.Replace(line, "*", "privileged", 1), "", "container privileged exists with powers: Privileged (allow_existing)"),
			with(`{"allow_existing":true}`, allow("privileged, where that is allowed: "+line, strings.Replace(line, "*", "privileged", 1), "")),
		)
	}
	for name, reason := range map[string]string{
		"capable": "CapAdd SYS_ADMIN", "devices": "Devices", "unmasked": "MaskedPaths is empty", "unconfined": "SecurityOpt seccomp=unconfined", "sysctls": "Sysctls kernel.core_pattern",
		"hostnet": "NetworkMode host", "hostpid": "PidMode host", "behind-hostpid": "PidMode of hostpid, which has PidMode host", "circle": "shares a namespace over too many others",
		"mounts": "a mount of /etc", "mounts-disk": "volume disk: its options",
	} {
		cases = append(cases,
			deny("exec in "+name, "POST /v1.41/containers/"+name+"/exec", `{"Cmd":["id"]}`, reason),
			with(`{"allow_sharing":true}`, deny("volumes of "+name, "POST "+create, host(`"VolumesFrom":["`+name+`"]`), reason)),
		)
	}
	cases = append(cases,
		allow("exec", "POST /v1.41/containers/c/exec", `{"Cmd":["id"]}`),
		allow("exec with an allowed capability", "POST /v1.41/containers/allowed-capability/exec", `{"Cmd":["id"]}`),
		allow("exec beside a container", "POST /v1.41/containers/behind-c/exec", `{"Cmd":["id"]}`),
		allow("a look at a privileged container", "GET /v1.41/containers/privileged/json", ""),
		allow("the end of a privileged container", "POST /v1.41/containers/privileged/stop", ""),

		with(`{"allow_sharing":true}`, deny("the namespace of a container with powers", "POST "+create, host(`"NetworkMode":"container:hostnet"`), "NetworkMode: container hostnet has powers: NetworkMode host")),
		with(`{"allow_sharing":true}`, deny("a build in its network", "POST /v1.41/build?networkmode=container:hostnet", "", "container hostnet has powers")),
		with(`{"allow_sharing":true,"allow_existing":true}`, allow("the same, where it is allowed", "POST "+create, host(`"NetworkMode":"container:hostnet"`))),

		allow("volumes without options", "POST "+create, host(`"Binds":["data:/d","new:/n","memory:/m"]`)),
		allow("a volume of a plugin", "POST "+create, host(`"Binds":["plugin:/p"]`)),
		allow("a volume that is an allowed folder", "POST "+create, host(`"Binds":["allowed-folder:/p"]`)),
		deny("a volume that is a disk", "POST "+create, host(`"Binds":["disk:/d"]`), "HostConfig.Binds[0] disk: its options are not allowed"),
		deny("a volume that is a folder of the host's", "POST "+create, host(`"Mounts":[{"Type":"volume","Source":"folder","Target":"/x"}]`), "HostConfig.Mounts[0].Source folder: its options"),
		deny("in a service", "POST /v1.41/services/create", `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"volume","Source":"disk","Target":"/x"}]}}}`, "disk: its options"),
		allow("a volume of an allowed folder", "POST /v1.41/volumes/create", `{"DriverOpts":{"type":"none","o":"bind","device":"/srv/ci"}}`),
		deny("a volume of a folder below", "POST /v1.41/volumes/create", `{"DriverOpts":{"type":"none","o":"bind","device":"/srv/ci/x"}}`, "DriverOpts are not allowed"),
		deny("an overlay of an allowed folder", "POST /v1.41/volumes/create", `{"DriverOpts":{"type":"overlay","o":"lowerdir=/etc","device":"/srv/ci"}}`, "DriverOpts are not allowed"),
		deny("a bind with other flags", "POST /v1.41/volumes/create", `{"DriverOpts":{"o":"bind,suid","device":"/srv/ci"}}`, "o=suid"),

		deny("an interface of the host's", "POST /v1.41/networks/create", `{"Name":"n","Options":{"com.docker.network.bridge.name":"br0"}}`, "com.docker.network.bridge.name br0"),
		allow("other options of a network", "POST /v1.41/networks/create", `{"Name":"n","Options":{"com.docker.network.driver.mtu":"1400"}}`),

		deny("a field that nobody knows", "POST "+create, host(`"Teleport":{"to":"host"}`), "HostConfig.Teleport is not a field that this filter knows (allow_fields)"),
		deny("an empty list in one", "POST "+create, host(`"Teleport":[]`), "HostConfig.Teleport"),
		allow("a newer client's fields, which say nothing", "POST "+create, host(`"Teleport":null,"Far":0,"Away":"","Now":false`)),
		with(`{"allow_fields":["Teleport"]}`, allow("a field that is allowed", "POST "+create, host(`"Teleport":[1]`))),
		deny("a mount's field", "POST "+create, host(`"Mounts":[{"Type":"volume","Target":"/x","Teleport":1}]`), "HostConfig.Mounts.Teleport"),
		deny("a service's field", "POST /v1.41/services/create", `{"TaskTemplate":{"ContainerSpec":{"Teleport":1}}}`, "TaskTemplate.ContainerSpec.Teleport"),
		deny("a task's field", "POST /v1.41/services/create", `{"TaskTemplate":{"Teleport":1}}`, "TaskTemplate.Teleport"),
	)
	filtertest.Run(t, filtertest.Suite{
		Module: "../no-privileged.wasm",
		Config: `{"allow_binds":["/srv/ci","/srv/jobs/**"],"allow_capabilities":["NET_ADMIN"]}`,
		Cases:  cases,
	})
}

// What engines read in these objects has been looked at.
func TestTheFieldsOfEnginesAreKnown(t *testing.T) {
	source, err := os.ReadFile("../../host/dockerapi/schema_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	for object, known := range map[string]map[string]bool{
		"containerHostConfig": hostFields, "mountMount": mountFields, "swarmContainerSpec": serviceFields, "swarmTaskSpec": taskFields,
	} {
		_, text, found := strings.Cut(string(source), "\nvar "+object+" = schema{")
		if !found {
			t.Errorf("schema_gen.go has no %s", object)
			continue
		}
		text, _, _ = strings.Cut(text, "\n}}\n")
		var read []string
		for _, m := range regexp.MustCompile(`(?m)^\t\{"(\w+)", `).FindAllStringSubmatch(text, -1) {
			read = append(read, m[1])
			if !known[m[1]] {
				t.Errorf("%s: engines read %s, and nobody has looked at it", object, m[1])
			}
		}
		for name := range known {
			if !slices.Contains(read, name) && name != "Capabilities" { // read by pre-releases only
				t.Errorf("%s: no engine reads %s", object, name)
			}
		}
	}
}
