package store_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// outage is a night of a few hours ago: errors rise ten minutes before the alert, and a restore is verified five after it.
type outage struct {
	t        *testing.T
	url      string
	db       *store.DB
	rng      *rand.Rand
	opened   time.Time
	incident int64
	restore  restore.Restore
	lag      time.Duration // of what counts
}

// outages begins one, with an hour of one error a minute, ten minutes of 21, and a restore.
func outages(t *testing.T) *outage {
	t.Helper()
	t.Parallel()
	o := &outage{t: t, url: storetest.URL(t), rng: rand.New(rand.NewPCG(1, 2))}
	o.db = open(t, o.url)
	o.opened = time.Now().UTC().Truncate(time.Minute).Add(-3 * time.Hour)
	in, _ := receive(t, o.db, "E1", incidents.Incident{PagerDutyID: "P1", Title: "500s", Status: incidents.Triggered, OpenedAt: o.opened}, o.opened)
	o.incident = in.ID
	o.errors(-75*time.Minute, -10*time.Minute, 1.0/60, 1)
	o.errors(-10*time.Minute, 5*time.Minute, 21.0/60, 1)
	o.restore = o.restored(5 * time.Minute)
	return o
}

// errors are so many a second and so many requests, from one moment after the alert to another.
func (o *outage) errors(from, to time.Duration, perSecond, requests float64) {
	o.t.Helper()
	var counts []flat.Count
	for at := from; at < to; at += 5 * time.Second {
		c := flat.Count{Key: "shop", From: o.opened.Add(at), To: o.opened.Add(at + 5*time.Second), Requests: 5 * requests, Traffic: true, Share: 1}
		for range 50 {
			if o.rng.Float64() < perSecond/10 {
				c.Errors++
			}
		}
		counts = append(counts, c)
	}
	save(o.t, o.db, counts...)
}

// restored asks for a restore, and has it verified so long after the alert.
func (o *outage) restored(after time.Duration) restore.Restore {
	o.t.Helper()
	w := o.wish("shop", "pre-deploy-"+after.String())
	w.RequestedAt = o.opened.Add(after - 10*time.Second)
	return o.verified(w, after)
}

// wish is a restore of a container within the incident, which nobody has asked for yet.
func (o *outage) wish(key, snapshot string) restore.Restore {
	w := wish(shelved(o.t, o.db, key, snapshot))
	w.By.Incident, w.By.Actor = o.incident, incidents.Actor{Kind: incidents.Person, Name: "Ada"}
	return w
}

func (o *outage) verified(w restore.Restore, after time.Duration) restore.Restore {
	o.t.Helper()
	r, _, err := o.db.Open(o.t.Context(), w, "")
	testkit.OK(o.t, err)
	r, err = o.db.Claim(o.t.Context(), r.ID, "bot", time.Minute)
	testkit.OK(o.t, err)
	if r.Hold = w.Hold; r.Hold != nil {
		r.Hold.Restore = r.ID
	}
	for _, to := range []restore.State{restore.Preflight, restore.Prepared, restore.Swapping, restore.Started, restore.Verified} {
		r.VerifiedAt = o.opened.Add(after)
		r, err = o.db.Advance(o.t.Context(), r, to, incidents.Entry{IncidentID: r.By.Incident, Kind: incidents.KindRestoreState, Actor: incidents.Self()})
		testkit.OK(o.t, err)
	}
	return r
}

// snapshotOf is the snapshot that a restore was to.
func snapshotOf(r restore.Restore) snapshot.Snapshot {
	return snapshot.Snapshot{ID: r.SnapshotID, Key: r.Key, Container: r.Container, Name: r.Snapshot}
}

// judged has two bots look every five seconds, and returns what was said, with how long after the alert.
func (o *outage) judged(from, to time.Duration) (said []string) {
	o.t.Helper()
	now := from
	bot := func() *flat.Judge {
		return flat.NewJudge(flat.JudgeConfig{
			Journal: open(o.t, o.url), Now: func() time.Time { return o.opened.Add(now) }, Lag: func(string) time.Duration { return o.lag },
		})
	}
	one, other := bot(), bot()
	before := len(o.entries())
	for ; now <= to; now += 5 * time.Second {
		both := make(chan error, 2)
		for _, j := range []*flat.Judge{one, other} {
			go func() { both <- j.Look(o.t.Context()) }()
		}
		testkit.OK(o.t, <-both)
		testkit.OK(o.t, <-both)
	}
	for _, e := range o.entries()[before:] {
		said = append(said, string(e.Kind)+" "+e.OccurredAt.Sub(o.opened).String())
	}
	return said
}

