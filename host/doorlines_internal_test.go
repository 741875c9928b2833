package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/logs"
)

// lines is how many of so many lines about the party there are, and how many the log says were left out.
func lines(d *doorLines, p party, now time.Time, n int) (shown, left int) {
	for range n {
		ok, more := d.may(p, now, 200)
		if ok {
			shown++
		}
		left += more
	}
	return shown, left
}

func TestLinesAboutWhatCameToNoFilterAreBoundedByParty(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var d doorLines
	one, other, tenant := party{uid: 1}, party{uid: 2}, party{tenant: "t"}
	most := logs.Burst * partyLimit.Lines
	if shown, left := lines(&d, one, now, 10_000); shown != most || left != 1 {
		t.Errorf("%d lines about one at once, want %d; %d were said to be left out, want the first alone", shown, most, left)
	}
	if shown, _ := lines(&d, other, now, 10_000); shown != most {
		t.Errorf("%d lines about another one beside it, want %d", shown, most)
	}
	now = now.Add(time.Second)
	if shown, left := lines(&d, one, now, 1000); shown != partyLimit.Lines || left != 0 {
		t.Errorf("%d lines a second later, want %d, and %d that it said were left out", shown, partyLimit.Lines, left)
	}
	now = now.Add(logs.RareEvery)
	if _, left := lines(&d, one, now, most+1); left != 10_000-most-1+1000-partyLimit.Lines+1 {
		t.Errorf("%d were said to be left out a minute later, want all that were", left)
	}
	// Strangers as many as there are addresses: together they have so much, and tenants lose nothing by it.
	shown := 0
	for i := range 3 * maxDoorParties {
		n, _ := lines(&d, party{host: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}, now, 10)
		shown += n
	}
	if want := logs.Burst*strangersLimit.Lines - most; shown > want || shown < want*9/10 {
		t.Errorf("%d lines about many at once, want %d, or little less", shown, want)
	}
	if shown, _ := lines(&d, tenant, now, 10_000); shown != most {
		t.Errorf("%d lines about a tenant's beside them, want %d", shown, most)
	}
	if len(d.of) > maxDoorParties {
		t.Errorf("%d parties are kept in mind", len(d.of))
	}
	now = now.Add(time.Minute)
	lines(&d, party{uid: 3}, now, 1)
	if len(d.of) != 1 {
		t.Errorf("%d parties are kept in mind, when nothing came for a minute", len(d.of))
	}
}
