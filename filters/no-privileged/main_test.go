package main

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

const create = "/v1.41/containers/create?name=web"

// What docker run sends, shortened to the fields that matter here.
const ordinary = `{"Hostname":"","User":"","AttachStdin":false,"Tty":false,"Env":null,"Cmd":["sh"],"Image":"busybox:local",` +
	`"Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{},"HostConfig":{"Binds":null,` +
	`"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{},` +
	`"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":true,"VolumeDriver":"","VolumesFrom":null,` +
	`"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,` +
	`"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,` +
	`"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,` +
	`"ConsoleSize":[0,0],"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,` +
	`"BlkioWeightDevice":[],"BlkioDeviceReadBps":null,"Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,` +
	`"MemorySwap":0,"MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"Ulimits":null,"CpuCount":0,` +
	`"MaskedPaths":null,"ReadonlyPaths":null},"NetworkingConfig":{"EndpointsConfig":{}}}` + "\n"

func allowed(name, method, path, body string) filtertest.Case {
	r := filtertest.Post(path, body)
	r.Method = method
	return filtertest.Case{Name: name, Request: r, References: there}
}

func denied(name, path, body, reason string) filtertest.Case {
	return filtertest.Case{Name: name, Request: filtertest.Post(path, body), References: there, Want: filtertest.Want{Denied: reason}}
}

func invalid(name, path, body, reason string) filtertest.Case {
	c := denied(name, path, body, reason)
	c.Want.Status = 400
	return c
}

// host is a create request with this HostConfig.
func host(fields string) string { return `{"Image":"busybox","HostConfig":{` + fields + `}}` }

