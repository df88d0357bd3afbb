package main

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// evidence is a night in a database, and what proves it.
type evidence struct {
	incidents.Evidence
	db   *store.DB
	t    testing.TB
	file string
	keys *keyring.Ring
	past map[string]time.Time // when entries are to have been written: by the recording that they name, or by their kind
}

func newEvidence(t testing.TB) *evidence {
	t.Helper()
	keys := testkit.Ring(t)
	db := storetest.Open(t, storetest.URL(t), keys)
	v := &evidence{incidents.Evidence{Timelines: db, Recorded: store.NewTerminalStore(db.Pool(), keys), Keys: keys}, db, t, filepath.Join(t.TempDir(), "anchors"), keys, map[string]time.Time{}}
	v.reopen()
	now := time.Now()
	in := incidents.Incident{PagerDutyID: "PNIGHT1", Title: "Checkout is down", Status: incidents.Triggered, OpenedAt: now}
	_, err := db.ReceiveEvent(t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: "1", Body: []byte("{}")}, in, now, incidents.Entry{Kind: "incident.triggered", OccurredAt: now})
	testkit.OK(t, err)
	v.say(1, "first", "second")
	v.say(0, "a deploy")
	return v
}

// reopen is a bot that starts.
func (v *evidence) reopen() {
	v.t.Helper()
	noted, err := incidents.OpenAnchors(v.file, v.keys, slog.New(slog.DiscardHandler))
	testkit.OK(v.t, err)
	v.Anchors = noted
}

func (v *evidence) say(incident int64, lines ...string) {
	v.t.Helper()
	for _, line := range lines {
		_, err := v.db.Record(v.t.Context(), incidents.Entry{IncidentID: incident, Kind: "note", Summary: line})
		testkit.OK(v.t, err)
	}
}

// receive is a webhook that comes now.
func (v *evidence) receive(in incidents.Incident, kind incidents.Kind) {
	v.t.Helper()
	now := time.Now()
	fresh, err := v.db.ReceiveEvent(v.t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: rand.Text(), Body: []byte("{}")}, in, now, incidents.Entry{Kind: kind, OccurredAt: now})
	testkit.OK(v.t, err)
	if !fresh {
		v.t.Fatal("it is known already")
	}
}

func (v *evidence) note() {
	v.t.Helper()
	testkit.OK(v.t, v.Anchors.Note(v.t.Context(), v.db, time.Now()))
}

// attack is done by somebody who may do anything in the database.
func (v *evidence) attack(sql string, args ...any) {
	v.t.Helper()
	v.disarm()
	_, err := v.db.Pool().Exec(v.t.Context(), sql, args...)
	testkit.OK(v.t, err)
}

func (v *evidence) disarm() {
	v.t.Helper()
	for _, s := range []string{`ALTER TABLE timeline DISABLE TRIGGER USER`, `ALTER TABLE recording_chunks DISABLE TRIGGER USER`} {
		_, err := v.db.Pool().Exec(v.t.Context(), s)
		testkit.OK(v.t, err)
	}
}

// forge computes an incident's timeline anew, with another summary of its second entry, as somebody without the keys can.
func (v *evidence) forge(keys incidents.Signer) {
	v.t.Helper()
	v.disarm()
	v.rewrite(1, keys, func(e *incidents.Entry) {
		if e.Seq == 2 {
			e.Summary = "nothing happened"
		}
	})
}

// rewrite computes a timeline anew.
func (v *evidence) rewrite(incident int64, keys incidents.Signer, change func(*incidents.Entry)) {
	v.t.Helper()
	entries, err := v.db.Entries(v.t.Context(), incident, 0)
	testkit.OK(v.t, err)
	var prev []byte
	for _, e := range entries {
		change(&e)
		testkit.OK(v.t, e.Seal(prev))
		prev = e.Hash
		if keys != nil && e.Signed() {
			e.Sign(keys, e.Signature.State)
		}
		_, err := v.db.Pool().Exec(v.t.Context(), `UPDATE timeline SET summary = $2, prev_hash = $3, hash = $4, key_id = nullif($5, ''), mac = $6,
			recorded_at = $7, occurred_at = $8 WHERE id = $1`,
			e.ID, e.Summary, e.PrevHash, e.Hash, e.Signature.KeyID, e.Signature.MAC, e.RecordedAt, e.OccurredAt)
		testkit.OK(v.t, err)
	}
}

func (v *evidence) wants(incident int64, finding string) {
	v.t.Helper()
	proof, err := v.Prove(v.t.Context(), incident)
	testkit.OK(v.t, err)
	found := strings.Join(proof.Findings, "\n")
	if finding == "" && found != "" || !strings.Contains(found, finding) {
		v.t.Errorf("want %q, found %q", finding, found)
	}
}

