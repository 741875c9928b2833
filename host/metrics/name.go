package metrics

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxName is how long a name that a filter defines may be, with its labels.
	maxName = 512
	// maxLabels is how many labels it may have.
	maxLabels = 16
)

// label is a label of a series.
type label struct{ name, value string }

// parseName takes a name as a filter gives it apart: into the name of a family, and
// labels in the order of their names. Labels come out of the name by the tags'
// patterns, and from behind it, as Prometheus writes them.
func parseName(text string, tags []Tag) (name string, labels []label) {
	text = strings.ToValidUTF8(text, "_")
	if head, inner, ok := cutLabels(text); ok {
		if written, ok := parseLabels(inner); ok {
			text, labels = head, written
		}
	}
	for i := range tags {
		var value string
		if text, value = tags[i].take(text); value != "" && len(labels) < maxLabels {
			labels = setLabel(labels, tags[i].Name, value)
		}
	}
	slices.SortFunc(labels, func(a, b label) int { return cmp.Compare(a.name, b.name) })
	return familyName(text), labels
}

// take removes the tag from a name, where it is in it.
func (t *Tag) take(text string) (rest, value string) {
	at := t.Pattern.FindStringSubmatchIndex(text)
	if len(at) < 4 || at[2] < 0 {
		return text, ""
	}
	value = text[at[2]:at[3]]
	if len(at) >= 6 {
		if at[4] < 0 {
			return text, ""
		}
		value = text[at[4]:at[5]]
	}
	return text[:at[2]] + text[at[3]:], value
}

// cutLabels splits name{labels}.
func cutLabels(text string) (name, labels string, ok bool) {
	name, labels, ok = strings.Cut(text, "{")
	if !ok || !strings.HasSuffix(labels, "}") {
		return "", "", false
	}
	return name, labels[:len(labels)-1], true
}

// parseLabels reads key="value" pairs, separated by commas. A value is written like
// a string of Go.
func parseLabels(text string) (labels []label, ok bool) {
	for text = strings.TrimSpace(text); text != ""; {
		key, rest, found := strings.Cut(text, "=")
		quoted, err := strconv.QuotedPrefix(rest)
		if !found || err != nil || quoted[0] != '"' || len(labels) >= maxLabels {
			return nil, false
		}
		value, err := strconv.Unquote(quoted)
		if key = strings.TrimSpace(key); err != nil || key == "" {
			return nil, false
		}
		labels = setLabel(labels, key, strings.ToValidUTF8(value, "_"))
		text = strings.TrimSpace(rest[len(quoted):])
		if text, found = strings.CutPrefix(text, ","); !found && text != "" {
			return nil, false
		}
		text = strings.TrimSpace(text)
	}
	return labels, true
}

// setLabel adds a label, or changes it. Prometheus has two labels of one name no
// more than two values of one label.
func setLabel(labels []label, name, value string) []label {
	name = labelName(name)
	for i := range labels {
		if labels[i].name == name {
			labels[i].value = value
			return labels
		}
	}
	return append(labels, label{name, value})
}

// familyName makes a name that Prometheus takes: letters, digits, _ and :, no digit
// first.
func familyName(text string) string {
	return legal(text, func(c byte) bool { return c == ':' })
}

// tenantName is a name of a tenant's series: with the tenant's before it. All series
// of one name are of one type, and whoever comes first says of which; with names of
// his own no tenant can take one from another.
func tenantName(tenant, name string) string {
	return familyName(strings.ReplaceAll(tenant, ":", "_")) + ":" + strings.ReplaceAll(name, ":", "_")
}

// labelName makes a label's name: letters, digits and _, no digit first. One that
// the gateway itself gives, or that has a meaning to Prometheus, becomes another.
func labelName(text string) string {
	name := legal(text, func(byte) bool { return false })
	switch {
	case name == "filter", name == "tenant", name == "le", name == "quantile", strings.HasPrefix(name, "__"):
		return "exported_" + strings.TrimLeft(name, "_")
	}
	return name
}

func legal(text string, also func(byte) bool) string {
	name := []byte(text)
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && !(c >= '0' && c <= '9') && !also(c) {
			name[i] = '_'
		}
	}
	if len(name) == 0 || name[0] >= '0' && name[0] <= '9' {
		return "_" + string(name)
	}
	return string(name)
}

// seriesKey tells one series of a filter from another.
func seriesKey(name string, labels []label) string {
	var key strings.Builder
	key.WriteString(name)
	for _, l := range labels {
		key.WriteString("\xff" + l.name + "\xff" + l.value) // \xff is in no valid text
	}
	return key.String()
}
