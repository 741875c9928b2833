package config

import (
	"fmt"
	"slices"
	"strings"
)

// suggest returns a hint that names the candidate that somebody who wrote name
// most likely meant, or lists the candidates when there are few, or "".
func suggest(name string, candidates []string) string {
	slices.Sort(candidates)
	best, bestDistance := "", len(name)
	for _, candidate := range candidates {
		if d := distance(plain(name), plain(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best != "" && bestDistance <= max(1, len(plain(name))/3) {
		return fmt.Sprintf("did you mean %q?", best)
	}
	for _, candidate := range candidates {
		p := plain(candidate)
		if n := plain(name); len(n) >= 3 && (strings.HasPrefix(p, n) || strings.HasPrefix(n, p)) {
			return fmt.Sprintf("did you mean %q?", candidate)
		}
	}
	if len(candidates) > 0 && len(candidates) <= 12 {
		return "known here: " + strings.Join(candidates, ", ")
	}
	return ""
}

// plain drops what people vary in spelling: case, underscores and hyphens.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