func TestWhatWasWrittenHoldsAndSaysHowMuchIsShown(t *testing.T) {
	t.Parallel()
	v := newEvidence(t)
	v.note()
	v.say(1, "third")
	proof, err := v.Prove(t.Context(), 1)
	testkit.OK(t, err)
	if len(proof.Findings) > 0 || proof.Entries != 4 || proof.SignedFrom != 1 || !proof.RowSigned || proof.AnchoredTo != 3 || proof.AnchoredAt.IsZero() {
		t.Errorf("got %+v", proof)
	}
	v.note()
	v.reopen()
	v.note()
	text, err := os.ReadFile(v.file)
	testkit.OK(t, err)
	if n := strings.Count(string(text), "\n"); n != 3 {
		t.Errorf("%d anchors, of two timelines, one of which has moved on once:\n%s", n, text)
	}
	v.wants(0, "")
	v.wants(1, "")
}

// TestTimelinesAreAnchoredFromTheStart of a bot on, by itself, until it is stopped.
func TestTimelinesAreAnchoredFromTheStart(t *testing.T) {
	t.Parallel()
	v := newEvidence(t)
	stop := v.Anchors.Daily(v.db)
	testkit.Eventually(t, "both timelines are anchored", func() bool {
		text, _ := os.ReadFile(v.file)
		return strings.Count(string(text), "\n") == 2
	})
	testkit.OK(t, stop(t.Context()))
	v.wants(1, "")
}

func TestATimelineThatWasComputedAnewIsFound(t *testing.T) {
	t.Parallel()
	other, err := keyring.Parse("a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")
	testkit.OK(t, err)
	for name, keys := range map[string]incidents.Signer{"without the keys": nil, "with others of the same name": other} {
		v := newEvidence(t)
		v.forge(keys)
		v.wants(1, "not signed with any of the secret keys")
		t.Log(name)
	}
	v := newEvidence(t)
	v.note()
	v.attack(`UPDATE timeline SET key_id = NULL, mac = NULL, state = NULL`)
	v.forge(nil)
	v.wants(1, "entry 3 is another one than was noted on")
	v = newEvidence(t)
	v.attack(`UPDATE timeline SET key_id = NULL, mac = NULL, state = NULL WHERE seq > 1`)
	v.wants(1, "entry 2 is not signed, and one before it is")
	v = newEvidence(t)
	v.say(1, "third")
	v.note()
	v.attack(`DELETE FROM timeline WHERE seq > 2`)
	v.wants(1, "it ends with entry 2, and had 4 on")
}

func TestEntriesFromBeforeTheSignaturesCountFromTheFirstAnchorOn(t *testing.T) {
	t.Parallel()
	v := newEvidence(t)
	v.attack(`UPDATE timeline SET key_id = NULL, mac = NULL, state = NULL`) // as an older release has left them
	v.wants(1, "entries 1 to 3 are not signed, and were not noted")
	v.note()
	v.wants(1, "")
	v.say(1, "signed")
	v.wants(1, "")
	v.forge(nil)
	v.wants(1, "entry 3 is another one")
}

func TestAnIncidentsOwnColumnsAreCovered(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"status = 'resolved'", "acknowledged_at = now()", "opened_at = opened_at - interval '1 s'", "title = 'x'", "restored_at = now()"} {
		v := newEvidence(t)
		v.attack(`UPDATE incidents SET ` + change)
		v.wants(1, "own columns (status, times, names) are not as entry 3 has left them")
	}
}

// TestWhatTheBotWritesNextDoesNotCoverAChangedRow: it signs the row as it finds it.
func TestWhatTheBotWritesNextDoesNotCoverAChangedRow(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(*evidence){
		"a note": func(v *evidence) { v.say(1, "honest") },
		"a webhook": func(v *evidence) {
			v.receive(incidents.Incident{PagerDutyID: "PNIGHT1", Status: incidents.Acknowledged, AcknowledgedAt: time.Now(), AcknowledgedBy: "Maria"}, incidents.KindPagerDutyAcked)
		},
		"an end": func(v *evidence) { v.resolve(time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEvidence(t)
			next(v)
			v.wants(1, "")
			v = newEvidence(t)
			v.attack(`UPDATE incidents SET opened_at = opened_at - interval '1 hour'`)
			next(v)
			v.say(1, "and more")
			const finding = "own columns (status, times, names) were not as entry 3 had left them when entry 4 was written"
			v.wants(1, finding)
			entries, err := v.db.Entries(t.Context(), 1, 0)
			testkit.OK(t, err)
			if len(entries) != 6 || entries[3].Kind != incidents.KindRowChanged || !strings.Contains(entries[3].Summary, "as entry 3 has left them") {
				t.Errorf("%d entries: %+v", len(entries), entries)
			}
		})
	}
}

