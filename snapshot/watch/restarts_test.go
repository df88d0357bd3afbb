package watch_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
)

func TestRestartsAreCountedAsTheyHappen(t *testing.T) {
	k := setup(t)
	w := watch.New(watch.Config{Engine: snapshottest.Narrow{Engine: k.Engine(), Token: k.Name("")}, Store: k.DB, Deploys: k.DB, Taker: k.Taker})
	begun := time.Now()
	k.StartWatch(w)
	k.Until("events are seen", func() bool { return w.Restarts("", time.Time{}).Since.After(begun) })
	examiner := snapshot.Examiner{Engine: k.Engine(), Watch: w}

	loop := k.Run(k.Name("loop"), "--restart", "always", k.Image("loop", `CMD ["/app", "fail", "3", "level=error no connection"]`))
	eats := k.Run(k.Name("eats"), "--restart", "always", "--memory", "24m", "--memory-swap", "24m", k.Image("eats", `CMD ["/app", "eat"]`))
	calm := k.Run(k.Name("calm"), k.Server("calm"))
	look := func(id string) snapshot.Condition {
		return snapshottest.Must(examiner.Condition(t.Context(), snapshot.Container{ID: id}, true))
	}
	k.Until("two crash again and again", func() bool { return look(loop).Restarts.Times > 2 && look(eats).Restarts.Times > 1 })

	c := look(loop)
	if last := c.Restarts.Last; last.ExitCode != 3 || last.OutOfMemory || last.At.Before(begun.Add(-time.Second)) {
		t.Errorf("the last end was %+v", last)
	}
	if len(c.Lines) == 0 || c.Lines[0].Text != "level=error no connection" || c.Ordinary {
		t.Errorf("its errors are %+v", c.Lines)
	}
	if last := look(eats).Restarts.Last; last.ExitCode != 137 || !last.OutOfMemory {
		t.Errorf("the last end of what ran out of memory was %+v", last)
	}
	if c := look(calm); c.Restarts.Times != 0 || !c.EndedAt.IsZero() {
		t.Errorf("what runs by itself: %+v", c)
	}
	k.Docker("restart", "--time", "0", k.Name("calm"))
	k.Until("a restart by hand is one", func() bool { return look(calm).Restarts.Times == 1 })
	if c := look(calm); c.State != "running" || c.EndedAt.IsZero() {
		t.Errorf("the engine forgets how it ended before, the watch does not: %+v", c)
	}
}
