package main

import (
	"slices"
	"strconv"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

// judgeAll judges everything that the request names in these parts of it, and puts ids in the places of names.
func (x *request) judgeAll(parts ...string) problem {
	named := x.Named()
	for i := range named {
		n := &named[i]
		if !slices.Contains(parts, n.In) {
			continue
		}
		if p := x.judge(n); p.isSet() {
			return p
		}
	}
	return problem{}
}

func (x *request) judge(n *sluice.Named) problem {
	switch {
	case n.Kind == sluice.Image:
		return x.judgeImage(n)
	case n.Role == sluice.Name:
		return x.judgeName(n)
	case n.Kind == sluice.Volume && n.Role == sluice.Use:
		return x.judgeVolume(n)
	case n.Kind == sluice.Plugin:
		return problem{} // reading about them is all that is not refused
	}
	thing := n.Resolve()
	if n.In == "path" {
		thing = x.Pin()
	}
	switch {
	case !thing.Exists():
		return x.absent(n, thing)
	case n.Kind == sluice.Network && slices.Contains(x.networks, thing.Name()) && (n.Role == sluice.Use || oneOf(x.Operation(), ofShared)),
		n.Kind == sluice.Volume && slices.Contains(x.volumes, thing.Name()) && oneOf(x.Operation(), ofShared):
	case !x.owns(thing):
		return x.foreign(n.Kind, n.Ref, thing)
	}
	if n.In != "path" && n.Kind == sluice.Container {
		n.Replace(thing.ID())
	}
	return problem{}
}

// owns tells whether a thing is the tenant's.
func (x *request) owns(thing *sluice.Reference) bool {
	owner, ok := thing.Label(x.label)
	return ok && owner == x.owner
}

// absent is said of what does not exist, and not of what nobody knows anything about.
func (x *request) absent(n *sluice.Named, thing *sluice.Reference) problem {
	if !thing.Known() {
		return problem{} // denied for that
	}
	return x.missing(n.Kind, n.Ref)
}

// missing is said of what does not exist. It is not left to the engine: in the meantime somebody else may create it.
func (x *request) missing(kind sluice.Kind, ref string) problem {
	return problem{404, "No such " + string(kind) + ": " + ref}
}

// foreign is said of what belongs to somebody else, or to nobody.
func (x *request) foreign(kind sluice.Kind, ref string, thing *sluice.Reference) problem {
	if x.hide {
		return x.missing(kind, ref)
	}
	what := string(kind) + " " + strconv.Quote(ref)
	if _, ok := thing.Label(x.label); !ok {
		return forbidden(what + " has no owner (label " + x.label + "), so it is not for tenants")
	}
	return forbidden(what + " belongs to another owner")
}

// judgeName judges a name that the request gives. That of a container, a service, a secret or a configuration the engine
// refuses when it is taken; a volume is then the one that there is, and of networks there would be two.
func (x *request) judgeName(n *sluice.Named) problem {
	if n.Kind != sluice.Volume && n.Kind != sluice.Network {
		return problem{}
	}
	if thing := n.Resolve(); thing.Exists() && !x.owns(thing) {
		return x.taken(n)
	}
	return problem{}
}

func (x *request) taken(n *sluice.Named) problem {
	return problem{409, "the name " + strconv.Quote(n.Ref) + " is taken: there is a " + string(n.Kind) + " of another owner, or of none"}
}

// noLink refuses to remove a link: then the name in the path is not that of what it leads to.
func noLink(x *request) problem {
	if x.QueryBool("link") {
		return forbidden("links cannot be removed")
	}
	return problem{}
}
