package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A series is what one target did in all rounds.
type series struct {
	peer      *peer
	many, one []sample
}

// start brings up what is installed of these recipes before upstream, with upstream itself first.
func (b *bench) start(ctx context.Context, upstream *peer, wanted func(name string) bool) ([]*series, error) {
	direct := *upstream
	direct.name, direct.process = directName, nil // the backend's own time is nobody's here
	all := []*series{{peer: &direct}}
	for _, r := range b.recipes() {
		if !wanted(r.name) {
			continue
		}
		p, err := r.start(ctx, r.name, upstream.socket)
		if errors.Is(err, errMissing) {
			fmt.Printf("%s is not installed and left out\n", r.name)
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, &series{peer: p})
	}
	return all, nil
}

// rounds drives all targets in turn; every other round goes backwards, so that nobody always follows the same neighbour.
func (b *bench) drive(ctx context.Context, all []*series, rounds int, one bool, target string, connections int, wantBody int64) error {
	for round := range rounds + 1 {
		slice := b.slice
		if round == 0 {
			slice /= 5 // pools fill, pages are touched; not counted
		}
		order := slices.Clone(all)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			many, err := drive(ctx, s.peer, target, connections, slice, wantBody)
			if err != nil {
				return err
			}
			var single sample
			if one {
				if single, err = drive(ctx, s.peer, target, 1, slice/2, wantBody); err != nil {
					return err
				}
			}
			if round > 0 {
				s.many, s.one = append(s.many, many), append(s.one, single)
			}
		}
	}
	return nil
}

// small measures the request path.
func (b *bench) small(ctx context.Context, backend *peer) error {
	all, err := b.start(ctx, backend, func(string) bool { return true })
	if err != nil {
		return err
	}
	if err := b.drive(ctx, all, b.rounds, true, "/v1.41/containers/json", b.connections, smallBody); err != nil {
		return err
	}
	fmt.Printf("\n## 2.3 KB of chunked JSON, unix to unix\n\n")
	rows := [][]string{{
		"", fmt.Sprintf("%d connections: req/s", b.connections), "of direct", "of haproxy", "of nginx", "of ReverseProxy", "p50", "p99", "CPU a request",
		"1 connection: added p50", "resident",
	}}
	for _, s := range all {
		row := []string{s.peer.name, fmt.Sprintf("%.0f", median(s.many, sample.perSecond))}
		for _, name := range []string{directName, haproxyName, nginxName, reverseName} {
			row = append(row, ratio(s, all, name))
		}
		row = append(row, micros(median(s.many, func(m sample) float64 { return float64(m.p50) })), micros(median(s.many, func(m sample) float64 { return float64(m.p99) })))
		if s.peer.process == nil {
			row = append(row, "–", micros(median(s.one, func(m sample) float64 { return float64(m.p50) }))+" in all", "–")
		} else {
			_, resident := s.peer.cpu()
			row = append(row,
				micros(median(s.many, func(m sample) float64 { return float64(m.cpu) / float64(m.requests) })),
				micros(medianOf(s.one, all[0].one, func(m, direct sample) float64 { return float64(m.p50 - direct.p50) })),
				fmt.Sprintf("%d MiB", resident>>20))
		}
		rows = append(rows, row)
	}
	fmt.Print(table(rows))
	return nil
}

