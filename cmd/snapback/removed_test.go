package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

const keepForTests = 90 * 24 * time.Hour

// oldNight is an incident with a recording of three pieces whose session, and which itself, ended so long ago.
func oldNight(t *testing.T, session, resolved time.Duration) *evidence {
	t.Helper()
	v := newEvidence(t)
	v.record("ONE", 1, session, "first\n", "second\n", "third\n")
	if resolved > 0 {
		v.resolve(time.Now().Add(-resolved))
	}
	v.date(1)
	return v
}

func (v *evidence) terminals() *store.TerminalStore { return v.Recorded.(*store.TerminalStore) }

// date makes it so that the entries of a timeline were written when what they tell of happened, as the bot would have signed them then:
// the ends of sessions and incidents when v.past says, all others long before.
func (v *evidence) date(incident int64) {
	v.t.Helper()
	triggers := func(state string) {
		_, err := v.db.Pool().Exec(v.t.Context(), `ALTER TABLE timeline `+state+` TRIGGER USER`)
		testkit.OK(v.t, err)
	}
	triggers("DISABLE")
	defer triggers("ENABLE")
	v.rewrite(incident, v.keys, func(e *incidents.Entry) {
		at := time.Now().Add(-10 * keepForTests)
		for what, then := range v.past {
			if e.Kind == incidents.Kind(what) || e.Kind == incidents.KindTerminalEnded && strings.Contains(string(e.Details), fmt.Sprintf("%q", what)) {
				at = then
			}
		}
		e.OccurredAt, e.RecordedAt = at, at
	})
}

// record is a session with a recording that ended so long ago, and whose end is on the timeline.
func (v *evidence) record(id string, incident int64, ago time.Duration, chunks ...string) {
	v.t.Helper()
	records(v.t, v.terminals(), id, incident, chunks...)
	v.ended(id, incident, ago, v.terminals())
}

// ended ends that session, as a bot with those keys finds its recording.
func (v *evidence) ended(id string, incident int64, ago time.Duration, terminals *store.TerminalStore) {
	v.t.Helper()
	at := time.Now().Add(-ago)
	_, err := v.db.Record(v.t.Context(), incidents.Entry{IncidentID: incident, Kind: incidents.KindTerminalShell,
		Summary: "A shell", Details: []byte(fmt.Sprintf(`{"recording":%q}`, id))})
	testkit.OK(v.t, err)
	_, err = terminals.End(v.t.Context(), id, "ended", at)
	testkit.OK(v.t, err)
	sealed, err := terminals.SealRecordings(v.t.Context(), id, at)
	testkit.OK(v.t, err)
	details, err := incidents.Details(map[string]any{"session": id, "recordings": sealed})
	testkit.OK(v.t, err)
	_, err = v.db.Record(v.t.Context(), incidents.Entry{IncidentID: incident, Kind: incidents.KindTerminalEnded, Details: details})
	testkit.OK(v.t, err)
	testkit.OK(v.t, terminals.Audited(v.t.Context(), id))
	v.past[id] = at
}

// resolve makes it so that the incident was resolved at that moment. The entry signs the row.
func (v *evidence) resolve(at time.Time) {
	v.t.Helper()
	v.receive(incidents.Incident{PagerDutyID: "PNIGHT1", Status: incidents.Resolved, ResolvedAt: at}, incidents.KindPagerDutyResolved)
	v.past[string(incidents.KindPagerDutyResolved)] = at
}

// announce is a pass that deletes nothing yet, and remove one that does.
func (v *evidence) announce() {
	v.t.Helper()
	_, err := v.db.RemoveRecordings(v.t.Context(), store.Removal{Keep: keepForTests})
	testkit.OK(v.t, err)
}

func (v *evidence) remove() (gone int) {
	v.t.Helper()
	gone, err := v.db.RemoveRecordings(v.t.Context(), store.Removal{Keep: keepForTests, Grace: time.Nanosecond})
	testkit.OK(v.t, err)
	return gone
}

