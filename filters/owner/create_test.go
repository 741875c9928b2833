package main

import (
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

// containers are cases of what is created, and of what it is made of.
func containers() []filtertest.Case {
	host := func(fields string) string { return `{"Image":"busybox","HostConfig":{` + fields + `}}` }
	made := func(fields string) string { return `{"Image":"busybox","HostConfig":{` + fields + `},` + mark + `}` }
	endpoint := func(name, id string) string {
		return `"NetworkingConfig":{"EndpointsConfig":{"` + name + `":{"NetworkID":"` + id + `"}}}`
	}
	return []filtertest.Case{
		creates("a container is marked", create, `{"Image":"busybox"}`, `{"Image":"busybox",`+mark+`}`),
		creates("a container with labels", create, `{"Labels":{"a":"b","sluice.owner":"ops"}}`, `{"Labels":{"a":"b","sluice.owner":"ci"}}`),
		creates("a container whose labels are null", create, `{"Labels":null}`, `{`+mark+`}`),
		creates("a volume is marked", "POST /volumes/create", `{"Name":"new"}`, `{"Name":"new",`+mark+`}`),
		creates("a volume that is there already", "POST /volumes/create", `{"Name":"data"}`, `{"Name":"data",`+mark+`}`),
		denied("a volume that is another's", "POST /volumes/create", `{"Name":"theirs"}`, 409, `the name "theirs" is taken`),
		denied("a volume that is nobody's", "POST /volumes/create", `{"Name":"nobodys"}`, 409, `the name "nobodys" is taken`),
		creates("a network is marked", "POST /networks/create", `{"Name":"new"}`, `{"Name":"new",`+mark+`}`),
		denied("a second network of one name", "POST /networks/create", `{"Name":"back"}`, 409, `the name "back" is taken`),
		denied("a network made of another's", "POST /networks/create", `{"Name":"new","ConfigFrom":{"Network":"back"}}`, 403, `network "back" belongs`),
		creates("a service is marked, and its containers", "POST /services/create", `{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"busybox"}}}`, `{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"busybox",`+mark+`}},`+mark+`}`),
		to("/services/s1/update?version=1", creates("a service's volumes too", "POST /services/mine/update?version=1", `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"volume","Source":"new","Target":"/x"}]}}}`, `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"volume","Source":"new","Target":"/x","VolumeOptions":{`+mark+`}}],`+mark+`}},`+mark+`}`)),
		denied("a service without containers", "POST /services/create", `{"TaskTemplate":{"PluginSpec":{"name":"x"}}}`, 403, "services without containers"),
		denied("a service that is another's", "POST /services/yours/update?version=1", `{"TaskTemplate":{"ContainerSpec":{}}}`, 403, `service "yours"`),
		denied("a service with another's secret", "POST /services/create", `{"TaskTemplate":{"ContainerSpec":{"Secrets":[{"SecretID":"k2"}]}}}`, 403, `secret "k2"`),
		denied("a service with another's configuration", "POST /services/create", `{"TaskTemplate":{"ContainerSpec":{"Configs":[{"ConfigID":"c1","ConfigName":"otherconf"}]}}}`, 403, `config "otherconf"`),
		denied("a service in another's network", "POST /services/create", `{"TaskTemplate":{"Networks":[{"Target":"back"}],"ContainerSpec":{}}}`, 403, `network "back"`),
		creates("a secret is marked", "POST /secrets/create", `{"Name":"s","Data":"eA=="}`, `{"Name":"s","Data":"eA==",`+mark+`}`),
		creates("a configuration is marked", "POST /configs/create", `{"Name":"s"}`, `{"Name":"s",`+mark+`}`),

		creates("one's own volume", create, host(`"Binds":["data:/d:ro","/etc:/e","/anonymous"]`), made(`"Binds":["data:/d:ro","/etc:/e","/anonymous"]`)),
		creates("a volume that does not exist yet", create, host(`"Binds":["data:/d","new:/n:ro,nocopy","other:/o"]`),
			made(`"Binds":["data:/d"],"Mounts":[{"Type":"volume","Source":"new","Target":"/n","ReadOnly":true,"VolumeOptions":{"NoCopy":true,`+mark+`}},{"Type":"volume","Source":"other","Target":"/o","VolumeOptions":{`+mark+`}}]`)),
		creates("with a driver, beside mounts", create, host(`"Binds":["new:/n"],"VolumeDriver":"x","Mounts":[{"Type":"bind","Source":"/a","Target":"/b"},{"Type":"volume","Source":"data","Target":"/d"}]`),
			made(`"Binds":[],"VolumeDriver":"x","Mounts":[{"Type":"bind","Source":"/a","Target":"/b"},{"Type":"volume","Source":"data","Target":"/d"},{"Type":"volume","Source":"new","Target":"/n","VolumeOptions":{"DriverConfig":{"Name":"x"},`+mark+`}}]`)),
		creates("as mounts", create, host(`"Mounts":[{"Type":"volume","Source":"new","Target":"/n","VolumeOptions":{"Labels":{"a":"b"}}},{"Type":"volume","Target":"/m","VolumeOptions":null},{"Type":"volume","Source":"new","Target":"/o","VolumeOptions":{"Labels":null}}]`),
			made(`"Mounts":[{"Type":"volume","Source":"new","Target":"/n","VolumeOptions":{"Labels":{"a":"b","sluice.owner":"ci"}}},{"Type":"volume","Target":"/m","VolumeOptions":{`+mark+`}},{"Type":"volume","Source":"new","Target":"/o","VolumeOptions":{`+mark+`}}]`)),
		denied("with an option that mounts do not have", create, host(`"Binds":["new:/n:z"]`), 403, `the volume "new" does not exist; create it first`),
		{
			Name: "for an API without mounts", Request: filtertest.Post("/v1.24/containers/create", host(`"Binds":["new:/n"]`)), References: engine,
			Want: filtertest.Want{Denied: `the volume "new" does not exist; create it first`},
		},
		denied("another's volume", create, host(`"Binds":["theirs:/d"]`), 403, `volume "theirs" belongs to another owner`),
		denied("nobody's volume", create, host(`"Binds":["nobodys:/d"]`), 403, `volume "nobodys" has no owner`),
		denied("another's volume as a mount", create, host(`"Mounts":[{"Type":"volume","Source":"theirs","Target":"/d"}]`), 403, `volume "theirs" belongs to another owner`),
		with(`{"owner":"ci","shared_volumes":["cache"]}`, creates("a volume that is shared", create, host(`"Binds":["cache:/d"]`), made(`"Binds":["cache:/d"]`))),
		with(`{"owner":"ci","shared_volumes":["cache"]}`, allowed("a look at a volume that is shared", "GET /volumes/cache", "")),
		with(`{"owner":"ci","shared_volumes":["cache"]}`, denied("the end of a volume that is shared", "DELETE /volumes/cache", "", 403, `volume "cache" has no owner`)),

		creates("volumes and namespaces of one's own containers, by id", create, host(`"VolumesFrom":["web:ro"],"Links":["web","/web:alias"],"NetworkMode":"container:web","PidMode":"container:aaaa"`),
			made(`"VolumesFrom":["`+id("a")+`:ro"],"Links":["`+id("a")+`:web","`+id("a")+`:alias"],"NetworkMode":"container:`+id("a")+`","PidMode":"container:`+id("a")+`"`)),
		denied("volumes of another's container", create, host(`"VolumesFrom":["db"]`), 403, `container "db" belongs to another owner`),
		denied("the network of another's container", create, host(`"NetworkMode":"container:db"`), 403, `container "db"`),
		denied("the processes of another's container", create, host(`"PidMode":"container:db"`), 403, `container "db"`),
		denied("the memory of another's container", create, host(`"IpcMode":"container:db"`), 403, `container "db"`),
		denied("a link to another's container", create, host(`"Links":["db:alias"]`), 403, `container "db"`),
		denied("by way of a link", create, host(`"VolumesFrom":["web/db"]`), 403, `container "web/db" belongs to another owner`),
		denied("a container that does not exist", create, host(`"VolumesFrom":["nothing"]`), 404, "No such container: nothing"),

		creates("one's own network, with its id", create, host(`"NetworkMode":"front"`), `{"Image":"busybox","HostConfig":{"NetworkMode":"front"},`+mark+`,`+endpoint("front", id("1"))+`}`),
		creates("an endpoint of one's own network", create, `{"HostConfig":{"NetworkMode":"front"},"NetworkingConfig":{"EndpointsConfig":{"front":{"Aliases":["a"]}}}}`,
			`{"HostConfig":{"NetworkMode":"front"},"NetworkingConfig":{"EndpointsConfig":{"front":{"Aliases":["a"],"NetworkID":"`+id("1")+`"}}},`+mark+`}`),
		creates("endpoints that are null", create, `{"HostConfig":{"NetworkMode":"front"},"NetworkingConfig":{"EndpointsConfig":null}}`, `{"HostConfig":{"NetworkMode":"front"},`+endpoint("front", id("1"))+`,`+mark+`}`),
		creates("no endpoints", create, `{"HostConfig":{"NetworkMode":"1111"},"NetworkingConfig":{"EndpointsConfig":{}}}`, `{"HostConfig":{"NetworkMode":"1111"},`+endpoint("1111", id("1"))+`,`+mark+`}`),
		creates("settings without endpoints", create, `{"HostConfig":{"NetworkMode":"front"},"NetworkingConfig":{}}`, `{"HostConfig":{"NetworkMode":"front"},`+endpoint("front", id("1"))+`,`+mark+`}`),
		creates("settings that are null", create, `{"HostConfig":{"NetworkMode":"front"},"NetworkingConfig":null}`, `{"HostConfig":{"NetworkMode":"front"},`+endpoint("front", id("1"))+`,`+mark+`}`),
		creates("an endpoint that is null", create, `{"NetworkingConfig":{"EndpointsConfig":{"front":null}}}`, `{`+endpoint("front", id("1"))+`,`+mark+`}`),
		creates("an endpoint with the id of its network", create, `{"NetworkingConfig":{"EndpointsConfig":{"front":{"NetworkID":"1111"}}}}`, `{`+endpoint("front", id("1"))+`,`+mark+`}`),
		creates("an endpoint with no id", create, `{"NetworkingConfig":{"EndpointsConfig":{"front":{"NetworkID":""}}}}`, `{`+endpoint("front", id("1"))+`,`+mark+`}`),
		creates("networks that all share", create, host(`"NetworkMode":"bridge"`), made(`"NetworkMode":"bridge"`)),
		denied("the host's network", create, host(`"NetworkMode":"host"`), 403, `network "host" has no owner`),
		denied("the host's network by its id", create, host(`"NetworkMode":"4444"`), 403, `network "4444" has no owner`),
		denied("another's network", create, host(`"NetworkMode":"back"`), 403, `network "back" belongs to another owner`),
		denied("another's network by an endpoint", create, `{"NetworkingConfig":{"EndpointsConfig":{"back":{}}}}`, 403, `network "back"`),
		denied("another's network by an id in the endpoint", create, `{"NetworkingConfig":{"EndpointsConfig":{"front":{"NetworkID":"`+id("2")+`"}}}}`, 403, "belongs to another owner"),
		denied("one network by the endpoint of another", create, `{"NetworkingConfig":{"EndpointsConfig":{"front":{"NetworkID":"`+id("3")+`"}}}}`, 403, `the endpoint of network "front" has the NetworkID of another`),
		denied("a network that does not exist", create, host(`"NetworkMode":"nothing"`), 404, "No such network: nothing"),
		with(`{"owner":"ci","shared_networks":[]}`, denied("the default network, where it is not shared", create, host(`"NetworkMode":"default"`), 403, "the default network is not for tenants")),
		with(`{"owner":"ci","shared_networks":[]}`, denied("no network at all, where it is not shared", create, `{}`, 403, "the default network is not for tenants")),
		with(`{"owner":"ci","shared_networks":["host"]}`, creates("a network that the operator shares", create, host(`"NetworkMode":"host"`), made(`"NetworkMode":"host"`))),

		to("/networks/"+id("1")+"/connect", creates("a container is connected by ids", "POST /networks/front/connect", `{"Container":"web"}`, `{"Container":"`+id("a")+`","EndpointConfig":{"NetworkID":"`+id("1")+`"}}`)),
		to("/networks/"+id("1")+"/connect", creates("a container with an endpoint", "POST /networks/front/connect", `{"Container":"web","EndpointConfig":{"Aliases":["a"]}}`, `{"Container":"`+id("a")+`","EndpointConfig":{"Aliases":["a"],"NetworkID":"`+id("1")+`"}}`)),
		denied("another's container", "POST /networks/front/connect", `{"Container":"db"}`, 403, `container "db"`),
		denied("another's network", "POST /networks/back/connect", `{"Container":"web"}`, 403, `network "back"`),
		denied("another's network by an endpoint of one's own", "POST /networks/front/connect", `{"Container":"web","EndpointConfig":{"NetworkID":"`+id("2")+`"}}`, 403, "belongs to another owner"),
		denied("a link to another's container", "POST /networks/front/connect", `{"Container":"web","EndpointConfig":{"Links":["db:x"]}}`, 403, `container "db"`),
		to("/networks/"+id("3")+"/connect", creates("the shared network", "POST /networks/bridge/connect", `{"Container":"web"}`, `{"Container":"`+id("a")+`"}`)),
		denied("the end of the shared network", "DELETE /networks/bridge", "", 403, `network "bridge" has no owner`),
		to("/networks/"+id("1")+"/disconnect", creates("one's own container is disconnected", "POST /networks/front/disconnect", `{"Container":"web"}`, `{"Container":"`+id("a")+`"}`)),
		denied("another's container is not", "POST /networks/bridge/disconnect", `{"Container":"db","Force":true}`, 403, `container "db"`),

		on("a container with one's own volumes is started", "POST /containers/mounts/start", "", filtertest.Want{Path: "/v1.41/containers/" + id("d") + "/start"}),
		denied("a container that got another's volume is not", "POST /containers/swapped/start", "", 403, `volume "theirs" belongs to another owner`),
		denied("nor restarted", "POST /containers/swapped/restart", "", 403, `volume "theirs"`),
		denied("nor read", "GET /containers/swapped/archive?path=%2F", "", 403, `volume "theirs"`),
		denied("nor written to", "PUT /containers/swapped/archive?path=%2F", "tar", 403, `volume "theirs"`),
	}
}
