package reference

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// Pinnable tells whether the id of the resource in a call's path can stand for its name without the call becoming another one.
//
// An image's id says the same as its name only where the image is looked at or tagged: to remove, push or save an image by its
// name means that name. Volumes have no id but their name, which is what these calls are about; an exec has no other name than
// its id.
func Pinnable(call *dockerapi.Call) bool {
	switch Kind(call.ResourceKind) {
	case Container, Network, Plugin, Service, Task, Node, Secret, Config:
		return true
	case Image:
		return slices.Contains(imagesByID, call.Operation)
	}
	return false
}

var imagesByID = []dockerapi.Operation{
	dockerapi.ImageInspect, dockerapi.ImageHistory, dockerapi.ImageAttestations, dockerapi.ImageTag,
}

// removesLink tells whether a call deletes a link: then the name in its path is the link's, and what it leads to is not touched.
func removesLink(call *dockerapi.Call) bool {
	if call.Operation != dockerapi.ContainerDelete {
		return false
	}
	query, err := url.ParseQuery(call.Query)
	if err != nil {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(query.Get("link"))) { // as the engine reads booleans
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}
