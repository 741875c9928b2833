package main

import (
	"slices"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// Some answers show what belongs to everybody, and the engine cannot be asked for a part of them.

var withView = []sluice.Operation{"SystemInfo", "SystemDataUsage", "ImageList", "NetworkList", "NetworkInspect", "TaskList"}

// answer is a response that is being cut down to what is the tenant's.
type answer struct {
	*sluice.Response
	*config
	owner string
}

// view takes out of a response what is not for the tenant.
func view(c *config, r *sluice.Response) sluice.Verdict {
	owner, known := c.ownerOf(r.Request())
	if !known {
		return sluice.Deny("nobody knows whose request this is")
	}
	show := rules[r.Request().Operation()].view
	if show == nil {
		return sluice.Deny(string(r.Request().Operation()) + " has no view for tenants")
	}
	if r.Status() == 200 {
		show(&answer{r, c, owner})
	}
	return sluice.Allow()
}

// keep replaces a list by those of its elements that are wanted, each as it was or as it is returned.
func keep(list dockerjson.Value, wanted func(dockerjson.Value) (string, bool)) {
	var kept []string
	for _, element := range list.Elements() {
		if text, ok := wanted(element); ok {
			kept = append(kept, text)
		}
	}
	if list.Len() > 0 {
		list.Replace("[" + strings.Join(kept, ",") + "]")
	}
}

// own keeps what has the tenant's label.
func (a *answer) own(element dockerjson.Value) (string, bool) {
	return string(element.Raw()), element.Get("Labels").Member(a.label).Text() == a.owner
}

func viewInfo(a *answer) {
	for _, count := range []string{"Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped"} {
		if n := a.JSON().Get(count); n.IsSet() {
			n.Replace("0")
		}
	}
}

// viewDiskUsage shows the sizes of what is the tenant's. Sums over everything, and what is not known here, are taken out.
func viewDiskUsage(a *answer) {
	for _, part := range a.JSON().Members() {
		switch {
		case !part.IsSet():
		case part.Key() == "Containers" || part.Key() == "Volumes":
			keep(part, a.own)
		case part.Key() == "Images":
			keep(part, a.image)
		case part.Kind() == dockerjson.Array:
			part.Replace("[]")
		case part.Kind() == dockerjson.Number:
			part.Replace("0")
		default:
			part.Replace("null")
		}
	}
}

// image keeps images that the tenant may use.
func (a *answer) image(element dockerjson.Value) (string, bool) {
	owner := element.Get("Labels").Member(a.label)
	return string(element.Raw()), !a.apart || !owner.IsSet() || owner.Text() == a.owner
}

func viewImages(a *answer) {
	if a.apart {
		keep(a.JSON(), a.image)
	}
}

// network keeps networks that the tenant may use; of those that are shared, not who uses them.
func (a *answer) network(element dockerjson.Value) (string, bool) {
	text, own := a.own(element)
	if own {
		return text, true
	}
	return a.shared(element), slices.Contains(a.networks, element.Get("Name").Text())
}

func (a *answer) shared(network dockerjson.Value) string {
	doc, err := dockerjson.Parse(network.Raw())
	if err != nil {
		return "null" // it is a part of what was parsed
	}
	hideMembers(doc.Root())
	return string(doc.Bytes())
}

// hideMembers takes out who is in a network.
func hideMembers(network dockerjson.Value) {
	for _, name := range []string{"Containers", "Services", "Peers", "Status"} {
		if members := network.Get(name); members.IsSet() && members.Len() > 0 {
			members.Replace("null")
		}
	}
}

func viewNetworks(a *answer) { keep(a.JSON(), a.network) }

func viewNetwork(a *answer) {
	if _, own := a.own(a.JSON()); !own {
		hideMembers(a.JSON())
	}
}

func viewTasks(a *answer) {
	keep(a.JSON(), func(task dockerjson.Value) (string, bool) {
		_, own := a.own(task.Get("Spec").Get("ContainerSpec"))
		return string(task.Raw()), own
	})
}
