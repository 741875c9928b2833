package chain

import "strings"

// PropertyNames are the names of a stream's own properties, with points.
func PropertyNames() (names []string) {
	for path := range attributes {
		names = append(names, strings.ReplaceAll(path, "\x00", "."))
	}
	return names
}
