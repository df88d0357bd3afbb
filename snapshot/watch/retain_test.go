package watch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// kept makes a snapshot that is so many hours old; options say what else is special about it.
func kept(name string, reason snapshot.Reason, hours int, options ...func(*snapshot.Snapshot)) snapshot.Snapshot {
	s := snapshot.Snapshot{Name: name, Reason: reason, CreatedAt: noon.Add(-time.Duration(hours) * time.Hour), ID: int64(1000 + hours)}
	for _, option := range options {
		option(&s)
	}
	return s
}

func pinned(s *snapshot.Snapshot) { s.Pinned = true }

func of(container string) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { s.ContainerID = container }
}

func expires(hours int) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { s.ExpiresAt = noon.Add(time.Duration(hours) * time.Hour) }
}

func missing(hours int) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { s.MissingSince = noon.Add(-time.Duration(hours) * time.Hour) }
}

// holding makes a snapshot of a state, which ran for so many minutes.
func holding(state string, minutes int) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { s.Note, s.RanFor = state, time.Duration(minutes)*time.Minute }
}

// TestEqualStatesCountOnceAndTheGoodOneStays has the states as notes; what runs is "now".
func TestEqualStatesCountOnceAndTheGoodOneStays(t *testing.T) {
	t.Parallel()
	const m, p, b, sch = snapshot.Manual, snapshot.PreDeploy, snapshot.Baseline, snapshot.Scheduled
	recreates := []snapshot.Snapshot{kept("now", b, 0, holding("now", 5))}
	bad := []snapshot.Snapshot{kept("now", b, 0, holding("now", 5))}
	for n := range 12 {
		recreates = append(recreates, kept(fmt.Sprintf("again-%d", n), p, n+1, holding("now", 5)))
		bad = append(bad, kept(fmt.Sprintf("bad-%d", n), p, n+1, holding(fmt.Sprint("bad ", n), 2)))
	}
	recreates = append(recreates, kept("good", p, 20, holding("good", 90)), kept("older", p, 30, holding("older", 900)))
	bad = append(bad, kept("good", p, 20, holding("good", 90)), kept("older", p, 30, holding("older", 900)))
	spiked := func(s *snapshot.Snapshot) { s.Spiked = true }
	unwell := func(s *snapshot.Snapshot) { s.Unwell = "it was unhealthy" }
	tests := []struct {
		name  string
		list  []snapshot.Snapshot
		rules watch.RetentionRules
		want  []string // those that stay
	}{
		{"recreates with nothing changed are one", recreates, watch.RetentionRules{Keep: 3}, []string{"now", "again-0", "good", "older"}},
		{"bad deploys don't push the good state out", bad, watch.RetentionRules{Keep: 3}, []string{"now", "bad-0", "bad-1", "bad-2", "good"}},
		{"nor does its age", bad[12:], watch.RetentionRules{Keep: 9, MaxAge: time.Hour}, []string{"bad-11", "good"}},
		{"a spike or a crash loop makes it none", []snapshot.Snapshot{kept("a", p, 1), kept("b", p, 2, holding("x", 90), spiked), kept("c", m, 3, holding("y", 90), unwell), kept("d", m, 4, holding("z", 90))},
			watch.RetentionRules{Keep: 1}, []string{"a", "d"}},
		{"what runs now is none", []snapshot.Snapshot{kept("a", m, 1), kept("b", m, 2, holding("now", 90)), kept("c", m, 3, holding("z", 90))}, watch.RetentionRules{Keep: 1}, []string{"a", "c"}},
		{"what a restore was made away from is none", []snapshot.Snapshot{kept("a", m, 1), kept("b", m, 2, holding("bad", 90), of("left")), kept("c", m, 3, holding("z", 90))},
			watch.RetentionRules{Keep: 1, Left: []string{"left"}}, []string{"a", "c"}},
		{"equal ones that are apart stay", []snapshot.Snapshot{kept("a", p, 1, holding("x", 1)), kept("b", p, 2, holding("y", 1)), kept("c", p, 3, holding("x", 1))}, watch.RetentionRules{Keep: 9}, []string{"a", "b", "c"}},
		{"other reasons stand between them or not", []snapshot.Snapshot{kept("a", sch, 1, holding("x", 1)), kept("b", p, 2, holding("x", 1)), kept("c", sch, 3, holding("x", 1)), kept("d", m, 4, holding("x", 1))},
			watch.RetentionRules{Keep: 9}, []string{"a", "b", "d"}},
		{"what people pinned, or gave an expiry, stays", []snapshot.Snapshot{kept("a", p, 1, holding("x", 1)), kept("b", p, 2, holding("x", 1), pinned), kept("c", p, 3, holding("x", 1), expires(1))},
			watch.RetentionRules{Keep: 1}, []string{"a", "b", "c"}},
		{"what an open incident refers to stays", []snapshot.Snapshot{kept("a", p, 1, holding("x", 1)), kept("b", p, 2, holding("x", 1))}, watch.RetentionRules{Keep: 1, Referred: map[int64]bool{1002: true}}, []string{"a", "b"}},
		{"how long it ran is known of the one that stays", []snapshot.Snapshot{kept("a", m, 0), kept("b", sch, 1, holding("x", 1)), kept("c", sch, 2, holding("x", 2)), kept("d", sch, 3, holding("x", 90))},
			watch.RetentionRules{Keep: 1}, []string{"a", "b"}},
		{"what is gone goes for its age", []snapshot.Snapshot{kept("a", b, 50, holding("x", 90)), kept("b", p, 60, holding("y", 90)), kept("c", m, 70, pinned)}, watch.RetentionRules{Keep: 9, MaxAge: 48 * time.Hour, Gone: true}, []string{"c"}},
		{"and not before", []snapshot.Snapshot{kept("a", b, 40), kept("b", p, 44)}, watch.RetentionRules{Keep: 9, MaxAge: 48 * time.Hour, Gone: true}, []string{"a", "b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.rules.Now, test.rules.LongRun = noon, time.Hour
			test.rules.Same = func(a, b snapshot.Snapshot) bool { return a.Note == b.Note && a.Note != "" }
			test.rules.Running = func(s snapshot.Snapshot) bool { return s.Note == "now" }
			goes := watch.Surplus(test.list, test.rules)
			var got []string
			for _, s := range test.list {
				if !slices.ContainsFunc(goes, func(one snapshot.Snapshot) bool { return one.Name == s.Name }) {
					got = append(got, s.Name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what stays (-want +got):\n%s", diff)
			}
		})
	}
}

// With the real engine: the same image, deployed again and again, and then bad ones.
func TestGoodStateOutlivesRecreatesAndBadDeploys(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Watch(func(c *watch.Config) { c.TidyEvery = 200 * time.Millisecond })
	deploy := func(image string, n int) {
		_, _ = k.Try("rm", "-f", api)
		id := k.Run(api, "--label", "snapback.keep=2", image)
		k.AwaitBaseline(k.Key(api), id)
		k.AwaitDeploys(k.Key(api), n)
	}
	deploy(k.Server("good"), 0)
	good := k.Container(api).ImageID
	key := k.Key(api)
	k.Until("it is noted that the good state runs well", func() bool {
		list := k.Of(key, snapshot.Baseline)
		return len(list) > 0 && list[0].RanFor > 0 && list[0].LastSeenAt.After(list[0].CreatedAt)
	})
	if err := k.DB.SeeWell(t.Context(), key, k.Container(api).ID, time.Now(), 2*time.Hour); err != nil { // hours later
		t.Fatal(err)
	}
	for n := range 3 {
		deploy(k.Name("good"), n+1)
	}
	k.Until("the recreates are one", func() bool { return len(k.Of(key, snapshot.PreDeploy)) == 1 })
	for n := range 4 {
		deploy(k.Server(fmt.Sprint("bad-", n)), n+4)
	}
	k.Until("there are not too many", func() bool { return len(k.Of(key, snapshot.PreDeploy)) <= 3 })
	list := k.Of(key, snapshot.PreDeploy)
	if !slices.ContainsFunc(list, func(s snapshot.Snapshot) bool { return s.ImageID == good }) {
		t.Errorf("the good state is gone; %d others are left", len(list))
	}
}

func TestSurplusIsWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	const m, p, b, sch = snapshot.Manual, snapshot.PreDeploy, snapshot.Baseline, snapshot.Scheduled
	tests := []struct {
		name  string
		list  []snapshot.Snapshot
		rules watch.RetentionRules
		want  []string
	}{
		{"the oldest beyond the number go", []snapshot.Snapshot{kept("a", m, 1), kept("b", sch, 2), kept("c", m, 3)}, watch.RetentionRules{Keep: 2}, []string{"c"}},
		{"a pinned one stays, and takes nobody's place", []snapshot.Snapshot{kept("a", m, 1, pinned), kept("b", m, 2), kept("c", m, 3), kept("d", m, 4, pinned)}, watch.RetentionRules{Keep: 1}, []string{"c"}},
		{"the newest pre-deploy stays, older ones go", []snapshot.Snapshot{kept("a", m, 1), kept("b", p, 2), kept("c", p, 3)}, watch.RetentionRules{Keep: 1}, []string{"c"}},
		{"the newest baseline stays, older ones always go", []snapshot.Snapshot{kept("a", b, 1), kept("b", b, 2), kept("c", m, 3)}, watch.RetentionRules{Keep: 10}, []string{"b"}},
		{"what an open incident refers to stays", []snapshot.Snapshot{kept("a", m, 1), kept("b", m, 2), kept("c", m, 3)}, watch.RetentionRules{Keep: 1, Referred: map[int64]bool{1003: true}}, []string{"b"}},
		{"also an older baseline and one that has expired", []snapshot.Snapshot{kept("a", b, 1), kept("b", b, 2), kept("c", m, 3, expires(-1))}, watch.RetentionRules{Keep: 1, Referred: map[int64]bool{1002: true, 1003: true}}, nil},
		{"an expiry of its own is all that counts", []snapshot.Snapshot{kept("a", m, 1, expires(-1)), kept("b", m, 2), kept("c", m, 90, expires(1))}, watch.RetentionRules{Keep: 1, MaxAge: time.Hour * 48}, []string{"a"}},
		{"a pinned one does not expire", []snapshot.Snapshot{kept("a", m, 1, expires(-1), pinned)}, watch.RetentionRules{Keep: 1}, nil},
		{"age", []snapshot.Snapshot{kept("a", m, 1), kept("b", m, 49), kept("c", p, 50), kept("d", b, 60), kept("e", m, 70, pinned)}, watch.RetentionRules{Keep: 10, MaxAge: 48 * time.Hour}, []string{"b"}},
		{"no age", []snapshot.Snapshot{kept("a", m, 9999)}, watch.RetentionRules{Keep: 1}, nil},
		{"a missing one takes nobody's place", []snapshot.Snapshot{kept("a", m, 1, missing(1)), kept("b", m, 2)}, watch.RetentionRules{Keep: 1}, nil},
		{"nor that of the newest pre-deploy", []snapshot.Snapshot{kept("a", p, 1, missing(1)), kept("b", m, 2), kept("c", p, 3)}, watch.RetentionRules{Keep: 1}, nil},
		{"and goes when people had a week to see it", []snapshot.Snapshot{kept("a", p, 200, missing(169))}, watch.RetentionRules{Keep: 1}, []string{"a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.rules.Now = noon
			var got []string
			for _, s := range watch.Surplus(test.list, test.rules) {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSurplusIsRemovedWithItsTag(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, "--label", "snapback.keep=2", k.Server("shop"))
	key := k.Key(api)
	for n := range 4 {
		k.TakeNamed(api, fmt.Sprint("m", n))
	}
	k.Watch()
	k.Until("two are left", func() bool { return len(k.Of(key, snapshot.Manual)) == 2 })
	for _, s := range k.Of(key, snapshot.Manual) {
		if s.Name != "m2" && s.Name != "m3" {
			t.Errorf("%s is left", s.Name)
		}
	}
	k.Until("their tags are gone", func() bool {
		tags := k.Tags(api)
		return !slices.Contains(tags, "m0") && !slices.Contains(tags, "m1") && slices.Contains(tags, "m3")
	})
}

func TestTagThatAContainerNeedsGoesAfterIt(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, "--label", "snapback.keep=1", k.Server("shop"))
	k.Docker("exec", api, "/app", "touch", "/written")
	key := k.TakeNamed(api, "m").Key
	user := k.Docker("create", "--name", k.Name("user"), docker.Ref(api, "m"), "/app")
	k.TakeNamed(api, "newer")
	k.Watch()
	k.Until("the older snapshot is gone", func() bool { return len(k.Of(key, snapshot.Manual)) == 1 })
	if !slices.Contains(k.Tags(api), "m") {
		t.Error("the tag is gone that a container needs")
	}
	k.Docker("rm", user)
	k.Until("the tag is gone", func() bool { return !slices.Contains(k.Tags(api), "m") })
}

func TestPrunedImageIsMarkedAndSaidOnceByTwoBots(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	k.Docker("exec", api, "/app", "touch", "/written")
	a, b := k.TakeNamed(api, "m1"), k.TakeNamed(api, "m2")
	k.Watch()
	k.Watch()
	k.Docker("rmi", "-f", a.ImageID, b.ImageID)
	gone := func() bool {
		return !slices.ContainsFunc(k.Of(a.Key, snapshot.Manual), func(s snapshot.Snapshot) bool { return s.MissingSince.IsZero() })
	}
	k.Until("both are marked", gone)
	list := k.entries(0, incidents.KindSnapshotMissing)
	said := 0
	for _, e := range list {
		said += strings.Count(e.Summary, "m1") + strings.Count(e.Summary, "m2")
	}
	if said != 2 {
		t.Errorf("said %d times, want once for each: %+v", said, list)
	}
}

func TestContainerFromBeforeGoesAfterItsTimeAndNeverBeforeItsIncidentIsResolved(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	incident := k.incident("P1")
	k.Run(api, k.Server("shop"))
	k.Take(api)
	k.Restorer = restore.New(restore.Config{Engine: k.Engine(), Journal: k.DB, Snapshots: k.DB, Bot: "short", Keep: time.Millisecond})
	t.Cleanup(func() {
		if err := k.Restorer.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c := k.Container(api)
	by := k.By()
	by.Incident = incident
	r, err := k.Restorer.Request(t.Context(), restore.Ask{Force: true, Container: c, Snapshot: k.Of(c.Key, snapshot.PreDeploy)[0].Name, By: by})
	if err != nil {
		t.Fatal(err)
	}
	r = k.Wait(r.ID)
	k.Watch()
	k.AwaitBaseline(c.Key, r.Plan.NewID) // the watch has had time to tidy
	k.Until("a tidying has come about", func() bool { return time.Since(r.VerifiedAt) > time.Second })
	if _, there := k.Names(api)[r.Plan.KeptName]; !there {
		t.Fatalf("%s is gone although its incident is open: %v", r.Plan.KeptName, k.Names(api))
	}
	k.event("P1", incidents.Resolved)
	k.Until("the container from before is gone", func() bool { return len(k.Names(api)) == 1 })
	if list := k.entries(incident, "restore.kept-removed"); len(list) != 1 {
		t.Errorf("entries %+v, want one", list)
	}
}

func TestNewBaselineLeavesTheOneThatAnOpenIncidentWasRestoredFrom(t *testing.T) {
	k := setup(t)
	api, incident := k.Name("api"), k.incident("P1")
	stop := k.Watch()
	_, key := k.settled(api, "--label", "snapback.keep=1", k.Server("shop"))
	stop()
	base, by := k.Of(key, snapshot.Baseline)[0], k.By()
	by.Incident = incident
	r, err := k.Restorer.Request(t.Context(), restore.Ask{Force: true, Container: k.Container(api), Snapshot: base.Name, By: by})
	if err != nil {
		t.Fatal(err)
	}
	if r = k.Wait(r.ID); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.Watch()
	there := func(id int64) bool {
		return slices.ContainsFunc(k.Of(key, snapshot.Baseline), func(s snapshot.Snapshot) bool { return s.ID == id })
	}
	k.Until("the restored container has a baseline of its own", func() bool { return k.Of(key, snapshot.Baseline)[0].ContainerID == r.Plan.NewID })
	k.TakeNamed(api, "older")
	k.TakeNamed(api, "newer")
	k.Until("what is surplus now has been removed", func() bool { return len(k.Of(key, snapshot.Manual)) == 1 })
	if !there(base.ID) {
		t.Error("the baseline is gone that the open incident was restored from")
	}
	k.event("P1", incidents.Resolved)
	k.Until("it goes when the incident is resolved", func() bool { return !there(base.ID) })
}

func TestFullDiskRefusesCommitsButNotTagsAndWarnsOnce(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	disk := &capture.Disk{Used: func(context.Context) (snapshot.DiskUse, error) {
		return snapshot.DiskUse{Engine: "E", Host: "host-1", Share: 0.97}, nil
	}, Audit: k.DB}
	k.Taker = capture.New(capture.Config{Engine: k.Engine(), Ref: docker.Ref, Store: k.DB, Lock: k.DB, Audit: k.DB, Room: disk.Room})
	k.TakeNamed(api, "cheap")
	k.Docker("exec", api, "/app", "touch", "/written")
	for range 2 {
		_, err := k.Taker.Take(t.Context(), k.Container(api), snapshot.TakeRequest{By: k.By()})
		if !errors.Is(err, snapshot.ErrDiskFull) || !strings.Contains(err.Error(), "97 %") {
			t.Errorf("got %v", err)
		}
	}
	if list := k.entries(0, incidents.KindDiskFull); len(list) != 1 {
		t.Errorf("%d warnings, want one", len(list))
	}
	if list := k.entries(0, incidents.KindSnapshotAsked); len(list) != 1 {
		t.Errorf("%d entries of snapshots that were about to be taken, want that of the one that was", len(list))
	}
}

// TestACommitThatWouldFillTheDiskIsRefusedBefore: with containerd's store it takes what was written twice, which CommitTakes counts.
func TestACommitThatWouldFillTheDiskIsRefusedBefore(t *testing.T) {
	k := setup(t)
	const gigabyte = 1_000_000_000
	takes := map[string]int64{"small": 4 * gigabyte, "large": 6 * gigabyte}
	disk := &capture.Disk{Audit: k.DB,
		Used: func(context.Context) (snapshot.DiskUse, error) {
			return snapshot.DiskUse{Host: "host-1", Share: 0.85, Bytes: 100 * gigabyte}, nil
		},
		Takes: func(_ context.Context, id string) (int64, error) { return takes[id], nil },
	}
	if err := disk.Room(t.Context(), "small"); err != nil {
		t.Errorf("89 %% after it: %v", err)
	}
	err := disk.Room(t.Context(), "large")
	if want := "85 % in use, and 91 % after this commit, which takes up to 6000 MB, the limit is 90 %"; !errors.Is(err, snapshot.ErrDiskFull) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	disk.Takes = func(context.Context, string) (int64, error) { return 0, snapshot.ErrEngineAway }
	if err := disk.Room(t.Context(), "large"); err != nil {
		t.Errorf("where nobody knows what it takes: %v", err)
	}
}

func TestBaselineThatThereIsNoRoomForIsTriedEverLessOften(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	const every = 400 * time.Millisecond
	tried := make(chan time.Time, 100)
	room := func(context.Context, string) error { tried <- time.Now(); return snapshot.ErrDiskFull }
	k.Taker = capture.New(capture.Config{Engine: k.Engine(), Ref: docker.Ref, Store: k.DB, Lock: k.DB, Audit: k.DB, Room: room})
	k.Watch(func(w *watch.Config) { w.Every = every })
	first := <-tried
	var last time.Time
	for range 3 {
		last = <-tried
	}
	// What comes before the disk is looked at takes its time as well, now more, now less. At a steady pace, it would be 3*every.
	if took, want := last.Sub(first), (1+2+4)*every; took < want*3/4 {
		t.Errorf("tried three times again within %s, want %s", took, want)
	}
	if list := k.entries(0, incidents.KindSnapshotAsked); len(list) != 0 || len(k.Of(c.Key, snapshot.Baseline)) != 0 {
		t.Errorf("%d entries, want none of what was never begun", len(list))
	}
}

func TestUnknownDiskRefusesNothingAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	errs := []error{snapshot.ErrEngineAway, fmt.Errorf("%w: it is elsewhere", snapshot.ErrDiskUnseen), snapshot.ErrDiskUnseen}
	var log bytes.Buffer
	disk := &capture.Disk{Logger: slog.New(slog.NewTextHandler(&log, nil)), Used: func(context.Context) (use snapshot.DiskUse, err error) {
		err, errs = errs[0], errs[1:]
		return use, err
	}}
	for range len(errs) {
		if err := disk.Room(t.Context(), "id"); err != nil {
			t.Error(err)
		}
	}
	if text := log.String(); strings.Count(text, "SNAPBACK_DISK_LIMIT is not enforced") != 1 || !strings.Contains(text, "it is elsewhere") {
		t.Errorf("the log, want one line that says why:\n%s", text)
	}
}

// forgetful is a database that loses the first entry.
type forgetful struct {
	*store.DB
	lost bool
}

func (f *forgetful) RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	if !f.lost {
		f.lost = true
		return e, store.ErrAway
	}
	return f.DB.RecordOnce(ctx, e)
}

func TestFullDiskIsSaidOfEachEngineOnceADay(t *testing.T) {
	k := setup(t)
	db := &forgetful{DB: k.DB}
	for _, engine := range []string{"one", "two", "one", "two"} {
		disk := &capture.Disk{Audit: db, Used: func(context.Context) (snapshot.DiskUse, error) {
			return snapshot.DiskUse{Engine: engine, Host: "host-" + engine, Share: 0.95}, nil
		}}
		if err := disk.Room(t.Context(), "id"); !errors.Is(err, snapshot.ErrDiskFull) {
			t.Errorf("got %v", err)
		}
	}
	var said []string
	for _, e := range k.entries(0, incidents.KindDiskFull) {
		said = append(said, e.Summary)
	}
	slices.Sort(said) // the first one got lost at first
	if len(said) != 2 || !strings.Contains(said[0], "on host-one") || !strings.Contains(said[1], "on host-two") {
		t.Errorf("said: %q", said)
	}
}