// large measures how bodies pass, by eight connections.
func (b *bench) large(ctx context.Context, backend *peer) error {
	// The proxies of the first part still run; only these take part.
	var all []*series
	direct := *backend
	direct.name, direct.process = directName, nil
	all = append(all, &series{peer: &direct})
	for _, p := range b.started {
		if p.name == haproxyName || p.name == nginxName || p.name == reverseName || p.name == "Sluice, no filter" || p.name == "Sluice, quickstart's five (TinyGo)" {
			all = append(all, &series{peer: p})
		}
	}
	before := make([]int64, len(all))
	for i, s := range all {
		_, before[i] = s.peer.cpu()
	}
	if err := b.drive(ctx, all, min(b.rounds, 3), false, "/large", 8, largeBody); err != nil {
		return err
	}
	fmt.Printf("\n## Bodies of 16 MiB, 8 connections\n\n")
	rows := [][]string{{"", "GB/s", "of direct", "of haproxy", "of nginx", "of ReverseProxy", "resident before → after"}}
	for i, s := range all {
		row := []string{s.peer.name, fmt.Sprintf("%.2f", median(s.many, func(m sample) float64 { return float64(m.bytes) / m.elapsed.Seconds() / 1e9 }))}
		for _, name := range []string{directName, haproxyName, nginxName, reverseName} {
			row = append(row, ratio(s, all, name))
		}
		if s.peer.process == nil {
			row = append(row, "–")
		} else {
			_, after := s.peer.cpu()
			row = append(row, fmt.Sprintf("%d → %d MiB", before[i]>>20, after>>20))
		}
		rows = append(rows, row)
	}
	fmt.Print(table(rows))
	return nil
}

// dockerd measures before a real engine, where one answers.
func (b *bench) dockerd(ctx context.Context) error {
	engine := &peer{name: directName, socket: unixPath(b.engine)}
	if _, err := drive(ctx, engine, "/v1.41/containers/json", 1, 100*time.Millisecond, -1); err != nil {
		fmt.Printf("\nNo Docker Engine at %s: its part is left out (%v)\n", b.engine, err)
		return ctx.Err()
	}
	all, err := b.start(ctx, engine, func(name string) bool { return name != "Sluice, 1 filter" && name != "Sluice, 10 filters" })
	if err != nil {
		return err
	}
	if err := b.drive(ctx, all, b.rounds, false, "/v1.41/containers/json?all=1", b.connections, -1); err != nil {
		return err
	}
	fmt.Printf("\n## A real Docker Engine, GET /containers/json?all=1, %d connections\n\n", b.connections)
	rows := [][]string{{"", "req/s", "of direct", "of haproxy", "of nginx", "of ReverseProxy", "p50", "p99", "CPU a request"}}
	for _, s := range all {
		row := []string{s.peer.name, fmt.Sprintf("%.0f", median(s.many, sample.perSecond))}
		for _, name := range []string{directName, haproxyName, nginxName, reverseName} {
			row = append(row, ratio(s, all, name))
		}
		row = append(row, micros(median(s.many, func(m sample) float64 { return float64(m.p50) })), micros(median(s.many, func(m sample) float64 { return float64(m.p99) })))
		if s.peer.process == nil {
			row = append(row, "–")
		} else {
			row = append(row, micros(median(s.many, func(m sample) float64 { return float64(m.cpu) / float64(m.requests) })))
		}
		rows = append(rows, row)
	}
	fmt.Print(table(rows))
	return nil
}

// ratio is the median, over the rounds, of s's throughput to that of the target with this name.
func ratio(s *series, all []*series, name string) string {
	i := slices.IndexFunc(all, func(other *series) bool { return other.peer.name == name })
	if i < 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", medianOf(s.many, all[i].many, func(m, other sample) float64 { return m.perSecond() / other.perSecond() }))
}

func median(samples []sample, value func(sample) float64) float64 {
	return medianOf(samples, samples, func(m, _ sample) float64 { return value(m) })
}

// medianOf pairs what two targets did in the same round.
func medianOf(samples, others []sample, value func(m, other sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, m := range samples {
		values[i] = value(m, others[i])
	}
	slices.Sort(values)
	if len(values)%2 == 1 {
		return values[len(values)/2]
	}
	return (values[len(values)/2-1] + values[len(values)/2]) / 2
}

func micros(nanoseconds float64) string { return fmt.Sprintf("%.1f µs", nanoseconds/1000) }

// table is a table of Markdown whose first row is its head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---|%s\n", strings.Repeat("---:|", len(row)-1))
		}
	}
	return b.String()
}
