package metrics

import (
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// family is the series of one name. All are of one type, whichever filters they
// belong to: Prometheus has it so.
type family struct {
	name   string
	kind   abi.MetricType
	series int
}

// reserved are the beginnings of names that are the gateway's.
var reserved = []string{"sluice_", "go_", "process_", "promhttp_"}

// names are those that the family takes up.
func (f *family) names() []string {
	if f.kind != abi.MetricTypeHistogram {
		return []string{f.name}
	}
	return []string{f.name, f.name + "_bucket", f.name + "_sum", f.name + "_count"}
}

// join adds a series to the family of a name, which is made where there is none.
// Nil means that the name is the gateway's, or is taken up by a family of another
// type. The caller holds the registry's lock.
func (r *Registry) join(name string, kind abi.MetricType) *family {
	if f := r.families[name]; f != nil && f.name == name && f.kind == kind {
		f.series++
		return f
	}
	for _, prefix := range reserved {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	f := &family{name: name, kind: kind, series: 1}
	for _, name := range f.names() {
		if r.families[name] != nil {
			return nil
		}
	}
	for _, name := range f.names() {
		r.families[name] = f
	}
	return f
}

// leave takes a series out of its family. The caller holds the registry's lock.
func (r *Registry) leave(f *family) {
	if f.series--; f.series > 0 {
		return
	}
	for _, name := range f.names() {
		delete(r.families, name)
	}
}
