package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// image is a name that was asked for. There is nothing behind it.
type image struct {
	name string // with its tag or digest
	seen time.Time
}

// fullName brings the spellings of a name into one: without the default registry, with the default tag.
func fullName(ref string) string {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
	if strings.Contains(ref, "@") || strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], ":") {
		return ref
	}
	return ref + ":latest"
}

// imageID makes an ID of a name, so that the same name always has the same.
func imageID(ref string) string {
	sum := sha256.Sum256([]byte(Name + " " + fullName(ref)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (e *Engine) addImage(ref string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := fullName(ref)
	if !slices.ContainsFunc(e.images, func(i image) bool { return i.name == name }) {
		e.images = append(e.images, image{name, time.Now().UTC()})
	}
}

// findImage looks an image up by name, ID, or the beginning of an ID. The lock must be held.
func (e *Engine) findImage(ref string) (int, error) {
	i := slices.IndexFunc(e.images, func(i image) bool {
		id := imageID(i.name)
		return i.name == fullName(ref) || id == ref || len(ref) >= 4 && strings.HasPrefix(id, "sha256:"+ref)
	})
	if i < 0 {
		return 0, failure(http.StatusNotFound, "No such image: %s", ref)
	}
	return i, nil
}

func (e *Engine) listImages(w http.ResponseWriter, r *http.Request, _ *dockerapi.Call) error {
	f, err := parseFilters(r, "reference")
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	list := []any{}
	for _, i := range slices.Backward(e.images) {
		if refs := f["reference"]; len(refs) > 0 && !slices.ContainsFunc(refs, func(ref string) bool { return fullName(ref) == i.name }) {
			continue
		}
		list = append(list, map[string]any{
			"Id": imageID(i.name), "ParentId": "", "RepoTags": []string{i.name}, "RepoDigests": []string{}, "Created": i.seen.Unix(),
			"Size": 0, "VirtualSize": 0, "SharedSize": -1, "Containers": -1, "Labels": map[string]string{},
		})
	}
	return writeJSON(w, http.StatusOK, list)
}

func (e *Engine) inspectImage(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, err := e.findImage(call.ResourceID)
	if err != nil {
		return err
	}
	i := e.images[at]
	return writeJSON(w, http.StatusOK, map[string]any{
		"Id": imageID(i.name), "RepoTags": []string{i.name}, "RepoDigests": []string{}, "Parent": "", "Comment": Name + ": only a name",
		"Created": stamp(i.seen), "Author": "", "Config": map[string]any{}, "Architecture": runtime.GOARCH, "Os": "linux", "Size": 0, "VirtualSize": 0,
		"GraphDriver": map[string]any{"Name": "none", "Data": map[string]string{}}, "RootFS": map[string]any{"Type": "layers", "Layers": []string{}},
	})
}

func (e *Engine) pullImage(w http.ResponseWriter, r *http.Request, _ *dockerapi.Call) error {
	q := r.URL.Query()
	ref := q.Get("fromImage")
	if ref == "" {
		return failure(http.StatusNotImplemented, "%s: importing an image is not supported; put Sluice in front of a Docker Engine for it", Name)
	}
	if tag := q.Get("tag"); strings.Contains(tag, ":") {
		ref += "@" + tag
	} else if tag != "" {
		ref += ":" + tag
	}
	e.addImage(ref)
	e.events.add("image", "pull", fullName(ref), map[string]string{"name": fullName(ref)})
	w.Header().Set("Content-Type", "application/json")
	line, err := json.Marshal(map[string]string{"status": Name + ": nothing was downloaded; " + fullName(ref) + " is only a name here"})
	if err != nil {
		return err
	}
	_, _ = w.Write(append(line, '\r', '\n'))
	return nil
}

func (e *Engine) deleteImage(w http.ResponseWriter, _ *http.Request, call *dockerapi.Call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, err := e.findImage(call.ResourceID)
	if err != nil {
		return err
	}
	name := e.images[at].name
	e.images = slices.Delete(e.images, at, at+1)
	e.events.add("image", "untag", imageID(name), map[string]string{"name": imageID(name)})
	return writeJSON(w, http.StatusOK, []map[string]string{{"Untagged": name}, {"Deleted": imageID(name)}})
}