func (o *outage) entries() []incidents.Entry {
	o.t.Helper()
	all, err := o.db.Entries(o.t.Context(), o.incident, 0)
	testkit.OK(o.t, err)
	var out []incidents.Entry
	for _, e := range all {
		if strings.HasPrefix(string(e.Kind), "errors.") || e.Kind == incidents.KindRowChanged { // the latter never, unless somebody changes the row
			out = append(out, e)
		}
	}
	return out
}

func (o *outage) flatAt() time.Time {
	o.t.Helper()
	in, err := o.db.Incident(o.t.Context(), o.incident)
	testkit.OK(o.t, err)
	return in.FlatAt
}

func (o *outage) want(got []string, want ...string) {
	o.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Error(diff)
		for _, e := range o.entries() {
			o.t.Log(e.OccurredAt.Sub(o.opened), e.Kind, e.Summary)
		}
	}
}

func TestErrorsFallAndAreFlatAfterARestore(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 15*time.Minute, 1.0/60, 1)
	o.want(o.judged(5*time.Minute, 15*time.Minute), "errors.falling 5m35s", "errors.flat 8m25s")
	if got := o.flatAt(); !got.Equal(o.opened.Add(8*time.Minute + 25*time.Second)) {
		t.Error("flat at", got)
	}
	flatly := o.entries()[1]
	for _, part := range []string{", 3 min 25 s after the restore: 1.0 a minute, baseline 0.9. Errors of shop were at 21 a minute since ",
		"It was restored to pre-deploy-5m0s at ", " by Ada; data in its volumes was not touched"} {
		if !strings.Contains(flatly.Summary, part) {
			t.Errorf("%q lacks %q", flatly.Summary, part)
		}
	}
}

// A query such as rate(…[10m]) tells of errors from before a restore for ten minutes more: that is not said to be not flat.
func TestErrorsThatAQueryKeepsInViewAreNotHeldAgainstARestore(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 15*time.Minute, 15.0/60, 1)
	o.errors(15*time.Minute, 25*time.Minute, 1.0/60, 1)
	o.lag = 10 * time.Minute
	o.want(o.judged(5*time.Minute, 25*time.Minute), "errors.falling 15m35s", "errors.flat 16m25s")
	if said := o.entries()[1].Summary; !strings.Contains(said, "11 min 25 s after the restore") {
		t.Errorf("it says %q", said)
	}
}

func TestErrorsThatARestoreDoesNotMendAreNotFlat(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 12*time.Minute, 21.0/60, 1)
	o.want(o.judged(5*time.Minute, 12*time.Minute), "errors.not-flat 10m0s")
	if got := o.entries()[0].Summary; !strings.Contains(got, "baseline 0.9. The deploy may not be the cause. Look for an older snapshot") {
		t.Error(got)
	}
	if got := o.flatAt(); !got.IsZero() {
		t.Error("flat at", got)
	}
}

func TestErrorsThatComeBackAreNoLongerFlat(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 12*time.Minute, 0, 1)
	o.errors(12*time.Minute, 16*time.Minute, 21.0/60, 1)
	o.want(o.judged(5*time.Minute, 16*time.Minute), "errors.falling 5m35s", "errors.flat 6m25s", "errors.back 13m5s")
	if got := o.flatAt(); !got.IsZero() {
		t.Error("flat at", got)
	}
}

func TestOneShortBurstDoesNotBringErrorsBack(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 9*time.Minute, 0, 1)
	o.errors(9*time.Minute, 9*time.Minute+15*time.Second, 1, 1)
	o.errors(9*time.Minute+15*time.Second, 20*time.Minute, 0, 1)
	o.want(o.judged(5*time.Minute, 20*time.Minute), "errors.falling 5m35s", "errors.flat 6m25s")
	if o.flatAt().IsZero() {
		t.Error("the burst has taken it back")
	}
}

func TestFlatIsLoudOnce(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 12*time.Minute, 0, 1)
	o.errors(12*time.Minute, 14*time.Minute, 21.0/60, 1)
	o.errors(14*time.Minute, 30*time.Minute, 0, 1)
	said := o.judged(5*time.Minute, 30*time.Minute)
	var kinds []string
	for _, s := range said {
		kind, _, _ := strings.Cut(s, " ")
		kinds = append(kinds, kind)
	}
	o.want(kinds, "errors.falling", "errors.flat", "errors.back", "errors.falling", "errors.flat.again")
	again, _ := incidents.KindErrorsFlatAgain.Meaning()
	if again.Loud || o.flatAt().IsZero() {
		t.Errorf("got %+v, flat at %s", again, o.flatAt())
	}
}

