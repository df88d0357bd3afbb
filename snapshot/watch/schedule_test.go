package watch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
)

func TestLastDueIsTheLatestOfAllMissedTicks(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time { return snapshottest.Must(time.Parse("2006-01-02 15:04:05", s)) }
	tests := []struct{ name, spec, since, now, tick, next string }{
		{"not yet", "0 3 * * *", "2026-03-05 03:00:00", "2026-03-06 02:59:59", "", "2026-03-06 03:00:00"},
		{"to the second", "0 3 * * *", "2026-03-05 03:00:00", "2026-03-06 03:00:00", "2026-03-06 03:00:00", "2026-03-07 03:00:00"},
		{"a week away", "0 3 * * *", "2026-03-01 03:00:00", "2026-03-08 02:00:00", "2026-03-07 03:00:00", "2026-03-08 03:00:00"},
		{"a zone of its own", "CRON_TZ=Europe/Berlin 0 3 * * *", "2026-03-05 00:00:00", "2026-03-05 02:30:00", "2026-03-05 02:00:00", "2026-03-06 02:00:00"},
		{"every six hours", "@every 6h", "2026-03-05 01:00:00", "2026-03-05 14:00:00", "2026-03-05 13:00:00", "2026-03-05 19:00:00"},
		{"every second after a year away", "@every 1s", "2025-03-05 12:00:00", "2026-03-05 12:00:00", "2026-03-05 12:00:00", "2026-03-05 12:00:01"},
		{"a day that never comes", "0 0 31 2 *", "2026-03-05 12:00:00", "2027-03-05 12:00:00", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tick, next, err := watch.LastDue(test.spec, at(test.since), at(test.now))
			if err != nil {
				t.Fatal(err)
			}
			if got := stamp(tick); got != test.tick {
				t.Errorf("tick %q, want %q", got, test.tick)
			}
			if got := stamp(next); got != test.next {
				t.Errorf("next %q, want %q", got, test.next)
			}
		})
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func TestSnapshotsOfOneTickAreSpreadAndEachContainerKeepsItsMoment(t *testing.T) {
	t.Parallel()
	const most, containers = 30 * time.Second, 300
	var thirds [3]int
	for n := range containers {
		key := fmt.Sprintf("E1/compose/shop/web/%d", n)
		after := watch.TakenFrom(key, noon, noon.Add(24*time.Hour), most).Sub(noon)
		if after < 0 || after >= most {
			t.Fatalf("%s comes %s after the tick, want less than %s", key, after, most)
		}
		thirds[3*after/most]++
		tomorrow := noon.Add(24 * time.Hour)
		if again := watch.TakenFrom(key, tomorrow, tomorrow.Add(24*time.Hour), most).Sub(tomorrow); again != after {
			t.Errorf("%s comes %s after one tick and %s after another", key, after, again)
		}
		if soon := watch.TakenFrom(key, noon, noon.Add(time.Minute), most).Sub(noon); soon < 0 || soon >= 6*time.Second {
			t.Errorf("%s comes %s after the tick of a minute, want less than a tenth of it", key, soon)
		}
	}
	for i, n := range thirds {
		if n < containers/6 {
			t.Errorf("%d of %d containers come in third %d of the time, want them spread over all of it", n, containers, i+1)
		}
	}
}

func TestScheduleIsTakenOncePerTickByTwoBotsAndRefreshesTheBaseline(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Watch()
	k.Watch()
	id, key := k.settled(api, "--label", "snapback.schedule=@every 2s", k.Server("shop"))
	first := k.Of(key, snapshot.Baseline)[0]
	k.Docker("exec", api, "/app", "touch", "/written")
	k.Until("three ticks have been taken", func() bool { return len(k.Of(key, snapshot.Scheduled)) >= 3 })
	// Under load one may come late, and the next soon after it: what tells is how many there were ticks for.
	ticks := int(time.Since(k.Container(api).CreatedAt)/(2*time.Second)) + 1
	if taken := k.scheduledAfter(key, 0); taken > ticks {
		t.Errorf("%d were taken for %d ticks", taken, ticks)
	}
	k.Until("the baseline holds what was written", func() bool {
		list := k.Of(key, snapshot.Baseline)
		return len(list) == 1 && list[0].ID != first.ID && list[0].Committed && list[0].ContainerID == id
	})
}

// newestScheduled is the ID of the newest scheduled snapshot, 0 when there is none.
func (k *kit) newestScheduled(key string) (id int64) {
	for _, s := range k.Of(key, snapshot.Scheduled) {
		id = max(id, s.ID)
	}
	return id
}

// scheduledAfter counts the scheduled snapshots that were taken after the one with that ID, also those that are gone.
func (k *kit) scheduledAfter(key string, id int64) (n int) {
	for last := k.newestScheduled(key); id < last; last-- {
		if s, err := k.DB.SnapshotByID(k.T.Context(), last); err == nil && s.Key == key && s.Reason == snapshot.Scheduled {
			n++
		}
	}
	return n
}

func TestMissedTicksAreTakenOnceAfterDowntime(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	stop := k.Watch()
	_, key := k.settled(api, "--label", "snapback.schedule=@every 2s", k.Server("shop"))
	stop()
	away := time.Now()
	newest := func() int64 { return k.newestScheduled(key) } // those of one state become one, and the newest stays
	before := newest()
	k.Until("several ticks have been missed", func() bool { return time.Since(away) > 6*time.Second })
	back := time.Now()
	stop = k.Watch()
	k.Until("a missed tick is taken", func() bool { return newest() > before })
	stop()
	ticks := int(time.Since(back)/(2*time.Second)) + 1
	if taken := k.scheduledAfter(key, before); taken > ticks {
		t.Errorf("%d were taken, want at most %d: one for all that were missed", taken, ticks)
	}
}

func TestScheduleThatADeployBringsHasMissedNothing(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	_, key := k.settled(api, image)
	known := time.Now()
	k.Until("a tick would have come", func() bool { return time.Since(known) > 3*time.Second })
	k.replace(api, "--label", "snapback.schedule=@every 3s", image)
	began := k.Container(api).CreatedAt
	k.Until("a tick is taken", func() bool { return len(k.Of(key, snapshot.Scheduled)) > 0 })
	if at := k.Of(key, snapshot.Scheduled)[0].CreatedAt; at.Sub(began) < 2*time.Second { // ticks are on whole seconds
		t.Errorf("it was taken %s after the deploy, want at its first tick, after 3s", at.Sub(began))
	}
}

// busyTaker takes no scheduled snapshots until there is a baseline, as if commits of others were always ahead.
type busyTaker struct {
	watch.Taker
	k   *kit
	key string
}

func (b busyTaker) Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (snapshot.Snapshot, error) {
	if ask.Reason == snapshot.Scheduled && len(b.k.Of(b.key, snapshot.Baseline)) == 0 {
		return snapshot.Snapshot{}, snapshot.ErrCommitsBusy
	}
	return b.Taker.Take(ctx, c, ask)
}

func TestScheduleThatIsAlwaysDueLeavesRoomForTheBaseline(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	key := k.Key(api)
	k.Watch(func(c *watch.Config) { c.Taker = busyTaker{c.Taker, k, key} })
	id := k.Run(api, "--label", "snapback.schedule=@every 1s", k.Server("shop"))
	k.AwaitBaseline(key, id)
	k.Until("the schedule goes on", func() bool { return len(k.Of(key, snapshot.Scheduled)) > 0 })
}
