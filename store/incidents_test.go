package store_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

func TestDeliveryTwiceIsOneEntry(t *testing.T) {
	db := setup(t)
	in := incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered, OpenedAt: evening}
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			d := incidents.Delivery{Source: "pagerduty", NativeID: []string{"W1", "W2"}[i%2], EventID: "E1", Body: []byte("{}")}
			ok, err := db.ReceiveEvent(t.Context(), d, in, evening, incidents.Entry{Kind: "incident.triggered", Summary: "x"})
			if err != nil {
				t.Error(err)
			}
			if ok {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 1 {
		t.Errorf("%d of 8 deliveries of one event were new", fresh.Load())
	}
	got, err := db.FindIncident(t.Context(), "P1")
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := db.Entries(t.Context(), got.ID, 0); err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

func TestEventThatIsSentAgainMuchLaterIsNotToldAgain(t *testing.T) {
	db := setup(t)
	in := incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered, OpenedAt: evening}
	for i, want := range []bool{true, false} {
		d := incidents.Delivery{Source: "pagerduty", NativeID: []string{"W1", "W2"}[i], EventID: "E1", Body: []byte("{}")}
		e := incidents.Entry{Kind: "incident.triggered", Summary: "x", Source: incidents.Source{System: "pagerduty", NativeID: "E1"}}
		if fresh, err := db.ReceiveEvent(t.Context(), d, in, evening, e); err != nil || fresh != want {
			t.Errorf("delivery %d: fresh %v, %v", i, fresh, err)
		}
		if err := db.ForgetDeliveries(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.FindIncident(t.Context(), "P1")
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := db.Entries(t.Context(), got.ID, 0); err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestWhatWasReadFromTheRecordIsNotToldAgainByALateWebhook has both orders, and events that are like it and others.
func TestWhatWasReadFromTheRecordIsNotToldAgainByALateWebhook(t *testing.T) {
	db := setup(t)
	acked, second := incidents.KindPagerDutyAcked, evening.Truncate(time.Second)
	for _, step := range []struct {
		native string
		kind   incidents.Kind
		at     time.Time
		fresh  bool
	}{
		{"record R1", incidents.KindPagerDutyTriggered, second, true},
		{"record R2", acked, second, true},
		{"E2", acked, second.Add(300 * time.Millisecond), false}, // the same
		{"E3", acked, second.Add(10 * time.Second), true},        // later
		{"E4", acked, second.Add(10 * time.Second), true},        // both came by webhook: two
		{"record R3", acked, second.Add(11 * time.Second), false},
		{"E5", incidents.KindPagerDutyResolved, second, true},
		{"record R4", incidents.KindPagerDutyNoted, second, true},
		{"E6", incidents.KindPagerDutyNoted, second, true}, // another note: what it says is not the same
	} {
		in := incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered, OpenedAt: evening}
		e := incidents.Entry{Kind: step.kind, OccurredAt: step.at, Summary: step.native, Source: incidents.Source{System: "pagerduty", NativeID: step.native}}
		d := incidents.Delivery{Source: "pagerduty", NativeID: "of " + step.native, EventID: step.native, Body: []byte("{}")}
		if fresh, err := db.ReceiveEvent(t.Context(), d, in, step.at, e); err != nil || fresh != step.fresh {
			t.Errorf("%s: fresh %v, %v", step.native, fresh, err)
		}
	}
}

func TestLateEventDoesNotTurnTheIncidentBack(t *testing.T) {
	db := setup(t)
	minute := func(n int) time.Time { return evening.Add(time.Duration(n) * time.Minute) }
	receive(t, db, "E3", incidents.Incident{PagerDutyID: "P1", Title: "new", Status: incidents.Resolved, ResolvedAt: minute(3), ResolvedBy: "Maria"}, minute(3))
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Title: "old", Status: incidents.Triggered}, minute(1))
	got, _ := receive(t, db, "E2", incidents.Incident{PagerDutyID: "P1", Status: incidents.Acknowledged, AcknowledgedAt: minute(2), AcknowledgedBy: "Maria"}, minute(2))
	if got.Status != incidents.Resolved || got.Title != "new" || got.ResolvedBy != "Maria" {
		t.Errorf("got %+v", got)
	}
	if !got.AcknowledgedAt.Equal(minute(2).Truncate(time.Microsecond)) {
		t.Errorf("acknowledged at %s", got.AcknowledgedAt)
	}
}

