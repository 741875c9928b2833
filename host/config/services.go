package config

// kindKeys are where a plugin says of which kind it is, and what only a filter can say.
type kindKeys struct {
	kind *value
	http []written
}

// written is a key and its value.
type written struct {
	key   string
	value *value
}

// httpKeys are those that say something about requests, or about being asked by
// them.
var httpKeys = []string{"on_failure", "match", "stages", "instances", "isolation"}

// kindKey adds the key kind, and notes the keys that do not go with a service.
func (l *loader) kindKey(f *Filter, known fields) {
	for _, key := range httpKeys {
		read := known[key]
		known[key] = func(v *value) {
			f.kind.http = append(f.kind.http, written{key, v})
			read(v)
		}
	}
	known["kind"] = func(v *value) {
		f.Kind = l.word(v, "kind", KindFilter, KindService)
		f.kind.kind = v
	}
}

// isService tells whether the plugin is a service, and refuses what it cannot have.
// half is the part of the stream that the name of a dropped module's file limits it
// to, or "".
func (l *loader) isService(f *Filter, half string) bool {
	if f.Kind != KindService {
		return false
	}
	for _, w := range f.kind.http {
		l.fail(w.value.pos, w.key+" is for filters: a service sees no request, and runs once", "remove it, or write kind: filter")
	}
	if half != "" {
		l.failf(f.kind.kind, "the name of the module's file limits it to the %s, and a service sees none", half)
	}
	return true
}