func (v *evidence) count(sql string) (n int) {
	v.t.Helper()
	testkit.OK(v.t, v.db.Pool().QueryRow(v.t.Context(), sql).Scan(&n))
	return n
}

func (v *evidence) chunks() int { return v.count(`SELECT count(*) FROM recording_chunks`) }

func TestRecordingsAreRemovedAfterTheirTimeAndNotBefore(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		session, resolved time.Duration // ago; 0: not yet
		gone              int
	}{
		"long over":                         {100 * day, 95 * day, 1},
		"resolved a little less long ago":   {100 * day, 89 * day, 0},
		"still open":                        {100 * day, 0, 0},
		"a session that ended only of late": {80 * day, 95 * day, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := oldNight(t, c.session, c.resolved)
			if gone := v.remove(); gone != c.gone {
				t.Errorf("%d recordings are gone, want %d", gone, c.gone)
			}
			if left := v.chunks(); (left == 0) != (c.gone > 0) {
				t.Errorf("%d pieces are left", left)
			}
			v.wants(1, "")
		})
	}
}

func TestARecordingOutsideOfIncidentsIsRemovedByItsSessionsEnd(t *testing.T) {
	t.Parallel()
	v := newEvidence(t)
	v.record("LATE", 0, time.Hour, "late\n")
	v.record("OLD", 0, 2*keepForTests, "old\n")
	v.date(0)
	if gone := v.remove(); gone != 1 || v.chunks() != 1 {
		t.Errorf("%d are gone, %d pieces are left", gone, v.chunks())
	}
	v.wants(0, "")
}

// TestASessionWhoseEndIsNotToldKeepsItsRecording: the end says what it held.
func TestASessionWhoseEndIsNotToldKeepsItsRecording(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	v.attack(`UPDATE terminal_sessions SET audited = false`)
	if gone := v.remove(); gone != 0 {
		t.Errorf("%d are gone", gone)
	}
}

func TestRemovedRecordingsAreSaidToBeByVerifyAndByExports(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	v.remove()
	proof, err := v.Prove(t.Context(), 1)
	testkit.OK(t, err)
	if len(proof.Findings) > 0 || proof.Removed != 1 || proof.Recordings != 0 || proof.Unsealed != 0 {
		t.Errorf("got %+v", proof)
	}
	if said := strength(proof); !strings.Contains(said, "1 recordings removed after 90 days, hashes kept") {
		t.Errorf("verify says %q", said)
	}
	in, err := v.db.Incident(t.Context(), 1)
	testkit.OK(t, err)
	for _, format := range []string{"md", "html"} {
		var doc bytes.Buffer
		testkit.OK(t, v.Export(t.Context(), &doc, format, in, true))
		if !strings.Contains(doc.String(), "the recording was removed after 90 days, its hash is kept") || strings.Contains(doc.String(), "ONE.cast") {
			t.Errorf("%s does not say it:\n%s", format, doc.String())
		}
	}
	var doc bytes.Buffer
	testkit.OK(t, v.Export(t.Context(), &doc, "zip", in, true))
	if held := recordingsIn(t, doc.Bytes()); len(held) > 0 {
		t.Errorf("the zip holds %v", held)
	}
}

// TestNothingElseRemovesARecording: neither a delete without an entry, nor one with another's entry; and where the trigger is away,
// it is found.
func TestNothingElseRemovesARecording(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, time.Hour)
	for _, sql := range []string{
		`DELETE FROM recording_chunks`,
		`WITH r AS (UPDATE recordings SET removal = (SELECT min(id) FROM timeline)) DELETE FROM recording_chunks`,
		`UPDATE recording_chunks SET seq = seq + 10`,
		`TRUNCATE recording_chunks`,
	} {
		if _, err := v.db.Pool().Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	v.attack(`UPDATE recordings SET removal = (SELECT max(id) FROM timeline), emptied_at = now()`)
	v.attack(`DELETE FROM recording_chunks`)
	v.wants(1, "recording ONE had 3 pieces when its session ended, and has 0")
}