func TestReopenedIncidentIsOpen(t *testing.T) {
	db := setup(t)
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Resolved, ResolvedAt: evening}, evening)
	got, _ := receive(t, db, "E2", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, evening.Add(time.Minute))
	if !got.Open() || !got.ResolvedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestNoteDoesNotChangeTheStatus(t *testing.T) {
	db := setup(t)
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Title: "shop is down", Status: incidents.Acknowledged}, evening)
	got, _ := receive(t, db, "E2", incidents.Incident{PagerDutyID: "P1", Title: "Re: shop"}, evening.Add(time.Minute))
	if got.Status != incidents.Acknowledged || got.Title != "shop is down" {
		t.Errorf("got %+v", got)
	}
	got, _ = receive(t, db, "E3", incidents.Incident{PagerDutyID: "P2"}, evening)
	if got.Status != incidents.Triggered {
		t.Errorf("an incident that is known by a note only is %q", got.Status)
	}
}

func TestTwoBotsMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := store.Migrate(t.Context(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := open(t, dsn).Record(t.Context(), incidents.Entry{Kind: "note"}); err != nil {
		t.Error(err)
	}
}

func TestEventFromTheFutureDoesNotFreezeAnIncident(t *testing.T) {
	db := setup(t)
	receive := func(id string, at time.Time, status incidents.Status) {
		t.Helper()
		in := incidents.Incident{PagerDutyID: "P1", Title: "title " + id, Status: status, OpenedAt: at}
		switch status {
		case incidents.Acknowledged:
			in.AcknowledgedAt = at
		case incidents.Resolved:
			in.ResolvedAt = at
		}
		d := incidents.Delivery{Source: "pagerduty", NativeID: "W" + id, EventID: id, Body: []byte("{}")}
		e := incidents.Entry{Kind: incidents.Kind("incident." + string(status)), Summary: "x", OccurredAt: at, Source: incidents.Source{System: "pagerduty", NativeID: id}}
		if fresh, err := db.ReceiveEvent(t.Context(), d, in, at, e); err != nil || !fresh {
			t.Fatalf("%s: fresh %v, %v", id, fresh, err)
		}
	}
	before := time.Now().Add(-time.Second)
	receive("E1", time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), incidents.Triggered)
	receive("E2", time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), incidents.Acknowledged)
	receive("E3", time.Now(), incidents.Resolved)
	got, err := db.FindIncident(t.Context(), "P1")
	if err != nil || got.Status != incidents.Resolved || got.Title != "title E3" {
		t.Errorf("it is %s, %q, %v", got.Status, got.Title, err)
	}
	entries, err := db.Entries(t.Context(), got.ID, 0)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	times := []time.Time{got.OpenedAt, got.AcknowledgedAt, got.ResolvedAt}
	for _, e := range entries {
		times = append(times, e.OccurredAt)
	}
	for i, at := range times {
		if at.Before(before) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("time %d is %s", i, at)
		}
	}
}

// PagerDuty's moments can be alike, and deliveries overtake each other.
func TestEventsOfOneMomentComeToTheSameInAnyOrder(t *testing.T) {
	db := setup(t)
	open := incidents.Incident{Status: incidents.Triggered, OpenedAt: evening}
	acked := incidents.Incident{Status: incidents.Acknowledged, AcknowledgedAt: evening, AcknowledgedBy: "Maria"}
	over := incidents.Incident{Status: incidents.Resolved, ResolvedAt: evening, ResolvedBy: "Maria"}
	for id, order := range map[string][]incidents.Incident{"P1": {open, over}, "P2": {over, open}, "P3": {over, acked, open}, "P4": {acked, over, open}} {
		var got incidents.Incident
		for i, in := range order {
			in.PagerDutyID = id
			kind := map[incidents.Status]incidents.Kind{
				incidents.Triggered: incidents.KindPagerDutyTriggered, incidents.Acknowledged: incidents.KindPagerDutyAcked, incidents.Resolved: incidents.KindPagerDutyResolved,
			}[in.Status]
			event := id + "E" + string(rune('0'+i))
			d := incidents.Delivery{Source: "pagerduty", NativeID: event, EventID: event, Body: []byte("{}")}
			if _, err := db.ReceiveEvent(t.Context(), d, in, evening, incidents.Entry{Kind: kind, Summary: "x"}); err != nil {
				t.Fatal(err)
			}
			got, _ = db.FindIncident(t.Context(), id)
		}
		if got.Open() || got.ResolvedAt.IsZero() || got.ResolvedBy != "Maria" {
			t.Errorf("%s: got %+v", id, got)
		}
	}
}

func TestSecondAcknowledgementIsTheLastAndTheFirstStaysTheFirst(t *testing.T) {
	db := setup(t)
	minute := func(n int) time.Time { return evening.Add(time.Duration(n) * time.Minute) }
	ack := func(who string, n int) incidents.Incident {
		return incidents.Incident{PagerDutyID: "P1", Status: incidents.Acknowledged, AcknowledgedAt: minute(n), AcknowledgedBy: who}
	}
	receive(t, db, "E1", ack("Maria", 1), minute(1))
	receive(t, db, "E2", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, minute(2))
	got, _ := receive(t, db, "E3", ack("Ben", 3), minute(3))
	if got.AcknowledgedBy != "Maria" || got.LastAcknowledgedBy != "Ben" || !got.LastAcknowledgedAt.Equal(minute(3).Truncate(time.Microsecond)) {
		t.Errorf("got %+v", got)
	}
	if got, _ = receive(t, db, "E0", ack("Early", 0), minute(0)); got.AcknowledgedBy != "Early" || got.LastAcknowledgedBy != "Ben" {
		t.Errorf("one that comes late: got %+v", got)
	}
}