func TestNoTrafficIsNotFlat(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 14*time.Minute, 0, 0)
	o.want(o.judged(5*time.Minute, 14*time.Minute), "errors.unknown 10m0s")
	if got := o.entries()[0].Summary; !strings.Contains(got, "Not enough traffic to tell") {
		t.Error(got)
	}
}

func TestErrorsThatNobodyCountsAnyMoreAreUnknown(t *testing.T) {
	o := outages(t)
	o.want(o.judged(5*time.Minute, 12*time.Minute), "errors.unknown 7m0s")
}

func TestARestoreOfWhatIsNotMeasuredIsNotJudged(t *testing.T) {
	o := outages(t)
	w := wish(shelved(t, o.db, "worker", "good"))
	w.By.Incident = o.incident
	o.verified(w, 6*time.Minute)
	o.errors(5*time.Minute, 9*time.Minute, 1.0/60, 1)
	o.want(o.judged(5*time.Minute, 9*time.Minute), "errors.falling 5m35s", "errors.flat 8m25s")
}

// TestErrorsAreNotJudgedOnceTheDeployIsBack: what is counted then tells nothing of the restore.
func TestErrorsAreNotJudgedOnceTheDeployIsBack(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 15*time.Minute, 1.0/60, 1)
	_, err := o.db.Pool().Exec(t.Context(), `
		INSERT INTO holds (restore_id, key, incident_id, since, image, image_id, changes, document, back_id, back_at)
		VALUES ($1, 'shop', $2, now(), 'shop:1.42', 'sha256:42', '[]', '', 'again', now())`, o.restore.ID, o.incident)
	testkit.OK(t, err)
	o.want(o.judged(5*time.Minute, 15*time.Minute))
}

// TestWhatIsJudgedKnowsADeployAfterTheRestore: the last one of that container, and none from before.
func TestWhatIsJudgedKnowsADeployAfterTheRestore(t *testing.T) {
	o := outages(t)
	for n, d := range []struct {
		key         string
		after, want time.Duration // after the alert; 0: none
	}{
		{"shop", -time.Hour, 0}, {"other", 9 * time.Minute, 0}, {"shop", 7 * time.Minute, 7 * time.Minute}, {"shop", 8 * time.Minute, 8 * time.Minute},
	} {
		_, err := o.db.Pool().Exec(t.Context(), `INSERT INTO deploys (key, at, before_id, after_id, before, after) VALUES ($1, $2, $3, $3, '', '')`,
			d.key, o.opened.Add(d.after), strconv.Itoa(n))
		testkit.OK(t, err)
		all, err := o.db.Restored(t.Context())
		testkit.OK(t, err)
		if len(all) != 1 || d.want == 0 && !all[0].Redeployed.IsZero() || d.want > 0 && !all[0].Redeployed.Equal(o.opened.Add(d.want)) {
			t.Errorf("after deploy %d: %+v", n, all)
		}
	}
}

func TestAnUndoANewRestoreAndAResolveEndTheJudging(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 40*time.Minute, 1.0/60, 1)
	o.want(o.judged(5*time.Minute, 9*time.Minute), "errors.falling 5m35s", "errors.flat 8m25s")
	undo := wish(snapshotOf(o.restore))
	undo.Kind, undo.UndoOf, undo.By.Incident = restore.Undoing, o.restore.ID, o.incident
	o.verified(undo, 9*time.Minute)
	o.want(o.judged(9*time.Minute, 14*time.Minute))
	if got := o.flatAt(); !got.IsZero() {
		t.Error("undone, and flat at", got)
	}
	o.restored(15 * time.Minute)
	o.want(o.judged(15*time.Minute, 16*time.Minute), "errors.falling 15m35s")
	end := o.opened.Add(16 * time.Minute)
	receive(t, o.db, "E2", incidents.Incident{PagerDutyID: "P1", Status: incidents.Resolved, OpenedAt: o.opened, ResolvedAt: end}, end)
	o.want(o.judged(16*time.Minute, 25*time.Minute))
}

