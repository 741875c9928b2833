package main

import (
	"strconv"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// judgeImage judges an image. Images without an owner, such as those that were pulled, are there for everybody to use and for
// nobody to change; those of other tenants can be used unless images are kept apart.
func (x *request) judgeImage(n *sluice.Named) problem {
	switch {
	case n.Role == sluice.Name:
		return x.judgeTag(n)
	case n.Role == sluice.Use, oneOf(x.Operation(), reads):
		return x.judgeRead(n)
	}
	image := n.Resolve()
	switch {
	case !image.Exists():
		return x.absent(n, image)
	case !x.owns(image):
		return x.foreign(n.Kind, n.Ref, image)
	}
	return problem{}
}

// judgeRead judges an image that is looked at, copied or run.
func (x *request) judgeRead(n *sluice.Named) problem {
	if !x.apart {
		return problem{}
	}
	image := n.Resolve()
	if n.In == "path" && image.Exists() && x.Operation() != "ImagePush" && x.Operation() != "ImageGet" {
		image = x.Pin()
	}
	switch {
	case !image.Exists():
		return x.absent(n, image)
	case x.isOthers(image):
		return x.foreign(n.Kind, n.Ref, image)
	}
	return problem{}
}

// isOthers tells whether an image has another owner.
func (x *request) isOthers(image *sluice.Reference) bool {
	owner, ok := image.Label(x.label)
	return ok && owner != x.owner
}

// judgeTag judges a name that an image gets: the image that has it loses it. Only a pull may bring an image without an owner
// up to date.
func (x *request) judgeTag(n *sluice.Named) problem {
	image := n.Resolve()
	switch {
	case !image.Exists(), x.owns(image):
		return problem{}
	case n.Where == "fromImage" && !x.isOthers(image):
		return problem{}
	}
	return x.taken(n)
}

// namesImages refuses to save all that there is.
func namesImages(x *request) problem {
	if names, _ := x.Query("names"); names == "" {
		return problem{400, "names: say which images"}
	}
	return problem{}
}

// labelChange labels what an import or a commit makes: of several instructions the last counts.
func (x *request) labelChange() problem {
	_, query, _ := strings.Cut(x.Path(), "?")
	for _, parameter := range strings.Split(query, "&") {
		if change, ok := strings.CutPrefix(parameter, "changes="); ok && !isOneLine(change) {
			return problem{400, "changes: each is to be one instruction on one line, and that line is not to go on in the next"}
		}
	}
	x.AddQuery("changes", `LABEL "`+x.label+`"="`+x.owner+`"`)
	return problem{}
}

// isOneLine tells whether a change, encoded as the gateway does it, stays for itself. The engine makes one Dockerfile of all, in which
// a line that ends in the escape character, \ or ` as the file says, goes on in the next: the label would be a part of it.
func isOneLine(change string) bool {
	for _, space := range []string{"%09", "%0B", "%0C", "%0D"} {
		change = strings.ReplaceAll(change, space, "+")
	}
	end := strings.TrimRight(change, "+")
	return !strings.Contains(change, "%0A") && !strings.HasSuffix(end, "%5C") && !strings.HasSuffix(end, "%60")
}

func labelCommit(x *request) problem { return x.labelChange() }

func labelImport(x *request) problem {
	if image, _ := x.Query("fromImage"); image != "" {
		return problem{}
	}
	return x.labelChange()
}

// checkBuild labels the image that a build makes, over what its Dockerfile says.
func checkBuild(x *request) problem {
	if x.apart {
		return forbidden("what images a build begins with cannot be seen, and images are kept apart")
	}
	if mode, _ := x.Query("networkmode"); (mode == "" || mode == "default") && !x.mayUseDefaultNetwork() {
		return forbidden("networkmode: the default network is not for tenants")
	}
	text, _ := x.Query("labels")
	if text == "" || text == "null" {
		text = "{}"
	}
	labels, err := dockerjson.Parse([]byte(text))
	if err != nil {
		return problem{400, "labels: " + err.Error()}
	}
	labels.Root().Set(x.label, dockerjson.Quote(x.owner))
	text = string(labels.Bytes())
	if err := labels.Err(); err != nil {
		return problem{400, "labels: " + err.Error()}
	}
	x.SetQuery("labels", text)
	// Others write images that t does not name.
	if outputs, _ := x.Query("outputs"); outputs != "" {
		doc, err := dockerjson.Parse([]byte(outputs))
		if err != nil {
			return problem{400, "outputs: " + err.Error()}
		}
		for _, output := range doc.Root().Elements() {
			if kind := output.Get("Type").Text(); kind != "local" && kind != "tar" && kind != "oci" {
				return forbidden("outputs of type " + strconv.Quote(kind) + " are not for tenants")
			}
		}
		if err := doc.Err(); err != nil {
			return problem{400, "outputs: " + err.Error()}
		}
	}
	return problem{}
}
