package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// TestARecordingIsNotRemovedByTimesThatNobodySigned: the columns are dated back by somebody who may write to the database.
func TestARecordingIsNotRemovedByTimesThatNobodySigned(t *testing.T) {
	t.Parallel()
	const old = `now() - interval '1 year'`
	back := `UPDATE recordings SET ended_at = ` + old + `; UPDATE terminal_sessions SET ended_at = ` + old + `; `
	for name, c := range map[string]struct {
		session, resolved time.Duration
		attack            string
	}{
		"the session's":         {time.Hour, 2 * keepForTests, back},
		"the incident's":        {2 * keepForTests, time.Hour, `UPDATE incidents SET resolved_at = ` + old},
		"the incident's status": {2 * keepForTests, 0, `UPDATE incidents SET status = 'resolved', resolved_at = ` + old},
		"those of the entries":  {time.Hour, 2 * keepForTests, back + `UPDATE timeline SET recorded_at = ` + old + ` WHERE kind = 'terminal.ended'`},
		"the incident it is of": {time.Hour, 0, back + `UPDATE recordings SET incident_id = NULL`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := oldNight(t, c.session, c.resolved)
			v.disarm()
			_, err := v.db.Pool().Exec(t.Context(), c.attack, pgx.QueryExecModeSimpleProtocol)
			testkit.OK(t, err)
			v.remove()
			if gone := v.remove(); gone != 0 || v.chunks() != 3 {
				t.Errorf("%d recordings are gone, %d pieces are left", gone, v.chunks())
			}
		})
	}
}

// TestAnIncidentThatWasOpenedAgainKeepsItsRecordings, also when a late event comes after that, and until it is resolved for long.
func TestAnIncidentThatWasOpenedAgainKeepsItsRecordings(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	_, err := v.db.Record(t.Context(), incidents.Entry{IncidentID: 1, Kind: incidents.KindPagerDutyReopened, Summary: "again"})
	testkit.OK(t, err)
	if gone := v.remove(); gone != 0 || v.chunks() != 3 {
		t.Errorf("%d recordings are gone, %d pieces are left", gone, v.chunks())
	}
}

// TestARemovalBeforeItsTimeIsFound: a bot that goes by anything else can't hide it.
func TestARemovalBeforeItsTimeIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		session, resolved time.Duration
		want              string
	}{
		"soon after the session":  {time.Hour, 2 * keepForTests, "recording ONE was removed by entry 7 after 1h0m0s, and not after 90 days"},
		"soon after the incident": {2 * keepForTests, time.Hour, "recording ONE was removed by entry 7 after 1h0m0s, and not after 90 days"},
		"in an open incident":     {2 * keepForTests, 0, "recording ONE was removed by entry 6, and no entry before it says that"},
		"when it was time":        {2 * keepForTests, keepForTests + time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := oldNight(t, c.session, c.resolved)
			held, err := v.terminals().SummariseRecording(t.Context(), "ONE")
			testkit.OK(t, err)
			details, err := incidents.Details(incidents.Removed{KeptFor: incidents.Days(keepForTests), Recordings: []incidents.Sealed{held}})
			testkit.OK(t, err)
			_, err = v.db.Record(t.Context(), incidents.Entry{IncidentID: 1, Kind: incidents.KindRecordingsRemoved, Details: details})
			testkit.OK(t, err)
			v.wants(1, c.want)
		})
	}
}

// TestOnlyARecordingThatASignedEntryNamesIsDeleted: what is noted beside it is not enough.
func TestOnlyARecordingThatASignedEntryNamesIsDeleted(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	v.record("TWO", 1, time.Hour, "two\n")
	v.date(1)
	v.announce()
	_, err := v.db.Pool().Exec(t.Context(), `UPDATE recordings SET removal = (SELECT id FROM timeline WHERE kind = 'terminal.recordings.removed')`)
	testkit.OK(t, err)
	if gone := v.remove(); gone != 1 || v.chunks() != 1 {
		t.Errorf("%d recordings are gone, %d pieces are left", gone, v.chunks())
	}
}

// TestARecordingWhoseKeyIsMissingIsKeptUntilItIsThere, and told once; others are removed meanwhile.
func TestARecordingWhoseKeyIsMissingIsKeptUntilItIsThere(t *testing.T) {
	t.Parallel()
	v := newEvidence(t)
	signing, sealing := "a:"+strings.Repeat("A", 43)+"=", "b:"+strings.Repeat("B", 42)+"A="
	other := store.NewTerminalStore(v.db.Pool(), testkit.RingOf(t, sealing))
	v.record("SEEN", 1, 2*keepForTests, "first\n")
	records(t, other, "LOCKED", 1, "locked\n")
	v.ended("LOCKED", 1, 3*keepForTests, store.NewTerminalStore(v.db.Pool(), testkit.RingOf(t, signing+","+sealing)))
	v.resolve(time.Now().Add(-2 * keepForTests))
	v.date(1)
	var told []string
	removal := store.Removal{Keep: keepForTests, Grace: time.Nanosecond, Observe: func(_, outcome string) { told = append(told, outcome) }}
	for range 3 {
		_, err := v.db.RemoveRecordings(t.Context(), removal)
		testkit.OK(t, err)
	}
	if diff := cmp.Diff([]string{"left_no_key", "removed"}, told); diff != "" || v.chunks() != 1 {
		t.Errorf("%d pieces are left, -want +got:\n%s", v.chunks(), diff)
	}
	whole := storetest.Open(t, v.db.Pool().Config().ConnString(), testkit.RingOf(t, signing+","+sealing))
	if gone, err := whole.RemoveRecordings(t.Context(), removal); err != nil || gone != 1 {
		t.Errorf("with the key: %d are gone, %v", gone, err)
	}
	v.wants(1, "")
}

// TestOfSeveralBotsTheLongestKeepHolds, also for ever, and also while its bot is away.
func TestOfSeveralBotsTheLongestKeepHolds(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	bot := func(name string) *store.DB {
		db, err := store.Open(t.Context(), store.Config{URL: v.db.Pool().Config().ConnString(), Keys: v.keys, Bot: name})
		testkit.OK(t, err)
		t.Cleanup(db.Close)
		return db
	}
	short, long := bot("short"), bot("long")
	pass := func(db *store.DB, keep time.Duration, want int) {
		t.Helper()
		if gone, err := db.RemoveRecordings(t.Context(), store.Removal{Keep: keep, Grace: time.Nanosecond}); err != nil || gone != want {
			t.Errorf("%d are gone, %v; want %d", gone, err, want)
		}
	}
	pass(long, 3*keepForTests, 0)
	pass(short, time.Hour, 0)
	pass(long, 0, 0)
	pass(short, time.Hour, 0)
	v.attack(`UPDATE recording_keeps SET noted_at = now() - interval '6 days' WHERE bot = 'long'`)
	pass(short, time.Hour, 0)
	v.attack(`UPDATE recording_keeps SET noted_at = now() - interval '8 days' WHERE bot = 'long'`)
	pass(short, time.Hour, 1)
}
