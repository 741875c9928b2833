package identity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/sluice-gateway/sluice/host/listener"
)

// Container is a container as the engine knows it.
type Container struct {
	// ID is the full id, Name the name without a slash before it.
	ID, Name string
	Labels   map[string]string
	// PID is its first process in the engine's PID namespace, 0 when it does not
	// run.
	PID int
}

// Engine tells about containers.
type Engine interface {
	// Container returns the container with this id: nil without an error where
	// there is none.
	Container(ctx context.Context, id string) (*Container, error)

	// Address says which engine it is: what was found out of one does not hold for
	// another.
	Address() string
}

// Container is the container that the client runs in; nil without an error where
// it runs in none that the engine knows. What was found out holds for the
// connection, as long as it is the same engine: the process that connected does
// not change, and neither do a container's id and labels. A failure does not hold, and is tried again.
//
// The id in the path of a control group is only a claim. Somebody who may create
// containers may say which group they are put below, and somebody with a session
// of systemd may name groups as he likes. So the claim is compared with where the
// engine says that container really is: in the control group of its first process.
func (c *Client) Container(ctx context.Context, engine Engine) (*Container, error) {
	if !c.hasUID() {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if (c.container != nil || c.alone) && (engine == nil || engine.Address() == c.asked) {
		return c.container, nil
	}
	container, err := c.findContainer(ctx, engine)
	if err != nil {
		return nil, fmt.Errorf("cannot tell which container the client is in: %w", err)
	}
	c.container, c.alone = container, container == nil
	if engine != nil {
		c.asked = engine.Address()
	}
	return container, nil
}

func (c *Client) findContainer(ctx context.Context, engine Engine) (*Container, error) {
	process, err := listener.OpenProcess(c.conn, c.accepted)
	if err != nil {
		return nil, err
	}
	defer process.Close()
	text, err := process.Cgroups()
	if err != nil {
		return nil, err
	}
	peer, err := parseCgroups(text)
	if err != nil {
		return nil, err
	}
	own, err := cgroupsOf("self")
	if err != nil {
		return nil, err
	}
	claims, err := claimsOf(peer, own)
	if err != nil {
		return nil, err
	}
	return confirm(ctx, claims, engine, cgroupsOf)
}

// confirm returns the innermost container that is what its control group says. A
// container that the engine does not know is another engine's, which may run in
// one that it knows. One that it knows and that is not there is somebody's
// invention, and nothing further out is looked at: a process below the group of
// a container is of that container only as long as nothing else is claimed.
func confirm(ctx context.Context, claims claims, engine Engine, groupsOf func(process string) (cgroups, error)) (*Container, error) {
	if len(claims.containers) > 0 && engine == nil {
		return nil, errors.New("no engine to ask")
	}
	for i := range claims.containers {
		claim := &claims.containers[i]
		container, err := engine.Container(ctx, claim.id)
		if err != nil {
			return nil, err
		}
		// The engine finds containers by name too, and a name may look like an id.
		if container == nil || container.ID != claim.id {
			continue
		}
		if container.PID <= 0 {
			return nil, fmt.Errorf("its control group names container %.12s, which does not run", claim.id)
		}
		first, err := groupsOf(strconv.Itoa(container.PID))
		switch {
		case err != nil:
			return nil, fmt.Errorf("the first process of container %.12s: %w", claim.id, err)
		case !claim.confirmedBy(first):
			return nil, fmt.Errorf("its control group names container %.12s, but the engine's process %d of it is elsewhere", claim.id, container.PID)
		case len(claim.groups) < claims.hierarchies:
			return nil, fmt.Errorf("its control groups disagree about container %.12s", claim.id)
		}
		return container, nil
	}
	return nil, nil
}

// maxCgroupFile bounds a /proc/PID/cgroup.
const maxCgroupFile = 64 << 10

// cgroupsOf reads the control groups of a process, or of "self".
func cgroupsOf(process string) (cgroups, error) {
	content, err := os.ReadFile("/proc/" + process + "/cgroup")
	if err != nil {
		return nil, err
	}
	if len(content) > maxCgroupFile {
		return nil, fmt.Errorf("/proc/%s/cgroup has %d bytes", process, len(content))
	}
	return parseCgroups(string(content))
}
