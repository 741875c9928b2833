package main

import (
	"strings"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// label marks what the body describes as the tenant's. A label that the client has set itself is replaced.
func label(x *request) problem {
	x.setLabel(x.JSON())
	return problem{}
}

// setLabel puts the label into an object's Labels.
func (x *request) setLabel(parent dockerjson.Value) {
	all := dockerjson.ObjectOf([]dockerjson.Pair{{Key: x.label, Value: x.owner}})
	switch labels := parent.Get("Labels"); labels.Kind() {
	case dockerjson.Absent:
		parent.Insert("Labels", all)
	case dockerjson.Null:
		labels.Replace(all)
	default:
		labels.Set(x.label, dockerjson.Quote(x.owner))
	}
}

// labelService marks a service, the containers that it makes, and their volumes.
func labelService(x *request) problem {
	x.setLabel(x.JSON())
	container := x.JSON().Get("TaskTemplate").Get("ContainerSpec")
	if !container.IsSet() {
		return forbidden("TaskTemplate.ContainerSpec: services without containers are not for tenants")
	}
	x.setLabel(container)
	if mounts, changed := x.labelMounts(container.Get("Mounts")); changed {
		container.Get("Mounts").Replace("[" + strings.Join(mounts, ",") + "]")
	}
	return problem{}
}

// onlyOwn makes a list, a stream of events or a prune one of what has the label.
func onlyOwn(x *request) problem {
	text, _ := x.Query("filters")
	if text == "" || text == "null" {
		text = "{}"
	}
	doc, err := dockerjson.Parse([]byte(text))
	if err != nil {
		return problem{400, "filters: " + err.Error()}
	}
	want := x.label + "=" + x.owner
	switch labels := doc.Root().Member("label"); labels.Kind() {
	case dockerjson.Absent:
		doc.Root().Insert("label", `{`+dockerjson.Quote(want)+`:true}`)
	case dockerjson.Null:
		labels.Replace(`{` + dockerjson.Quote(want) + `:true}`)
	default:
		// The gateway has brought it into this form; the engine refuses others.
		labels.Set(want, "true")
	}
	text = string(doc.Bytes())
	if err := doc.Err(); err != nil {
		return problem{400, "filters: " + err.Error()}
	}
	x.SetQuery("filters", text)
	return problem{}
}
