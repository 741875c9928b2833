package dockerapi

import "strings"

// inspections is the operation that shows one resource, by the kind of resource.
var inspections = buildInspections()

// inspection is how the path of such an operation is put together around a reference.
type inspection struct {
	operation  Operation
	head, tail string
}

func buildInspections() map[string]inspection {
	ways := make(map[string]inspection)
	for _, operation := range []Operation{
		ContainerInspect, ImageInspect, VolumeInspect, NetworkInspect, ExecInspect, PluginInspect,
		ServiceInspect, NodeInspect, TaskInspect, SecretInspect, ConfigInspect,
	} {
		for i := range table {
			if r := &table[i]; r.Operation == operation {
				head, rest, _ := strings.Cut(r.Pattern, "{")
				_, tail, _ := strings.Cut(rest, "}")
				ways[r.Kind] = inspection{operation, head, tail}
			}
		}
	}
	return ways
}

// MaxReferenceBytes is the longest reference that InspectTarget takes. The longest that the engine knows are image names with
// a registry, a tag and a digest, of less than 600 bytes.
const MaxReferenceBytes = 1024

// Inspectable tells whether there are resources of that kind, and an operation that shows one.
func Inspectable(kind string) bool {
	_, ok := inspections[kind]
	return ok
}

// InspectTarget returns the target of the GET request that shows the resource which a reference names, for an API version as
// MAJOR.MINOR. The reference may be any bytes; it stands in the target as one resource's name and nothing else, which is
// checked by reading the target again. What cannot be a name in a path, and so no name that the engine knows by its API, is an
// *Error. The kind must be Inspectable.
func InspectTarget(kind, ref, version string) (string, error) {
	way, ok := inspections[kind]
	switch {
	case !ok:
		return "", badRequest("there is no way to look up a %s", bounded(kind))
	case ref == "":
		return "", badRequest("the reference to a %s is empty", kind)
	case len(ref) > MaxReferenceBytes:
		return "", badRequest("the reference to a %s is longer than %d bytes", kind, MaxReferenceBytes)
	}
	target := "/v" + version + way.head + encodePath(ref) + way.tail
	call, err := Classify("GET", target)
	if err != nil || call.Operation != way.operation || call.ResourceID != ref || call.Target() != target {
		return "", badRequest("%s cannot name a %s", bounded(ref), kind)
	}
	return target, nil
}

// WithResource returns the call's target with another reference in the place of its resource's, for the request's method. An
// error is an *Error: the call names no resource, or would not be the same operation on a resource of that name.
func (c *Call) WithResource(method, ref string) (target string, err error) {
	if c.ResourceID == "" {
		return "", badRequest("%s names no resource in its path", c.Operation)
	}
	version := len(c.Path) - len(c.RoutePath)
	start := version + c.resource
	end := start + len(encodePath(c.ResourceID))
	target = c.Path[:start] + encodePath(ref) + c.Path[end:]
	if c.Query != "" {
		target += "?" + c.Query
	}
	changed, err := Classify(method, target)
	if err != nil || changed.Operation != c.Operation || changed.ResourceID != ref || changed.Target() != target {
		return "", badRequest("%s cannot stand for a %s in the path of %s", bounded(ref), c.ResourceKind, c.Operation)
	}
	return target, nil
}
