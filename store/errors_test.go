package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

const shop = "engine/shop"

// counted is so many errors a second, in counts of five seconds.
func counted(from time.Time, lasts time.Duration, perSecond float64) (out []flat.Count) {
	for at := from; at.Before(from.Add(lasts)); at = at.Add(5 * time.Second) {
		out = append(out, flat.Count{Key: shop, From: at, To: at.Add(5 * time.Second), Errors: 5 * perSecond, Requests: 50, Traffic: true, Share: 1})
	}
	return out
}

func save(t *testing.T, db *store.DB, counts ...flat.Count) {
	t.Helper()
	testkit.OK(t, db.SaveErrors(t.Context(), counts, flat.Steps{}.WithDefaults()))
}

func minutesOf(t *testing.T, db *store.DB, since time.Time, fine bool) []flat.Minute {
	t.Helper()
	got, err := db.ErrorMinutes(t.Context(), shop, since, fine)
	testkit.OK(t, err)
	return got
}

func TestErrorsAreKeptByTheMinuteAndFiner(t *testing.T) {
	db := setup(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-3 * time.Minute)
	save(t, db, counted(start.Add(30*time.Second), time.Minute, 2)...)
	save(t, db, counted(start.Add(90*time.Second), 30*time.Second, 0)...)
	want := []flat.Minute{
		{At: start, Errors: 60, Requests: 300, Traffic: true, Seconds: 30, Share: 1},
		{At: start.Add(time.Minute), Errors: 60, Requests: 600, Traffic: true, Seconds: 60, Share: 1},
	}
	if diff := cmp.Diff(want, minutesOf(t, db, start, false)); diff != "" {
		t.Error(diff)
	}
	fine := minutesOf(t, db, start.Add(90*time.Second), true)
	if len(fine) != 3 || fine[0].Errors != 0 || fine[0].Seconds != 10 {
		t.Errorf("got %+v", fine)
	}
}

func TestErrorsThatAreCountedTwiceAreKeptOnce(t *testing.T) {
	url := storetest.URL(t)
	one, other := open(t, url), open(t, url)
	t.Parallel()
	start := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Minute)
	save(t, one, counted(start, 30*time.Second, 1)...)
	save(t, other, counted(start.Add(2*time.Second), 60*time.Second, 1)...) // out of step with the first
	got := minutesOf(t, one, start, false)
	if len(got) != 2 || got[0].Errors != 60 || got[0].Seconds != 60 || got[1].Errors != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestRequestsThatAreNotKnownForAllOfAMinuteAreNotKnown(t *testing.T) {
	db := setup(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Minute)
	save(t, db, counted(start, 30*time.Second, 0)...)
	save(t, db, flat.Count{Key: shop, From: start.Add(30 * time.Second), To: start.Add(time.Minute), Errors: 3, Share: 0.5})
	want := []flat.Minute{{At: start, Errors: 3, Seconds: 60, Share: 0.75}}
	if diff := cmp.Diff(want, minutesOf(t, db, start, false)); diff != "" {
		t.Error(diff)
	}
}

func TestAClockThatWasWrongDoesNotStopTheCount(t *testing.T) {
	db := setup(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Minute)
	save(t, db, counted(start.Add(3*time.Hour), time.Minute, 9)...)
	save(t, db, counted(start, time.Minute, 1)...)
	if got := minutesOf(t, db, start, false); len(got) != 1 || got[0].Errors != 60 {
		t.Errorf("got %+v", got)
	}
}

func TestErrorsAreForgottenAfterADay(t *testing.T) {
	db := setup(t)
	now := time.Now().UTC().Truncate(time.Minute)
	save(t, db, counted(now.Add(-flat.KeepMinutes-2*time.Minute), time.Minute, 1)...)
	save(t, db, counted(now.Add(-time.Hour), time.Minute, 1)...)
	testkit.OK(t, db.ForgetErrors(t.Context()))
	if got := minutesOf(t, db, time.Time{}, false); len(got) != 1 || got[0].Errors != 60 {
		t.Errorf("got %+v", got)
	}
	if got := minutesOf(t, db, time.Time{}, true); len(got) != 0 {
		t.Errorf("fine steps of an hour ago are left: %+v", got)
	}
}
