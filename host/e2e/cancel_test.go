//go:build linux

package e2e_test

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// Who is killed in the middle of a stream leaves nothing behind: the gateway gives up what it has asked the engine for. The times are in the
// test's log, and with the build tag long, which is for machines that do nothing else, they have to be within a second.
//
// One case is slower, here and with the engine itself: a client without standard input has ended its sending direction already, and over TCP
// its death looks no different until somebody writes, which TCP does of itself after a minute.
func TestAKilledClientIsCancelledUpstream(t *testing.T) {
	for _, c := range clis(t) {
		for _, overTLS := range []bool{false, true} {
			t.Run(fmt.Sprintf("cli%s tls=%t", c.version, overTLS), func(t *testing.T) {
				t.Parallel()
				p := startTap(t, engine(t))
				_, ways := startWithDoors(t, p.address, "")
				way := ways[0]
				if overTLS {
					way = ways[1]
				}
				d := newDocker(t, c, way.address)
				name := d.sleeper()
				d.prepare("run", "-d", "--name", name+"-talks", "--network", "none", image, "sh", "-c", "while true; do echo tick; usleep 100000; done")
				for _, story := range []struct {
					args    []string
					request string // a part of the line of its long request
					event   string // what the engine tells once it is under way
					ended   bool   // the client's sending direction has ended
				}{
					{args: []string{"events", "--filter", "container=" + name}, request: "/events"},
					{args: []string{"logs", "-f", name}, request: "/logs"},
					{args: []string{"logs", "-f", name + "-talks"}, request: "/logs"},
					{args: []string{"stats", name}, request: "/stats"},
					{args: []string{"wait", name}, request: "/wait"},
					{args: []string{"exec", "-i", name, "cat"}, request: "/start", event: "exec_start: cat"},
					{args: []string{"attach", "--no-stdin", name}, request: "/attach", event: "attach", ended: true},
					{args: []string{"exec", name, "sleep", "600"}, request: "/start", event: "exec_start: sleep", ended: true},
				} {
					if story.ended && overTLS && !isLong {
						continue
					}
					process := d.begin(story.args...)
					p.await(t, story.request, 1)
					if story.event != "" {
						awaitEvent(d, story.event)
					}
					if err := process.command.Process.Kill(); err != nil {
						t.Fatal(err)
					}
					<-process.done
					took := p.await(t, story.request, 0)
					t.Logf("%v: cancelled upstream after %v", story.args, took.Round(time.Millisecond))
					if isLong && took > time.Second && (!story.ended || !overTLS) {
						t.Errorf("%v: cancelled upstream after %v", story.args, took)
					}
				}
			})
		}
	}
}

// Each event comes through the gateway before the next thing happens, not once enough of them have gathered. The delays behind the
// engine's own socket are in the test's log; with the build tag long the median has to be within 50 ms.
func TestEventsArriveAsTheyHappen(t *testing.T) {
	upstream := engine(t)
	d := newDocker(t, clis(t)[0], upstream)
	d.prepare("create", "--name", d.name, "--network", "none", image, "true")
	unix, tls := sharedGateways(t)
	type arrival struct {
		name string
		at   time.Time
	}
	listen := func(address string) chan arrival {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://docker/v1.41/events?filters=%%7B%%22event%%22%%3A%%7B%%22rename%%22%%3Atrue%%7D%%2C%%22container%%22%%3A%%7B%%22%s%%22%%3Atrue%%7D%%7D", d.prepare("inspect", "--format", "{{.Id}}", d.name)), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client(address).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK {
			t.Fatalf("events at %s: %s", address, response.Status)
		}
		arrivals := make(chan arrival, 100)
		go func() {
			defer func() { _ = response.Body.Close() }()
			lines := bufio.NewScanner(response.Body)
			for lines.Scan() {
				arrivals <- arrival{lines.Text(), time.Now()}
			}
		}()
		return arrivals
	}
	sides := []struct {
		name     string
		arrivals chan arrival
		delays   []time.Duration
	}{{name: "socket", arrivals: listen(upstream)}, {name: "unix", arrivals: listen(unix.address)}, {name: "tls", arrivals: listen(tls.address)}}
	const events = 20
	for i := range events {
		d.prepare("rename", d.name+map[bool]string{true: "", false: fmt.Sprint("-", i-1)}[i == 0], fmt.Sprint(d.name, "-", i))
		var first time.Time
		for s := range sides {
			select {
			case a := <-sides[s].arrivals:
				d.wantIn(a.name, fmt.Sprint(d.name, "-", i))
				if s == 0 {
					first = a.at
				}
				sides[s].delays = append(sides[s].delays, a.at.Sub(first))
			case <-time.After(patience):
				t.Fatalf("%s: event %d has not come", sides[s].name, i)
			}
		}
	}
	for _, s := range sides[1:] {
		slices.Sort(s.delays)
		median, worst := s.delays[events/2], s.delays[events-1]
		t.Logf("%s: events came %v behind the socket's in the median, %v at worst", s.name, median, worst)
		if isLong && median > 50*time.Millisecond {
			t.Errorf("%s: events came %v behind the socket's in the median", s.name, median)
		}
	}
}