func TestAnUndoOfAnUndoCountsTheRestoreAgain(t *testing.T) {
	o := outages(t)
	restored := func() bool {
		in, err := o.db.Incident(t.Context(), o.incident)
		testkit.OK(t, err)
		return !in.RestoredAt.IsZero()
	}
	last := o.restore
	for n, want := range []bool{true, false, true, false} {
		if restored() != want {
			t.Errorf("after %d undos: restored %v", n, !want)
		}
		undo := wish(snapshotOf(o.restore))
		undo.Kind, undo.UndoOf, undo.By.Incident = restore.Undoing, last.ID, o.incident
		last = o.verified(undo, time.Duration(9+n)*time.Minute)
	}
}

// TestNeitherARestoreNorItsErrorsCoverAChangedRow: they change the incident's row themselves.
func TestNeitherARestoreNorItsErrorsCoverAChangedRow(t *testing.T) {
	o := outages(t)
	o.errors(5*time.Minute, 15*time.Minute, 1.0/60, 1)
	undo := wish(snapshotOf(o.restore))
	undo.Kind, undo.UndoOf, undo.By.Incident = restore.Undoing, o.restore.ID, o.incident
	for n, next := range []func(){
		func() { o.judged(5*time.Minute, 6*time.Minute) },
		func() { o.restored(7 * time.Minute) },
		func() { o.verified(undo, 8*time.Minute) },
	} {
		_, err := o.db.Pool().Exec(t.Context(), `UPDATE incidents SET opened_at = opened_at - interval '1 ms'`)
		testkit.OK(t, err)
		next()
		found := 0
		for _, e := range o.entries() {
			if e.Kind == incidents.KindRowChanged {
				found++
			}
		}
		if found != n+1 {
			t.Errorf("after change %d, the timeline tells of %d", n+1, found)
		}
	}
}

// TestARestoreInVainHidesNoneThatStands: the newest one of a container that counts is found whatever was refused after it.
func TestARestoreInVainHidesNoneThatStands(t *testing.T) {
	o := outages(t)
	web := o.verified(o.wish("web", "good"), 6*time.Minute)
	refused := func(name string) restore.Restore {
		r, _, err := o.db.Open(t.Context(), o.wish("shop", name), "")
		testkit.OK(t, err)
		r, err = o.db.Claim(t.Context(), r.ID, "bot", time.Minute)
		testkit.OK(t, err)
		for _, to := range []restore.State{restore.Preflight, restore.Refused} {
			r, err = o.db.Advance(t.Context(), r, to, incidents.Entry{IncidentID: o.incident, Kind: incidents.KindRestoreState, Actor: incidents.Self()})
			testkit.OK(t, err)
		}
		return r
	}
	refused("one")
	last := refused("another")
	all := []int64{last.ID, web.ID, o.restore.ID}
	for name, c := range map[string]struct {
		find func() ([]restore.Restore, error)
		want []int64
	}{
		"in the incident":  {func() ([]restore.Restore, error) { return o.db.LastRestores(t.Context(), o.incident) }, all},
		"of the container": {func() ([]restore.Restore, error) { return o.db.LastRestoresOf(t.Context(), "shop") }, []int64{last.ID, o.restore.ID}},
		"in none":          {func() ([]restore.Restore, error) { return o.db.LastRestores(t.Context(), 0) }, nil},
	} {
		found, err := c.find()
		testkit.OK(t, err)
		var got []int64
		for _, r := range found {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestHoldsOfAnIncidentAreThoseOfAllItsContainers: and of no other incident.
func TestHoldsOfAnIncidentAreThoseOfAllItsContainers(t *testing.T) {
	o := outages(t)
	for i, key := range []string{"web", "mail"} {
		w := o.wish(key, "good")
		w.Hold = &snapshot.Hold{
			Key: key, Container: key, Incident: o.incident, Since: o.opened, Ref: key + ":2", Image: snapshot.Image{ID: key},
			Changes: []snapshot.Change{}, Document: []byte("{}"),
		}
		o.verified(w, time.Duration(6+i)*time.Minute)
	}
	held, err := o.db.ToldHolds(t.Context(), o.incident)
	testkit.OK(t, err)
	other, err := o.db.ToldHolds(t.Context(), o.incident+1)
	testkit.OK(t, err)
	if len(held) != 2 || held[0].Key != "mail" || held[1].Key != "web" || len(other) != 0 {
		t.Errorf("the incident has %+v, another one %+v", held, other)
	}
}
