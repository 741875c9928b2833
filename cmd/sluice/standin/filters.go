package standin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// filters is the filters parameter. A filter with several values asks for any of them, but for labels, which are all
// asked for.
type filters map[string][]string

// parseFilters reads both forms that clients send, {"label":{"a=b":true}} and {"label":["a=b"]}. A filter that is not
// among those known is refused rather than ignored.
func parseFilters(r *http.Request, known ...string) (filters, error) {
	raw := r.URL.Query().Get("filters")
	if raw == "" {
		return nil, nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(raw), &fields); err != nil {
		return nil, failure(http.StatusBadRequest, "invalid filter: %v", err)
	}
	f := filters{}
	for key, value := range fields {
		if !slices.Contains(known, key) {
			return nil, failure(http.StatusBadRequest, "invalid filter '%s': the %s knows %s", key, Name, strings.Join(known, ", "))
		}
		var list []string
		if err := json.Unmarshal(value, &list); err != nil {
			set := map[string]bool{}
			if err := json.Unmarshal(value, &set); err != nil {
				return nil, failure(http.StatusBadRequest, "invalid filter '%s': %v", key, err)
			}
			for v := range set {
				list = append(list, v)
			}
		}
		f[key] = list
	}
	return f, nil
}

// any reports whether a filter is not set or one of its values fulfils match.
func (f filters) any(key string, match func(value string) bool) bool {
	return len(f[key]) == 0 || slices.ContainsFunc(f[key], match)
}

func (f filters) containerMatches(c *container) bool {
	return f.any("id", func(v string) bool { return strings.HasPrefix(c.id, v) }) &&
		f.any("name", func(v string) bool { return strings.Contains("/"+c.name, v) }) &&
		f.any("status", func(v string) bool { return c.state() == v }) &&
		f.any("ancestor", func(v string) bool { return fullName(v) == fullName(c.image) }) &&
		f.labelsMatch(c.labels)
}

func (f filters) labelsMatch(labels map[string]string) bool {
	for _, want := range f["label"] {
		key, value, hasValue := strings.Cut(want, "=")
		got, ok := labels[key]
		if !ok || hasValue && got != value {
			return false
		}
	}
	return true
}
