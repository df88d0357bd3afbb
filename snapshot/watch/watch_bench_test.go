package watch_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
)

// It takes a minute, so it runs only when it is asked for.
func TestDeploysAreRecordedWithinTwoSeconds(t *testing.T) {
	if os.Getenv("SNAPBACK_BENCH") == "" {
		t.Skip("set SNAPBACK_BENCH=1 to measure")
	}
	const containers, rounds = 10, 5
	k := setup(t)
	image := k.Server("shop")
	k.Watch()
	name := func(i int) string { return k.Name(fmt.Sprint("api", i)) }
	ids := map[int]string{}
	started := map[string]time.Time{}
	for i := range containers {
		ids[i] = k.Run(name(i), image)
	}
	for round := range rounds {
		for i := range containers {
			k.AwaitBaseline(k.Key(name(i)), ids[i])
			k.Docker("rm", "-f", name(i))
			ids[i] = k.Run(name(i), "-e", fmt.Sprint("ROUND=", round), image)
			started[ids[i]] = k.Container(name(i)).StartedAt
		}
	}
	k.Until("all are seen", func() bool { return len(k.entries(0, incidents.KindDeploy)) == containers*rounds })
	var fromStart, fromBegin []time.Duration
	for _, e := range k.entries(0, incidents.KindDeploy) {
		fromStart = append(fromStart, e.RecordedAt.Sub(started[e.Source.NativeID]))
		fromBegin = append(fromBegin, e.RecordedAt.Sub(e.OccurredAt))
	}
	t.Logf("from the new container's start to the record: %s", spread(fromStart))
	t.Logf("from the old one's end to the record: %s", spread(fromBegin))
	if p99 := fromStart[len(fromStart)*99/100]; p99 > 2*time.Second {
		t.Errorf("p99 is %s, want at most 2 s", p99)
	}
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("n=%d p50=%s p99=%s max=%s", len(d), d[len(d)/2].Round(time.Millisecond), d[len(d)*99/100].Round(time.Millisecond), d[len(d)-1].Round(time.Millisecond))
}
