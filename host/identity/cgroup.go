package identity

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// cgroups is a /proc/PID/cgroup: the process' path in each hierarchy, "" being
// the name of the unified one (version 2).
type cgroups map[string]string

// maxHierarchies bounds what is read of a file: the kernel has some fifteen.
const maxHierarchies = 64

// parseCgroups reads lines of the form ID:CONTROLLERS:PATH.
func parseCgroups(file string) (cgroups, error) {
	groups := cgroups{}
	for line := range strings.Lines(file) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			return nil, fmt.Errorf("control groups: the line %q is not known", line)
		}
		if len(groups) == maxHierarchies {
			return nil, fmt.Errorf("control groups: more than %d hierarchies", maxHierarchies)
		}
		// A group that was removed under its last processes is called so.
		groups[parts[1]] = strings.TrimSuffix(parts[2], " (deleted)")
	}
	if len(groups) == 0 {
		return nil, errors.New("control groups: the kernel tells none")
	}
	return groups, nil
}

// claims are the containers that a process may be in, because the paths of its
// control groups say so. Whoever may make control groups may give them such
// names, so the engine has to confirm it: see confirm.
type claims struct {
	containers []claim // the innermost first
	// hierarchies counts those whose paths name any.
	hierarchies int
}

// claim is one container.
type claim struct {
	id string
	// groups is, for each hierarchy that names the container, the path up to it.
	groups cgroups
}

// maxClaims is how many containers inside of each other are looked at.
// Somebody may nest more names than that, and is nobody then.
const maxClaims = 8

var errTooDeep = fmt.Errorf("control groups: more than %d containers inside of each other", maxClaims)

// claimsOf reads the paths of a process' control groups. own are the gateway's:
// where it runs in a container itself, the containers that it shares with the
// process say nothing about it.
func claimsOf(peer, own cgroups) (claims, error) {
	var c claims
	depth := map[string]int{} // how far inside an id stands
	for hierarchy, path := range peer {
		shared := commonDepth(path, own[hierarchy])
		names := false
		for level, end := 0, 0; end < len(path); level++ {
			start := end + 1
			if end = strings.IndexByte(path[start:], '/'); end < 0 {
				end = len(path)
			} else {
				end += start
			}
			id := containerID(path[start:end])
			if id == "" || level < shared {
				continue
			}
			names = true
			i := slices.IndexFunc(c.containers, func(known claim) bool { return known.id == id })
			if i < 0 {
				if i = len(c.containers); i == maxClaims {
					return claims{}, errTooDeep
				}
				c.containers = append(c.containers, claim{id: id, groups: cgroups{}})
			}
			// Of an id that stands in a path twice the outer place counts: the inner
			// one can only be an invention.
			if _, known := c.containers[i].groups[hierarchy]; !known {
				c.containers[i].groups[hierarchy] = path[:end]
				depth[id] = max(depth[id], level)
			}
		}
		if names {
			c.hierarchies++
		}
	}
	slices.SortFunc(c.containers, func(a, b claim) int {
		return cmp.Or(cmp.Compare(depth[b.id], depth[a.id]), cmp.Compare(a.id, b.id))
	})
	return c, nil
}

// commonDepth counts the leading elements that two paths share.
func commonDepth(a, b string) int {
	n := 0
	for a != "" && b != "" {
		var x, y string
		x, a = cutElement(a)
		y, b = cutElement(b)
		if x != y || x == "" {
			break
		}
		n++
	}
	return n
}

// cutElement splits "/a/b" into "a" and "/b".
func cutElement(path string) (element, rest string) {
	path = path[1:]
	if slash := strings.IndexByte(path, '/'); slash >= 0 {
		return path[:slash], path[slash:]
	}
	return path, ""
}

// idLength is how many hexadecimal digits a container's id has.
const idLength = 64

// containerID returns the id in an element of a control group's path, "" where
// there is none. Engines name the group of a container by its id alone
// (Docker, containerd and Kubernetes with the cgroupfs driver), by a word before it
// (libpod-ID), as a unit of systemd (docker-ID.scope, cri-containerd-ID.scope), or
// behind a colon (slice:cri-containerd:ID). A group of conmon is that of the
// process which watches over the container, outside of it.
func containerID(element string) string {
	name := strings.TrimSuffix(element, ".scope")
	if len(name) < idLength {
		return ""
	}
	id, word := name[len(name)-idLength:], name[:len(name)-idLength]
	for i := 0; i < len(id); i++ {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	switch {
	case word == "" && name == element:
		return id
	case strings.HasSuffix(word, "conmon-"):
		return ""
	case len(word) > 1 && (strings.HasSuffix(word, "-") || strings.HasSuffix(word, ":")):
		return id
	}
	return ""
}

// confirmedBy reports whether the claim is about the container whose first
// process has these control groups: in every hierarchy that names it, that
// process is just there, or further inside.
func (c *claim) confirmedBy(first cgroups) bool {
	for hierarchy, group := range c.groups {
		path, ok := first[hierarchy]
		if !ok || path != group && !strings.HasPrefix(path, group+"/") {
			return false
		}
	}
	return len(c.groups) > 0
}