// before00123 is what an incident was signed as before migration 00123. It must not change with Incident.
type before00123 struct {
	ID             int64            `json:"id"`
	PagerDutyID    string           `json:"pagerduty_id"`
	Number         int64            `json:"number"`
	Title          string           `json:"title"`
	ServiceID      string           `json:"service_id"`
	Service        string           `json:"service"`
	Status         incidents.Status `json:"status"`
	Urgency        string           `json:"urgency"`
	Priority       string           `json:"priority,omitempty"`
	URL            string           `json:"url,omitempty"`
	OpenedAt       time.Time        `json:"opened_at,omitzero"`
	AcknowledgedAt time.Time        `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string           `json:"acknowledged_by,omitempty"`
	RestoredAt     time.Time        `json:"restored_at,omitzero"`
	FlatAt         time.Time        `json:"flat_at,omitzero"`
	ResolvedAt     time.Time        `json:"resolved_at,omitzero"`
	ResolvedBy     string           `json:"resolved_by,omitempty"`
}

func (b before00123) digest(t *testing.T) []byte {
	t.Helper()
	doc, err := json.Marshal(b)
	testkit.OK(t, err)
	sum := sha256.Sum256(doc)
	return sum[:]
}

func TestIncidentOfAnOlderReleaseIsStillAsItWasSigned(t *testing.T) {
	db := setup(t)
	acked := incidents.Incident{PagerDutyID: "P1", Number: 12, Title: "500s", Status: incidents.Acknowledged, AcknowledgedAt: evening, AcknowledgedBy: "Maria"}
	receive(t, db, "E1", acked, evening)
	_, err := db.Pool().Exec(t.Context(), `UPDATE incidents SET last_acknowledged_at = DEFAULT, last_acknowledged_by = DEFAULT,
		restored_at = $1, flat_at = $1`, evening)
	testkit.OK(t, err)
	in, err := db.FindIncident(t.Context(), "P1")
	testkit.OK(t, err)
	entries, err := db.Entries(t.Context(), in.ID, 0)
	testkit.OK(t, err)

	old := before00123{
		ID: in.ID, PagerDutyID: "P1", Number: 12, Title: "500s", Status: incidents.Acknowledged, OpenedAt: in.OpenedAt,
		AcknowledgedAt: in.OpenedAt, AcknowledgedBy: "Maria", RestoredAt: in.OpenedAt, FlatAt: in.OpenedAt,
	}
	entries[len(entries)-1].Sign(testkit.Ring(t), old.digest(t))
	proof, err := incidents.Prove(incidents.List(entries), in, testkit.Ring(t), nil)
	testkit.OK(t, err)
	if !proof.RowSigned || len(proof.Findings) > 0 {
		t.Errorf("got %+v", proof)
	}
	if by, at := in.LastAcknowledgement(); by != "Maria" || !at.Equal(in.AcknowledgedAt) {
		t.Errorf("acknowledged by %q at %s", by, at)
	}
}

// TestARecordAndAWebhookAtOnceAreOneEvent has both under way, of incidents that are known and of new ones.
func TestARecordAndAWebhookAtOnceAreOneEvent(t *testing.T) {
	db := setup(t)
	for i := range 20 {
		id := fmt.Sprint("P", i/2) // each twice: new at first
		kind := []incidents.Kind{incidents.KindPagerDutyTriggered, incidents.KindPagerDutyAcked}[i%2]
		var fresh atomic.Int64
		var both sync.WaitGroup
		for _, native := range []string{fmt.Sprint("record R", i), fmt.Sprint("E", i)} {
			both.Go(func() {
				in := incidents.Incident{PagerDutyID: id, Status: incidents.Triggered, OpenedAt: evening}
				e := incidents.Entry{Kind: kind, OccurredAt: evening, Summary: native, Source: incidents.Source{System: "pagerduty", NativeID: native}}
				d := incidents.Delivery{Source: "pagerduty", NativeID: native, EventID: native, Body: []byte("{}")}
				ok, err := db.ReceiveEvent(t.Context(), d, in, evening, e)
				if err != nil {
					t.Error(err)
				}
				if ok {
					fresh.Add(1)
				}
			})
		}
		both.Wait()
		if got := fresh.Load(); got != 1 {
			t.Errorf("%s %s: %d are news, want 1", id, kind, got)
		}
	}
}
