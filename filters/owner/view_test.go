package main

import (
	"net/url"
	"strings"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func images() []filtertest.Case {
	change := "changes=" + url.QueryEscape(`LABEL "sluice.owner"="ci"`)
	labels := func(text string) string { return "labels=" + url.QueryEscape(text) }
	const apart = `{"owner":"ci","images":"apart"}`
	return []filtertest.Case{
		allowed("everybody's images can be looked at", "GET /images/theirs:1/json", ""),
		allowed("and saved", "GET /images/get?names=theirs%3A1&names=busybox", ""),
		denied("but not all at once", "GET /images/get", "", 400, "say which images"),
		allowed("and pushed", "POST /images/theirs/push?tag=1", ""),
		allowed("one's own image is removed", "DELETE /images/app:1", ""),
		denied("another's is not", "DELETE /images/theirs:1?force=1", "", 403, `image "theirs:1" belongs to another owner`),
		denied("nor nobody's", "DELETE /images/busybox:1", "", 403, `image "busybox:1" has no owner`),
		allowed("a new tag", "POST /images/busybox/tag?repo=new&tag=1", ""),
		allowed("a tag of one's own is moved", "POST /images/busybox/tag?repo=app&tag=1", ""),
		denied("another's is not", "POST /images/busybox/tag?repo=theirs&tag=1", "", 409, `the name "theirs:1" is taken`),
		denied("nor nobody's", "POST /images/app/tag?repo=busybox&tag=1", "", 409, `the name "busybox:1" is taken`),
		allowed("a pull", "POST /images/create?fromImage=new&tag=1", ""),
		allowed("a pull of what everybody has", "POST /images/create?fromImage=busybox&tag=1", ""),
		denied("a pull over another's", "POST /images/create?fromImage=theirs&tag=1", "", 409, `the name "theirs:1" is taken`),
		becomes("an import is marked", "POST /images/create?fromSrc=-&repo=new", "/images/create?fromSrc=-&repo=new&"+change),
		denied("an import over what everybody has", "POST /images/create?fromSrc=-&repo=busybox&tag=1", "", 409, `the name "busybox:1" is taken`),
		becomes("a commit is marked, whatever its changes say", `POST /commit?container=web&repo=app&changes=LABEL+sluice.owner%3Dops`, "/commit?container="+id("a")+"&repo=app&changes=LABEL+sluice.owner%3Dops&"+change),
		denied("a commit whose change would swallow the label", `POST /commit?container=web&repo=app&changes=CMD+x+%5C`, "", 400, "each is to be one instruction on one line"),
		denied("an import whose change would swallow the label, behind a comment", "POST /images/create?fromSrc=-&repo=app&changes=CMD+x+%5C%0A%23", "", 400, "each is to be one instruction on one line"),
		denied("a change that ends in another escape character", "POST /commit?container=web&repo=app&changes=%23+escape%3D%60&changes=CMD+x+%60+", "", 400, "each is to be one instruction on one line"),
		denied("a commit of another's container", "POST /commit?container=db&repo=app", "", 403, `container "db" belongs to another owner`),
		denied("a commit over another's image", "POST /commit?container=web&repo=theirs&tag=1", "", 409, `the name "theirs:1" is taken`),
		becomes("a build is marked", "POST /build?t=app:1", "/build?t=app%3A1&"+labels(`{"sluice.owner":"ci"}`)),
		becomes("a build with labels", "POST /build?"+labels(`{"a":"b","sluice.owner":"ops"}`), "/build?"+labels(`{"a":"b","sluice.owner":"ci"}`)),
		denied("a build over another's image", "POST /build?t=new&t=theirs:1", "", 409, `the name "theirs:1" is taken`),
		denied("a build over another's image by its exporter", "POST /build?outputs="+url.QueryEscape(`[{"Type":"moby","Attrs":{"name":"theirs:1"}}]`), "", 403, `outputs of type "moby"`),
		denied("a build that names several images at once", "POST /build?outputs="+url.QueryEscape(`[{"Type":"moby","Attrs":{"x":"y"}}]`), "", 403, `outputs of type "moby"`),
		becomes("a build into a folder of the client's", "POST /build?outputs="+url.QueryEscape(`[{"Type":"local"}]`), "/build?outputs="+url.QueryEscape(`[{"Type":"local"}]`)+"&"+labels(`{"sluice.owner":"ci"}`)),
		denied("a build in another's network", "POST /build?networkmode=back", "", 403, `network "back"`),
		denied("a build in another's container's network", "POST /build?networkmode=container:db", "", 403, `container "db"`),
		becomes("a build in one's own container's network", "POST /build?networkmode=container:web", "/build?networkmode=container%3A"+id("a")+"&"+labels(`{"sluice.owner":"ci"}`)),
		denied("an archive of images", "POST /images/load", "tar", 403, "allow_load"),
		with(`{"owner":"ci","allow_load":true}`, allowed("an archive of images, where it is allowed", "POST /images/load", "tar")),
		opaque(denied("builds that cannot be looked into", "POST /grpc", "", 403, "allow_grpc")),
		opaque(with(`{"owner":"ci","allow_grpc":true}`, allowed("builds that cannot be looked into, where they are allowed", "POST /grpc", ""))),
		allowed("builds that are looked into", "POST /grpc", ""),
		denied("everybody's cache", "POST /build/prune", "", 403, "belong to everybody"),

		with(apart, denied("apart: another's image cannot be looked at", "GET /images/theirs:1/json", "", 403, `image "theirs:1" belongs to another owner`)),
		with(apart, denied("apart: nor run", create, `{"Image":"theirs:1"}`, 403, `image "theirs:1"`)),
		with(apart, denied("apart: nor mounted", create, `{"HostConfig":{"Mounts":[{"Type":"image","Source":"theirs:1"}]}}`, 403, `image "theirs:1"`)),
		with(apart, denied("apart: nor saved", "GET /images/get?names=busybox&names=theirs:1", "", 403, `image "theirs:1"`)),
		with(apart, denied("apart: nor pushed", "POST /images/theirs/push?tag=1", "", 403, `image "theirs:1"`)),
		with(apart, denied("apart: nor tagged", "POST /images/theirs:1/tag?repo=new", "", 403, `image "theirs:1"`)),
		with(apart, denied("apart: nor built upon", "POST /build?t=x", "", 403, "cannot be seen")),
		with(apart, creates("apart: what everybody has can be run", create, `{"Image":"busybox"}`, `{"Image":"busybox",`+mark+`}`)),
		with(apart, denied("apart: an image that is not there", create, `{"Image":"nothing"}`, 404, "No such image: nothing")),
		with(apart, becomes("apart: one's own is looked at by its id", "GET /images/app/json", "/images/sha256:"+id("8")+"/json")),
	}
}

func lists() []filtertest.Case {
	var cases []filtertest.Case
	for _, line := range []string{
		"GET /containers/json", "GET /volumes", "GET /services", "GET /secrets", "GET /configs", "GET /events",
		"POST /containers/prune", "POST /images/prune", "POST /volumes/prune", "POST /networks/prune",
	} {
		_, path, _ := strings.Cut(line, " ")
		cases = append(cases,
			becomes("one's own only: "+line, line, path+"?"+filters("")),
			becomes("and what is asked for: "+line, line+"?filters="+url.QueryEscape(`{"name":["x"]}`)+"&x=1", path+"?"+filters(`"name":{"x":true},`)+"&x=1"),
			becomes("and another label: "+line, line+"?filters="+url.QueryEscape(`{"label":["a=b","sluice.owner=ops"]}`),
				path+"?filters="+url.QueryEscape(`{"label":{"a=b":true,"sluice.owner=ops":true,"sluice.owner=ci":true}}`)),
			becomes("and a label that is null: "+line, line+"?filters="+url.QueryEscape(`{"label":null}`), path+"?"+filters("")),
			becomes("and null: "+line, line+"?filters=null", path+"?"+filters("")),
			denied("filters that nobody understands: "+line, line+"?filters=x", "", 400, "filters: "),
			denied("filters that are a text: "+line, line+"?filters="+url.QueryEscape(`{"label":"x"}`), "", 400, "filters: "),
		)
	}
	return append(cases,
		denied("what came before another's container", "GET /containers/json?before=db", "", 403, `container "db"`),
		becomes("what came before one's own", "GET /containers/json?before=web", "/containers/json?before="+id("a")+"&"+filters("")),
	)
}

// shows is a response that is another for the client.
func shows(name, line, body, want string) filtertest.Case {
	c := on(name, line, "", filtertest.Want{ResponseBody: want})
	c.Response = filtertest.OK(body)
	return c
}

func views() []filtertest.Case {
	const both = `{"Labels":{"sluice.owner":"ci"},"n":1},{"Labels":{"sluice.owner":"ops"},"n":2},{"Labels":null,"n":3},{"n":4}`
	const mine = `{"Labels":{"sluice.owner":"ci"},"n":1}`
	networks := `[{"Name":"front","Labels":{"sluice.owner":"ci"},"Containers":{"a":{}}},{"Name":"back","Labels":{"sluice.owner":"ops"}},{"Name":"bridge","Labels":{},"Containers":{"a":{}},"Peers":null},{"Name":"host"}]`
	failed := shows("what is no list", "GET /networks", `{"message":"x"}`, `{"message":"x"}`)
	failed.Response.Status = 500
	return []filtertest.Case{
		shows("networks", "GET /networks", networks, `[{"Name":"front","Labels":{"sluice.owner":"ci"},"Containers":{"a":{}}},{"Name":"bridge","Labels":{},"Containers":null,"Peers":null}]`),
		shows("no networks", "GET /networks", `[]`, `[]`),
		failed,
		denied2("what cannot be read", "GET /networks", `[{"Name":1}]`, "Name: is a number"),
		to("/networks/"+id("1"), shows("one's own network", "GET /networks/front", `{"Name":"front","Labels":{"sluice.owner":"ci"},"Containers":{"a":{}}}`, `{"Name":"front","Labels":{"sluice.owner":"ci"},"Containers":{"a":{}}}`)),
		to("/networks/"+id("3"), shows("a shared network, without those who are in it", "GET /networks/bridge", `{"Name":"bridge","Labels":{},"Containers":{"a":{}},"Services":{"x":{}}}`, `{"Name":"bridge","Labels":{},"Containers":null,"Services":null}`)),
		shows("tasks", "GET /tasks", `[{"ID":"1","Spec":{"ContainerSpec":{"Labels":{"sluice.owner":"ci"}}}},{"ID":"2","Spec":{"ContainerSpec":{"Labels":{"sluice.owner":"ops"}}}},{"ID":"3","Spec":{}}]`, `[{"ID":"1","Spec":{"ContainerSpec":{"Labels":{"sluice.owner":"ci"}}}}]`),
		shows("images", "GET /images/json", `[`+both+`]`, `[`+both+`]`),
		with(`{"owner":"ci","images":"apart"}`, shows("images apart", "GET /images/json", `[`+both+`]`, `[`+mine+`,{"Labels":null,"n":3},{"n":4}]`)),
		shows("how much there is", "GET /info", `{"ID":"x","Containers":3,"ContainersRunning":2,"ContainersPaused":0,"ContainersStopped":1,"Images":7}`, `{"ID":"x","Containers":0,"ContainersRunning":0,"ContainersPaused":0,"ContainersStopped":0,"Images":7}`),
		shows("how large it is", "GET /system/df", `{"LayersSize":5,"Images":[`+both+`],"Containers":[`+both+`],"Volumes":[`+both+`],"BuildCache":[{"ID":"x"}],"BuilderSize":3,"ContainerUsage":{"Items":[`+both+`]},"New":null}`,
			`{"LayersSize":0,"Images":[`+both+`],"Containers":[`+mine+`],"Volumes":[`+mine+`],"BuildCache":[],"BuilderSize":0,"ContainerUsage":null,"New":null}`),
	}
}

// denied2 is a response that is withheld.
func denied2(name, line, body, reason string) filtertest.Case {
	c := denied(name, line, "", 502, reason)
	c.Response = filtertest.OK(body)
	return c
}

func others() []filtertest.Case {
	from := func(tenant string) filtertest.Case {
		c := creates("the owner is the tenant "+tenant, create, `{}`, `{"Labels":{"sluice.owner":"`+tenant+`"}}`)
		c.Config = `{"owner_from":"peer.tenant"}`
		if tenant != "" {
			c.Request.Properties = map[string]string{"peer.tenant": tenant}
		}
		return c
	}
	unknown := func(name, tenant string) filtertest.Case {
		c := from(tenant)
		c.Name, c.Want = name, filtertest.Want{Denied: "nobody knows whose request this is (peer.tenant)"}
		return c
	}
	cases := []filtertest.Case{
		from("ops"), unknown("no tenant", ""), unknown("a tenant with an odd name", `a"b`),
		with(`{"owner":"ci","label":"team"}`, creates("another label", create, `{}`, `{"Labels":{"team":"ci"}}`)),
		with(`{"owner":"ci","label":"team"}`, denied("what has no such label", "GET /containers/web/json", "", 403, "has no owner (label team)")),
		allowed("docker version", "GET /version", ""), allowed("docker login", "POST /auth", `{}`), allowed("docker search", "GET /images/search?term=x", ""),
		allowed("a registry's image", "GET /distribution/busybox/json", ""), allowed("plugins are shown", "GET /plugins", ""), allowed("one of them", "GET /plugins/sshfs/json", ""),
		allowed("a session for a build", "POST /session", ""),
		denied("a route that nobody knows", "POST /teleport/web", "", 403, "Unknown is no operation that tenants may use"),
		denied("the engine's innards", "GET /debug/vars", "", 403, "Debug is no operation that tenants may use"),
		denied("the tokens for joining a swarm", "GET /swarm", "", 403, "belong to whoever manages it"),
		denied("nodes", "GET /nodes", "", 403, "belong to whoever manages it"),
		denied("a plugin", "POST /plugins/sshfs/disable", "", 403, "the engine's plugins"),
	}
	silent := denied("an engine that does not answer", "GET /containers/web/json", "", 500, "the engine did not answer")
	silent.EngineSilent = true
	return append(cases, silent)
}

// opaque is a case of a gateway that does not mediate BuildKit's connections.
func opaque(c filtertest.Case) filtertest.Case {
	c.Request.Properties = map[string]string{"docker.buildkit": "opaque"}
	return c
}

// builds are cases of BuildKit's calls.
func builds() []filtertest.Case {
	const control, bridge = "/moby.buildkit.v1.Control/", "/moby.buildkit.v1.frontend.LLBBridge/"
	call := func(name, method, document string, want filtertest.Want) filtertest.Case {
		return filtertest.Case{Name: name, Request: filtertest.Build(method, document), References: engine, Want: want}
	}
	taken := filtertest.Want{Denied: `the name "theirs:1" is taken`, Status: 409}
	everybodys := filtertest.Want{Denied: "belong to everybody"}
	return []filtertest.Case{
		call("a build", control+"Solve", `{"Ref":"r","Exporters":[{"Type":"moby","Attrs":{"name":"app:1,new"}},{"Type":"local"}],"Frontend":"dockerfile.v0","FrontendAttrs":{"filename":"Dockerfile","label:sluice.owner":"ops"}}`,
			filtertest.Want{RequestBody: `{"Ref":"r","Exporters":[{"Type":"moby","Attrs":{"name":"app:1,new"}},{"Type":"local"}],"Frontend":"dockerfile.v0","FrontendAttrs":{"filename":"Dockerfile","label:sluice.owner":"ci"}}`}),
		call("a build without options", control+"Solve", `{"Ref":"r"}`, filtertest.Want{RequestBody: `{"Ref":"r","FrontendAttrs":{"label:sluice.owner":"ci"}}`}),
		call("a step that the frontend is asked for", bridge+"Solve", `{"Frontend":"dockerfile.v0","FrontendOpt":{"label:a":"b"}}`,
			filtertest.Want{RequestBody: `{"Frontend":"dockerfile.v0","FrontendOpt":{"label:a":"b","label:sluice.owner":"ci"}}`}),
		call("a build over another's image", control+"Solve", `{"Exporters":[{"Type":"moby","Attrs":{"name":"new,theirs:1"}}]}`, taken),
		call("a build over another's image, as older clients say it", control+"Solve", `{"ExporterDeprecated":"moby","ExporterAttrsDeprecated":{"name":"theirs:1"}}`, taken),
		call("an exporter that nobody knows", control+"Solve", `{"Exporters":[{"Type":"teleport"}]}`, filtertest.Want{Denied: `exporters of type "teleport"`}),
		call("exporters that the engine is to ask the client for", control+"Solve", `{"EnableSessionExporter":true}`, filtertest.Want{Denied: "EnableSessionExporter"}),
		call("everybody's cache", control+"Prune", `{}`, everybodys),
		call("what everybody builds", control+"DiskUsage", `{}`, everybodys),
		call("what everybody has built", control+"ListenBuildHistory", `{}`, everybodys),
		call("who builds", control+"ListWorkers", `{}`, filtertest.Want{}),
		call("a build's secret, which is none of the swarm's", "/moby.buildkit.secrets.v1.Secrets/GetSecret", `{"ID":"otherkey"}`, filtertest.Want{}),
		with(`{"owner":"ci","images":"apart"}`, call("apart: a build", control+"Solve", `{"Ref":"r"}`, filtertest.Want{Denied: "cannot be seen"})),
	}
}
