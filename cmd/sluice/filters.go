package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sluice-gateway/sluice/host/admin"
)

// printFilters writes what a running gateway says of its filters: a line for each,
// and below it what it was refused.
func printFilters(w io.Writer, f *admin.Filters) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "generation %d, %s so far\n", f.Generation, count(int(max(f.Generation, 1)-1), "swap"))
	fmt.Fprintln(table, "FILTER\tTENANT\tMODULE\tSTATE\tINSTANCES\tMEMORY\tFUEL\tMOST\tTRAPS\tSTAGES")
	for i := range f.Filters {
		filter := &f.Filters[i]
		digest := "-"
		if filter.Digest != "" {
			digest = fmt.Sprintf("sha256:%.12s", filter.Digest)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\n",
			filter.Name, orDash(filter.Tenant), digest, state(filter), filter.Instances, size(int(filter.Memory)),
			fuel(filter.Fuel), fuel(filter.FuelMost), filter.Traps, stagesOf(filter))
		if filter.Problem != "" {
			fmt.Fprintf(table, "problem\t%s\t%s\n", filter.Name, printable(filter.Problem))
		}
		if filter.Granted != "" {
			fmt.Fprintf(table, "grant\t%s\t%s\n", filter.Name, filter.Granted)
		}
		for _, r := range filter.NotGranted {
			names := ""
			if len(r.Names) > 0 {
				names = " (" + strings.Join(shown(r.Names), ", ") + ")"
			}
			fmt.Fprintf(table, "lacks\t%s\t%d times %s%s; to grant, write %s\n", filter.Name, r.Count, r.Capability, names, printable(r.ToGrant))
		}
		for _, what := range slices.Sorted(maps.Keys(filter.Refused)) {
			fmt.Fprintf(table, "refused\t%s\t%s\n", filter.Name, strconv.FormatUint(filter.Refused[what], 10)+" times "+what)
		}
	}
	return table.Flush()
}

// state is what a filter is doing.
func state(f *admin.Filter) string {
	switch {
	case f.Quarantined:
		return "quarantined"
	case f.Instances == 0:
		return "no instance"
	}
	return "serving"
}

// fuel writes seconds of fuel as limits are written.
func fuel(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond).String()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func stagesOf(f *admin.Filter) string {
	switch {
	case f.Kind == "service":
		return "service"
	case len(f.Stages) == 0:
		return "no stage"
	}
	return strings.Join(f.Stages, ",")
}