// TestTheRemovalHidesNothing: what was changed before shows after it as well, and a removal that somebody writes by hand does not count.
func TestTheRemovalHidesNothing(t *testing.T) {
	t.Parallel()
	for attack, want := range map[string]string{
		`DELETE FROM recording_chunks WHERE seq = 1`:                   "recording ONE had 3 pieces when its session ended, and 2 when it was removed after 90 days",
		`UPDATE recording_chunks SET chunk = '\x016100' WHERE seq = 1`: "recording ONE was not what was recorded when it was removed",
		`UPDATE recordings SET ended_at = now() - interval '1 year'`:   "",
	} {
		v := oldNight(t, 2*keepForTests, 2*keepForTests)
		v.attack(attack)
		if gone := v.remove(); gone != 1 {
			t.Errorf("after %s, %d are gone", attack, gone)
		}
		v.wants(1, want)
	}
	v := oldNight(t, time.Hour, 0)
	v.attack(`INSERT INTO timeline (incident_id, seq, occurred_at, recorded_at, kind, actor, source, summary, details, hash)
		SELECT 1, 100, now(), now(), 'terminal.recordings.removed', '{}', '{}', '',
			json_build_object('kept_for', '90 days', 'recordings', (SELECT details->'recordings' FROM timeline WHERE kind = 'terminal.ended')), ''`)
	v.attack(`UPDATE recordings SET removal = (SELECT max(id) FROM timeline)`)
	v.attack(`DELETE FROM recording_chunks`)
	v.wants(1, "entry 100")
}

// TestARemovalThatWasInterruptedIsFinished: between what is said and what is done, and in the middle of it, the bot may be gone.
func TestARemovalThatWasInterruptedIsFinished(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	v.announce()
	if v.chunks() != 3 {
		t.Fatalf("%d pieces are left: whoever reads has lost what they read", v.chunks())
	}
	v.wants(1, "")
	_, err := v.db.Pool().Exec(t.Context(), `DELETE FROM recording_chunks WHERE seq = 0`) // half of it, as a bot that is killed leaves it
	testkit.OK(t, err)
	v.wants(1, "")
	if gone := v.remove(); gone != 1 || v.chunks() != 0 {
		t.Errorf("%d are gone, %d pieces are left", gone, v.chunks())
	}
	if again := v.remove(); again != 0 {
		t.Errorf("%d are gone once more", again)
	}
	if said := v.count(`SELECT count(*) FROM timeline WHERE kind = 'terminal.recordings.removed'`); said != 1 {
		t.Errorf("it is said %d times", said)
	}
	v.wants(1, "")
}

// TestSeveralBotsRemoveARecordingOnce, in bounded pieces of work.
func TestSeveralBotsRemoveARecordingOnce(t *testing.T) {
	t.Parallel()
	v := oldNight(t, 2*keepForTests, 2*keepForTests)
	for _, id := range "0123456789abcdefghijklmnopqrstuvwxyz" {
		v.record(string(id), 1, 2*keepForTests, "text\n")
	}
	v.date(1)
	gone := make([]int, 4)
	for range 40 {
		var all sync.WaitGroup
		for bot := range gone {
			all.Go(func() {
				n, err := v.db.RemoveRecordings(t.Context(), store.Removal{Keep: keepForTests, Grace: time.Nanosecond})
				if err != nil {
					t.Error(err)
				}
				gone[bot] += n
			})
		}
		all.Wait()
	}
	sum := gone[0] + gone[1] + gone[2] + gone[3]
	entries := v.count(`SELECT count(*) FROM timeline WHERE kind = 'terminal.recordings.removed'`)
	if sum != 37 || v.chunks() != 0 || entries != 2 {
		t.Errorf("%v are gone by %d entries, %d pieces are left", gone, entries, v.chunks())
	}
	v.wants(1, "")
}
