// Command owner-label is a filter that labels what is created through the gateway, and can reverse the names of containers,
// as go-horse's sample filter does.
package main

import (
	"slices"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

type config struct {
	labels  []sluice.Pair
	reverse bool
}

// What go-horse's sample filter leaves on everything that passed it.
const (
	passHeader = "pass-through"
	passValue  = "Go-Horse"
)

func init() {
	sluice.Register(sluice.Filter[config]{
		Name: "owner-label",
		Parse: func(c *sluice.Config) config {
			return config{labels: c.Map("labels"), reverse: c.Bool("reverse_name", false)}
		},
		Operations: []sluice.Operation{
			"ContainerCreate", "VolumeCreate", "NetworkCreate", "ServiceCreate", "ServiceUpdate", "SecretCreate", "SecretUpdate",
			"ConfigCreate", "ConfigUpdate",
		},
		RequestHeaders:  rename,
		RequestBody:     label,
		ResponseHeaders: passThrough,
	})
}

// rename reverses the name that the client asked for. The engine chooses one where it asked for none.
func rename(c *config, r *sluice.Request) sluice.Verdict {
	if !c.reverse || r.Operation() != "ContainerCreate" {
		return sluice.Allow()
	}
	if name, _ := r.Query("name"); name != "" {
		letters := []rune(name)
		slices.Reverse(letters)
		r.SetQuery("name", string(letters))
	}
	r.SetHeader(passHeader, passValue)
	return sluice.Allow()
}

// label adds the labels. One that the client set itself is replaced: the label says who owns the thing, so the client must
// not be the one to say it.
func label(c *config, r *sluice.Request) sluice.Verdict {
	if len(c.labels) == 0 || len(r.Body()) == 0 { // without a body there is nothing that could be created
		return sluice.Allow()
	}
	body := r.JSON()
	c.set(body)
	// A service's own labels are not those of the containers that it makes.
	if container := body.Get("TaskTemplate").Get("ContainerSpec"); container.IsSet() {
		c.set(container)
	}
	return sluice.Allow()
}

// set puts the labels into an object's Labels.
func (c *config) set(parent dockerjson.Value) {
	switch labels := parent.Get("Labels"); labels.Kind() {
	case dockerjson.Absent:
		parent.Insert("Labels", object(c.labels))
	case dockerjson.Null:
		labels.Replace(object(c.labels))
	default:
		for _, l := range c.labels {
			if old := labels.Member(l.Key); old.Kind() != dockerjson.Absent {
				old.Replace(dockerjson.Quote(l.Value))
			} else {
				labels.Insert(l.Key, dockerjson.Quote(l.Value))
			}
		}
	}
}

func object(labels []sluice.Pair) string {
	pairs := make([]dockerjson.Pair, len(labels))
	for i, l := range labels {
		pairs[i] = dockerjson.Pair(l)
	}
	return dockerjson.ObjectOf(pairs)
}

func passThrough(c *config, r *sluice.Response) sluice.Verdict {
	if c.reverse && r.Request().Operation() == "ContainerCreate" {
		r.SetHeader(passHeader, passValue)
	}
	return sluice.Allow()
}

func main() {}
