package main

import (
	"strconv"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// In a gateway that mediates BuildKit's connections, each of its calls is judged by itself. What they name, builds, sessions and results,
// is known by numbers that nobody else is told; only images have names that others may have, and the cache is everybody's.

const (
	ofBuilds  = "the cache and the records of builds belong to everybody"
	unlooked  = "builds that travel inside cannot be looked into (buildkit.mode of the gateway, or allow_grpc)"
	diskUsage = "/DiskUsage"
)

// isMediated tells whether BuildKit's calls come to this filter.
func isMediated(r *sluice.Request) bool {
	mode, _ := r.Property("docker", "buildkit")
	return mode == "mediated"
}

// noDiskUsage refuses to show the build cache, which tells what everybody builds.
func noDiskUsage(x *request) problem {
	if strings.HasSuffix(x.RoutePath(), diskUsage) {
		return forbidden("DiskUsage: " + ofBuilds)
	}
	return problem{}
}

// solve judges the names that a build gives to images, and labels what comes of it.
func solve(x *request) problem {
	if x.apart {
		return forbidden("what images a build begins with cannot be seen, and images are kept apart")
	}
	if x.JSON().Member("EnableSessionExporter").Bool() {
		return forbidden("EnableSessionExporter: what the session exports cannot be seen")
	}
	for _, exporter := range x.JSON().Member("Exporters").Elements() {
		if p := x.judgeExporter(exporter.Member("Type").Text(), exporter.Member("Attrs")); p.isSet() {
			return p
		}
	}
	// How older clients say it, and newer ones for older engines.
	if p := x.judgeExporter(x.JSON().Member("ExporterDeprecated").Text(), x.JSON().Member("ExporterAttrsDeprecated")); p.isSet() {
		return p
	}
	x.labelFrontend("FrontendAttrs")
	return problem{}
}

// solveInside labels what a step of a build makes that the client asks the frontend for.
func solveInside(x *request) problem {
	x.labelFrontend("FrontendOpt")
	return problem{}
}

// labelFrontend sets the label among the options of a frontend, which are stronger than what a Dockerfile says.
func (x *request) labelFrontend(field string) {
	name, value := "label:"+x.label, dockerjson.Quote(x.owner)
	options := x.JSON().Member(field)
	switch options.Kind() {
	case dockerjson.Absent:
		x.JSON().Insert(field, `{`+dockerjson.Quote(name)+`:`+value+`}`)
	case dockerjson.Null:
		options.Replace(`{` + dockerjson.Quote(name) + `:` + value + `}`)
	default:
		options.Set(name, value)
	}
}

// judgeExporter judges the images that an exporter writes; those that write for the client name none.
func (x *request) judgeExporter(kind string, attrs dockerjson.Value) problem {
	switch kind {
	case "", "local", "tar", "oci", "docker":
		return problem{}
	case "moby", "image":
	default:
		return forbidden("exporters of type " + strconv.Quote(kind) + " are not for tenants")
	}
	for _, name := range strings.Split(attrs.Member("name").Text(), ",") {
		if name == "" {
			continue
		}
		if image := x.Resolve(sluice.Image, name); image.Exists() && !x.owns(image) {
			return problem{409, "the name " + strconv.Quote(name) + " is taken: there is an image of another owner, or of none"}
		}
	}
	return problem{}
}