// TestASpoiledSignatureDoesNotCoverAChangedRow: whoever changes an incident's row may spoil the last entry's signature as well, wait until
// the bot has written something, and put the signature back.
func TestASpoiledSignatureDoesNotCoverAChangedRow(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"an unknown key": `UPDATE timeline SET key_id = 'x' WHERE incident_id = 1 AND seq = 3`,
		"a wrong one":    `UPDATE timeline SET mac = '\x00' WHERE incident_id = 1 AND seq = 3`,
		"none":           `UPDATE timeline SET key_id = NULL, mac = NULL, state = NULL WHERE incident_id = 1 AND seq = 3`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for change, finding := range map[string]string{
				`SELECT 1`: "",
				`UPDATE incidents SET opened_at = opened_at - interval '1 hour'`: "own columns (status, times, names) were not as entry 3 had left them when entry 4 was written",
			} {
				v := newEvidence(t)
				v.attack(`CREATE TABLE kept AS SELECT key_id, mac, state FROM timeline WHERE incident_id = 1 AND seq = 3`)
				v.attack(spoil)
				v.attack(change)
				v.say(1, "honest", "and more")
				v.attack(`UPDATE timeline SET (key_id, mac, state) = (SELECT key_id, mac, state FROM kept) WHERE incident_id = 1 AND seq = 3`)
				v.wants(1, finding)
			}
		})
	}
}

// TestBotsThatGetANewKeyOneAfterTheOtherRaiseNoAlarm: for a while one of them signs with a key that the other one does not have.
func TestBotsThatGetANewKeyOneAfterTheOtherRaiseNoAlarm(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	const was, is = "a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "b:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
	old, err := keyring.Parse(was)
	testkit.OK(t, err)
	both, err := keyring.Parse(is + "," + was)
	testkit.OK(t, err)
	first, second := storetest.Open(t, url, old), storetest.Open(t, url, both)
	now := time.Now()
	in := incidents.Incident{PagerDutyID: "PNIGHT1", Status: incidents.Triggered, OpenedAt: now}
	_, err = first.ReceiveEvent(t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: "1", Body: []byte("{}")}, in, now, incidents.Entry{Kind: "incident.triggered", OccurredAt: now})
	testkit.OK(t, err)
	for _, db := range []*store.DB{second, first, second} {
		_, err := db.Record(t.Context(), incidents.Entry{IncidentID: 1, Kind: incidents.KindNote, Summary: "a note"})
		testkit.OK(t, err)
	}
	v := &evidence{incidents.Evidence{Timelines: second, Recorded: store.NewTerminalStore(second.Pool(), both), Keys: both}, second, t, filepath.Join(t.TempDir(), "anchors"), both, nil}
	v.reopen()
	v.wants(1, "")
	entries, err := second.Entries(t.Context(), 1, 0)
	testkit.OK(t, err)
	if len(entries) != 5 || entries[2].Kind != incidents.KindRowUnproved || !strings.Contains(string(entries[2].Details), `"key":"b"`) {
		t.Errorf("%d entries: %+v", len(entries), entries)
	}
	if m, known := incidents.KindRowUnproved.Meaning(); !known || m.Mark != "" {
		t.Errorf("people are told: %+v", m)
	}
}

func TestARecordingThatLacksAPieceIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ attack, want string }{
		"nothing": {`SELECT 1`, ""},
		"middle":  {`DELETE FROM recording_chunks WHERE seq = 1`, "recording ONE had 3 pieces when its session ended, and has 2"},
		"tail":    {`DELETE FROM recording_chunks WHERE seq = 2`, "recording ONE had 3 pieces when its session ended, and has 2"},
		"all":     {`DELETE FROM recording_chunks`, "recording ONE had 3 pieces when its session ended, and has 0"},
		"swapped": {`UPDATE recording_chunks SET chunk = '\x00' WHERE seq = 1`, "recording ONE is not what was recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEvidence(t)
			records(t, v.Recorded.(*store.TerminalStore), "ONE", 1, "first\n", "second\n", "third\n")
			sealed, err := v.Recorded.(*store.TerminalStore).SealRecordings(t.Context(), "ONE", time.Now())
			testkit.OK(t, err)
			again, err := v.Recorded.(*store.TerminalStore).SealRecordings(t.Context(), "ONE", time.Now())
			testkit.OK(t, err)
			if len(sealed) != 1 || sealed[0] != again[0] || sealed[0].Chunks != 3 || sealed[0].Bytes != 19 {
				t.Fatalf("sealed %+v, then %+v", sealed, again)
			}
			if err := v.Recorded.(*store.TerminalStore).AppendRecording(t.Context(), "ONE", 3, []byte("late\n")); err == nil {
				t.Error("it grows after its end")
			}
			details, err := incidents.Details(map[string]any{"session": "ONE", "recordings": sealed})
			testkit.OK(t, err)
			_, err = v.db.Record(t.Context(), incidents.Entry{IncidentID: 1, Kind: incidents.KindTerminalEnded, Details: details})
			testkit.OK(t, err)
			v.attack(c.attack)
			v.wants(1, c.want)
		})
	}
}
