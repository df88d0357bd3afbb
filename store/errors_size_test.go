package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// What the others on this server do can keep a vacuum from what it would remove, so that is tried up to three times.
func TestErrorsOfADayTakeLessThan50MB(t *testing.T) {
	t.Parallel()
	for range 3 {
		if day := errorsOfADay(t); day < 50 {
			return
		}
	}
	t.Error("200 containers take more, three times")
}

// errorsOfADay is how many MB the errors of 200 containers take. It writes as Recorders do, many times a minute. A table has what
// updates have left of the last minutes, and grows by the minutes that are over: that is taken from two moments, and reckoned up.
func errorsOfADay(t *testing.T) float64 {
	t.Helper()
	url := storetest.URL(t)
	db := open(t, url)
	const containers, minutes = 50, 30
	admin, err := pgx.Connect(t.Context(), url)
	testkit.OK(t, err)
	defer admin.Close(t.Context())
	start := time.Now().UTC().Truncate(time.Minute).Add(-2 * minutes * time.Minute)
	countErrors(t, db, admin, start, containers, minutes)
	before := sizes(t, admin)
	countErrors(t, db, admin, start.Add(minutes*time.Minute), containers, minutes)
	after := sizes(t, admin)
	of := func(i int, rows float64) float64 {
		grows := (after[i] - before[i]) / minutes / containers
		stays := max(0, before[i]-minutes*containers*grows) / containers
		t.Logf("a minute takes %.0f bytes; a container, whose updates leave something, %.0f more", grows, stays)
		return 200 * (grows*rows + stays) / 1e6
	}
	day := of(0, flat.KeepMinutes.Minutes()) + of(1, flat.KeepMoments.Minutes())
	t.Logf("200 containers take %.1f MB", day)
	return day
}

// countErrors writes twenty times a minute, and vacuums every minute, as autovacuum does by the tables' own settings.
func countErrors(t *testing.T, db *store.DB, admin *pgx.Conn, start time.Time, containers, minutes int) {
	t.Helper()
	const every = 3 * time.Second
	rng := rand.New(rand.NewPCG(1, 2))
	for at := start; at.Before(start.Add(time.Duration(minutes) * time.Minute)); at = at.Add(every) {
		var counts []flat.Count
		for c := range containers {
			counts = append(counts, flat.Count{
				Key: fmt.Sprintf("engine/some-project/service-%d", c), From: at, To: at.Add(every),
				Errors: float64(rng.IntN(40)), Requests: float64(rng.IntN(900)), Traffic: true, Share: 1,
			})
		}
		testkit.OK(t, db.SaveErrors(t.Context(), counts, flat.Steps{}.WithDefaults()))
		if at.Equal(at.Truncate(time.Minute)) {
			_, err := admin.Exec(t.Context(), `VACUUM error_minutes, error_moments`)
			testkit.OK(t, err)
		}
	}
}

// sizes are the bytes that the tables take, with their indexes and what updates have left.
func sizes(t *testing.T, admin *pgx.Conn) (both [2]float64) {
	t.Helper()
	testkit.OK(t, admin.QueryRow(t.Context(), `SELECT pg_total_relation_size('error_minutes')::float8, pg_total_relation_size('error_moments')::float8`).
		Scan(&both[0], &both[1]))
	return both
}