func TestFilter(t *testing.T) {
	cases := []filtertest.Case{
		allowed("docker run", "POST", create, ordinary),
		allowed("docker run with a named volume", "POST", create, host(`"Binds":["data:/data:ro","/anonymous"]`)),
		allowed("an allowed folder", "POST", create, host(`"Binds":["/srv/ci:/a","/srv/jobs/7:/b:ro","/srv/jobs/../ci:/c","/srv/jobs:/d"]`)),
		allowed("an allowed folder as a mount", "POST", create, host(`"Mounts":[{"Type":"bind","Source":"/srv/jobs/x","Target":"/x"}]`)),
		allowed("harmless mounts", "POST", create, host(`"Mounts":[{"Type":"volume","Source":"v","Target":"/v"},{"Type":"tmpfs","Target":"/t"}]`)),
		allowed("hardening", "POST", create, host(`"SecurityOpt":["no-new-privileges:true"],"CapDrop":["ALL"],"ReadonlyRootfs":true`)),
		allowed("an allowed capability in any spelling", "POST", create, host(`"CapAdd":["cap_net_admin","NET_ADMIN","net_admin"]`)),
		allowed("a network of its own", "POST", create, host(`"NetworkMode":"hosting"`)),
		allowed("docker exec", "POST", "/v1.41/containers/c/exec", `{"User":"","Privileged":false,"Tty":false,"Cmd":["sh"]}`),
		allowed("docker start", "POST", "/v1.41/containers/c/start", ""),
		allowed("a volume", "POST", "/v1.41/volumes/create", `{"Name":"v","Driver":"local","DriverOpts":{}}`),
		allowed("a tmpfs volume", "POST", "/v1.41/volumes/create", `{"DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,uid=5"}}`),
		allowed("docker build", "POST", "/v1.41/build?networkmode=default&cgroupparent=&securityopt=null&t=x", "tar"),
		allowed("docker ps", "GET", "/v1.41/containers/json", ""),
		allowed("a service", "POST", "/v1.41/services/create", `{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"x"},"Runtime":"container"}}`),

		allowed("docker update", "POST", "/v1.41/containers/c/update", `{"CpuShares":5,"Memory":0,"Devices":null,"RestartPolicy":{"Name":"no"}}`),
		allowed("settings of the container's own namespaces", "POST", create, host(`"Sysctls":{"net.ipv4.ip_forward":"1","kernel.shmmax":"1","fs.mqueue.msg_max":"5"}`)),
		allowed("a container made anew from its inspect", "POST", create, host(`"MaskedPaths":["/proc/asound","/proc/acpi","/proc/interrupts","/proc/kcore","/proc/keys","/proc/latency_stats",`+
			`"/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware","/sys/devices/virtual/powercap"],`+
			`"ReadonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]`)),
		allowed("ordinary logs", "POST", create, host(`"LogConfig":{"Type":"json-file","Config":{"max-size":"1m"}}`)),
		allowed("docker pull", "POST", "/v1.41/images/create?fromImage=busybox&tag=1", ""),
		allowed("docker import of a file", "POST", "/v1.41/images/create?fromSrc=-", "tar"),
		allowed("a build by BuildKit", "POST", "/v1.41/build?version=2&remote=client-session&session=x", ""),
		allowed("a network", "POST", "/v1.41/networks/create", `{"Name":"n","Driver":"bridge"}`),

		denied("a device for a container that runs", "/v1.41/containers/c/update", `{"devices":[{"PathOnHost":"/dev/vda"}]}`, "Devices is not allowed"),
		denied("a setting of the kernel's by its path", create, host(`"Sysctls":{"net/../kernel/core_pattern":"|/x"}`), "HostConfig.Sysctls net/../kernel/core_pattern"),
		denied("a service that logs into a socket", "/v1.41/services/create", `{"TaskTemplate":{"LogDriver":{"Name":"syslog"},"ContainerSpec":{}}}`, "TaskTemplate.LogDriver.Name syslog"),
		denied("a service with a setting of the kernel's", "/v1.41/services/create", `{"TaskTemplate":{"ContainerSpec":{"Sysctls":{"vm.x":"1"}}}}`, "TaskTemplate.ContainerSpec.Sysctls vm.x"),
		denied("a volume by a plugin", "/v1.41/volumes/create", `{"Driver":"sshfs"}`, "Driver sshfs is not allowed (allow_volume_drivers)"),
		denied("a cluster's volume", "/v1.41/volumes/create", `{"ClusterVolumeSpec":{"Group":"g"}}`, "ClusterVolumeSpec is not allowed (allow_swarm)"),
		denied("a mount by a plugin", create, host(`"Mounts":[{"Type":"volume","Target":"/x","VolumeOptions":{"DriverConfig":{"Name":"sshfs"}}}]`), "VolumeOptions.DriverConfig.Name sshfs"),
		denied("the host's network by macvlan", "/v1.41/networks/create", `{"Driver":"macvlan"}`, "Driver macvlan is not allowed (allow_network_drivers)"),
		denied("an import from an address", "/v1.41/images/create?fromSrc=http%3A%2F%2F169.254.169.254%2F", "", "fromSrc http://169.254.169.254/"),
		denied("a build from an address", "/v1.41/build?remote=http%3A%2F%2F10.0.0.1%2Fx.git", "", "build: remote http://10.0.0.1/x.git"),
		denied("a build in another container's network", "/v1.41/build?networkmode=container%3Ax", "tar", "build: networkmode container:x"),
		denied("a checkpoint out of a folder of the host's", "/v1.41/containers/c/start?checkpoint=x&checkpoint-dir=%2Fetc", "", "checkpoint-dir /etc"),
		denied("a checkpoint into one", "/v1.41/containers/c/checkpoints", `{"CheckpointID":"x","CheckpointDir":"/etc"}`, "CheckpointDir /etc"),
		denied("a plugin that is taken away", "/v1.41/plugins/authz/disable?force=1", "", "PluginDisable: plugins"),
		denied("a swarm of one's own", "/v1.41/swarm/init", `{"ListenAddr":"0.0.0.0"}`, "SwarmInit: the managers of a swarm"),
		denied("somebody else's swarm", "/v1.41/swarm/join", `{"JoinToken":"x"}`, "SwarmJoin: the managers of a swarm"),
		denied("a manager more", "/v1.41/nodes/n/update?version=1", `{"Role":"manager"}`, "NodeUpdate: the managers of a swarm"),
		{
			Name: "builds that cannot be looked into", Request: filtertest.Request{Method: "POST", Path: "/grpc", Properties: opaque},
			Want: filtertest.Want{Denied: "/grpc is not allowed: its builds cannot be looked into in the gateway's mode opaque"},
		},

		denied("below the allowed folder, which could be a link to anywhere", create, host(`"Binds":["/srv/ci/x:/x"]`), "HostConfig.Binds /srv/ci/x"),
		denied("a folder beside the allowed one", create, host(`"Binds":["/srv/ci-secret:/x"]`), "HostConfig.Binds /srv/ci-secret"),
		denied("out of the allowed folder", create, host(`"Binds":["/srv/ci/../../etc:/x"]`), "HostConfig.Binds"),
		denied("doubled slashes", create, host(`"Binds":["//srv//ci/..//../etc:/x"]`), "HostConfig.Binds"),
		denied("a mount of a host folder", create, host(`"Mounts":[{"Type":"bind","Source":"/etc","Target":"/x"}]`), "HostConfig.Mounts bind /etc"),
		denied("a mount type that nobody knows", create, host(`"Mounts":[{"Type":"Bind","Source":"/srv/ci","Target":"/x"}]`), "HostConfig.Mounts of type Bind"),
		denied("a bind in a volume's clothes", create, host(`"Mounts":[{"Type":"volume","Target":"/x","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"none","o":"bind","device":"/etc"}}}}]`), "VolumeOptions.DriverConfig.Options"),
		denied("the same in lower case", create, host(`"mounts":[{"type":"volume","target":"/x","volumeoptions":{"driverconfig":{"options":{"type":"none","o":"bind","device":"/etc"}}}}]`), "VolumeOptions.DriverConfig.Options"),
		denied("a bind volume", "/v1.41/volumes/create", `{"Name":"v","DriverOpts":{"type":"none","o":"bind","device":"/etc"}}`, "DriverOpts"),
		denied("a bind volume called tmpfs", "/v1.41/volumes/create", `{"Name":"v","DriverOpts":{"type":"tmpfs","o":"size=1m,rbind","device":"tmpfs"}}`, "o=rbind"),
		denied("the host's disk as a volume", "/v1.41/volumes/create", `{"name":"v","driveropts":{"type":"ext4","device":"/dev/vda"}}`, "DriverOpts"),
		denied("a privileged exec", "/v1.41/containers/c/exec", `{"Cmd":["sh"],"Privileged":true}`, "Privileged is not allowed"),
		denied("a privileged exec in lower case", "/v1.41/containers/c/exec", `{"Cmd":["sh"],"privileged":true}`, "Privileged is not allowed"),
		denied("a start with a HostConfig", "/containers/c/start", `{"Binds":["/etc:/h"]}`, "Binds /etc is not allowed"),
		denied("a build in the host's network", "/v1.41/build?networkmode=host", "tar", "build: networkmode host"),
		denied("a build in the host's network, escaped", "/v1.41/build?network%6dode=%68ost", "tar", "build: networkmode host"),
		denied("a build without seccomp", `/v1.41/build?securityopt=%5B%22seccomp%3Dunconfined%22%5D`, "tar", "build: securityopt"),
		denied("a plugin", "/v1.41/plugins/pull?remote=x", "[]", "PluginPull"),
		denied("a service with a host folder", "/v1.41/services/create", `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}]}}}`, "TaskTemplate.ContainerSpec.Mounts bind /"),
		denied("a service with capabilities", "/v1.41/services/s/update?version=1", `{"TaskTemplate":{"ContainerSpec":{"CapabilityAdd":["CAP_SYS_ADMIN"]}}}`, "CapabilityAdd CAP_SYS_ADMIN"),
		denied("a service in the host's network", "/v1.41/services/create", `{"TaskTemplate":{"Networks":[{"Target":"host"}]}}`, "Networks.Target host"),
		denied("a service without seccomp", "/v1.41/services/create", `{"TaskTemplate":{"ContainerSpec":{"Privileges":{"Seccomp":{"Mode":"unconfined"}}}}}`, "Seccomp.Mode"),
		denied("a plugin as a service", "/v1.41/services/create", `{"TaskTemplate":{"Runtime":"plugin","PluginSpec":{}}}`, "only containers"),
		denied("a mask with a hole", create, `{"Image":"x","HostConfig":{"MaskedPaths":["/proc/asound","/proc/acpi","/proc/interrupts","/proc/keys"]}}`, "MaskedPaths without /proc/kcore"),
		denied("a writable sysrq-trigger", create, `{"Image":"x","HostConfig":{"ReadonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys"]}}`, "ReadonlyPaths without /proc/sysrq-trigger"),
		denied("something else read-only", create, `{"Image":"x","HostConfig":{"ReadonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger","/x"]}}`, "ReadonlyPaths /x"),
		denied("the host's network by an endpoint", create, `{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"host":{}}}}`, "EndpointsConfig host"),
	}
	// Each of these is refused within HostConfig, at the top level (what engines up to 26.1 accept), in another case and
	// with folding letters; the reason names the field.
	for field, value := range map[string]string{
		"Privileged": `true`, "CapAdd": `["SYS_ADMIN"]`, "Devices": `[{"PathOnHost":"/dev/vda"}]`,
		"DeviceRequests": `[{"Count":-1}]`, "DeviceCgroupRules": `["b *:* rwm"]`, "MaskedPaths": `[]`, "ReadonlyPaths": `[]`,
		"CgroupParent": `"/"`, "SecurityOpt": `["seccomp:unconfined"]`, "Runtime": `"kata"`, "NetworkMode": `"host"`,
		"PidMode": `"host"`, "IpcMode": `"host"`, "UTSMode": `"host"`, "UsernsMode": `"host"`, "CgroupnsMode": `"host"`,
		"Binds": `["/:/h"]`, "VolumesFrom": `["other"]`, "Links": `["other:db"]`, "VolumeDriver": `"evil"`, "Sysctls": `{"kernel.core_pattern":"|/x"}`,
		"Annotations": `{"org.systemd.property.DeviceAllow":"x"}`, "LogConfig": `{"Type":"fluentd"}`,
	} {
		reason := field
		for name, body := range map[string]string{
			"":                `{"Image":"x","HostConfig":{"` + field + `":` + value + `}}`,
			" in lower case":  `{"image":"x","hostconfig":{"` + strings.ToLower(field) + `":` + value + `}}`,
			" in upper case":  `{"IMAGE":"x","HOSTCONFIG":{"` + strings.ToUpper(field) + `":` + value + `}}`,
			" folded":         `{"Ho` + "\u017f" + `tConfig":{"` + strings.NewReplacer("s", "\u017f", "k", "\u212a").Replace(field) + `":` + value + `}}`,
			" escaped":        `{"\u0048o\u017ftConfig":{"\u00` + hex(field[0]) + field[1:] + `":` + value + `}}`,
			" at top level":   `{"Image":"x","` + field + `":` + value + `}`,
			" beside null":    `{"Image":"x","HostConfig":null,"` + field + `":` + value + `}`,
			" after 1 MiB":    `{"Image":"` + strings.Repeat("x", 1<<20) + `","HostConfig":{"` + field + `":` + value + `}}`,
			" beside another": `{"Image":"x","HostConfig":{"Memory":1,"` + field + `":` + value + `},"Labels":{}}`,
		} {
			cases = append(cases, denied(field+name, create, body, reason))
		}
		cases = append(cases,
			invalid(field+" after an innocent one", create, `{"HostConfig":{"`+field+`":null,"`+strings.ToLower(field)+`":`+value+`}}`, "both mean "+field),
			invalid(field+" twice", create, `{"HostConfig":{"`+field+`":null,"`+field+`":`+value+`}}`, "is there twice"),
			invalid(field+" merged", create, `{"HostConfig":{"`+field+`":`+value+`},"HostConfig":{}}`, "is there twice"),
			invalid(field+" merged in lower case", create, `{"HostConfig":{},"hostconfig":{"`+field+`":`+value+`}}`, "both mean HostConfig"),
			invalid(field+" in a first document", create, `{"HostConfig":{"`+field+`":`+value+`}}{}`, "after the end"),
			invalid(field+" in a second document", create, `{"HostConfig":{}} {"HostConfig":{"`+field+`":`+value+`}}`, "after the end"),
		)
	}
	cases = append(cases,
		invalid("a type that the engine refuses", create, host(`"Privileged":"true"`), "Privileged: is a string"),
		invalid("no JSON", create, `Privileged=true`, "not a JSON document"),
		invalid("a byte order mark", create, "\ufeff"+ordinary, "not a JSON document"),
		invalid("bottomless nesting", create, strings.Repeat(`{"a":`, 10_000), "levels"),
		denied("another container's namespace", create, host(`"PidMode":"container:x"`), "allow_sharing"),
		denied("another container's network", create, host(`"NetworkMode":"container:x"`), "allow_sharing"),
		denied("the host's namespace in capitals", create, host(`"PidMode":"HOST"`), "HostConfig.PidMode HOST"),
		filtertest.Case{
			Name: "sharing, where it is allowed", Config: `{"allow_sharing":true,"allow_runtimes":["kata"],"allow_binds":["/srv/ci"]}`,
			Request:    filtertest.Post(create, host(`"PidMode":"container:c","NetworkMode":"container:c","VolumesFrom":["c"],"Links":["c:y"],"Runtime":"kata"`)),
			References: there,
		},
		filtertest.Case{
			Name: "drivers, where they are allowed", Config: `{"allow_volume_drivers":["sshfs"],"allow_log_drivers":["syslog"]}`,
			Request: filtertest.Post(create, host(`"VolumeDriver":"sshfs","LogConfig":{"Type":"syslog"}`)),
		},
		filtertest.Case{
			Name: "a network driver, where it is allowed", Config: `{"allow_network_drivers":["macvlan"]}`,
			Request: filtertest.Post("/v1.41/networks/create", `{"Driver":"macvlan"}`),
		},
		filtertest.Case{
			Name: "addresses, where they are allowed", Config: `{"allow_remote":true}`,
			Request: filtertest.Post("/v1.41/build?remote=https%3A%2F%2Fexample.org%2Fx.git", ""),
		},
		filtertest.Case{
			Name: "swarms, where they are allowed", Config: `{"allow_swarm":true}`,
			Request: filtertest.Post("/v1.41/swarm/init", `{"ListenAddr":"0.0.0.0"}`),
		},
		filtertest.Case{
			Name: "/grpc, where it is allowed", Config: `{"allow_opaque_builds":true}`,
			Request: filtertest.Request{Method: "POST", Path: "/grpc", Properties: opaque},
		},
		filtertest.Case{
			Name: "no folder at all without allow_binds", Config: `{}`,
			Request: filtertest.Post(create, host(`"Binds":["/srv/ci:/x"]`)),
			Want:    filtertest.Want{Denied: "HostConfig.Binds /srv/ci"},
		},
	)
	filtertest.Run(t, filtertest.Suite{
		Module: "../no-privileged.wasm",
		Config: `{"allow_binds":["/srv/ci/","/srv/jobs/**"],"allow_capabilities":["CAP_NET_ADMIN"]}`,
		Cases:  append(cases, buildCases()...),
		Refused: map[string]string{
			`{"allow_bind":[]}`:          "allow_bind: unknown key, did you mean allow_binds?",
			`{"allow_binds":"/srv"}`:     "allow_binds: is a string, want a list of strings",
			`{"allow_binds":["srv/ci"]}`: "allow_binds: srv/ci is not an absolute path",
			`{"allow_sharing":1}`:        "allow_sharing: is a number, want true or false",
			`[]`:                         "the configuration is a list, want an object",
		},
	})
}

func hex(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
