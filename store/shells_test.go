package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// recorded is a shell of Ada's in a container, which has shown something if chunks says so.
func recorded(t *testing.T, s *store.TerminalStore, id string, incident int64, container string, at time.Time, chunks ...string) {
	t.Helper()
	g := access.Grant{
		Person: access.Holder{Person: access.Person{Name: "Ada"}, Via: access.Via{Console: "of the console"}}, IncidentID: incident, Container: container, Name: "web", Mode: access.ModeShell,
	}
	testkit.OK(t, s.OpenSeat(t.Context(), terminal.Session{ID: "S" + id, Grant: g, OpenedAt: at, ExpiresAt: at.Add(time.Hour)}))
	testkit.OK(t, s.BeginRecording(t.Context(), terminal.Recording{ID: id, SessionID: "S" + id, IncidentID: incident, Container: "web", StartedAt: at}))
	for i, chunk := range chunks {
		testkit.OK(t, s.AppendRecording(t.Context(), id, i, []byte(chunk)))
	}
}

func TestTheLastShellsOfAContainerAreFound(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	s := store.NewTerminalStore(db.Pool(), testkit.Ring(t))
	in, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, evening)
	at := evening.Truncate(time.Second)
	for i := range 4 {
		recorded(t, s, fmt.Sprint("LOOSE", i), 0, key, at.Add(time.Duration(i)*time.Minute), "shown")
	}
	recorded(t, s, "NIGHT", in.ID, key, at.Add(10*time.Minute), "shown", "more")
	recorded(t, s, "EMPTY", 0, key, at.Add(20*time.Minute))
	recorded(t, s, "OTHER", 0, "E1/name/other", at.Add(30*time.Minute), "shown")
	testkit.OK(t, s.EndRecording(t.Context(), "NIGHT", at.Add(14*time.Minute)))
	removed, err := db.Record(t.Context(), incidents.Entry{Kind: incidents.KindRecordingsRemoved, Actor: incidents.Self(), Summary: "removed"})
	testkit.OK(t, err)
	admin(t, dsn, fmt.Sprintf(`UPDATE recordings SET removal = %d WHERE id = 'LOOSE3'`, removed.ID))

	night := incidents.Shell{Recording: "NIGHT", Incident: in.ID, Container: key, By: "Ada", StartedAt: at.Add(10 * time.Minute), EndedAt: at.Add(14 * time.Minute)}
	loose := incidents.Shell{Recording: "LOOSE2", Container: key, By: "Ada", StartedAt: at.Add(2 * time.Minute)}
	got, err := db.ShellsIn(t.Context(), key, 2)
	testkit.OK(t, err)
	if d := cmp.Diff([]incidents.Shell{night, loose}, got); d != "" {
		t.Errorf("the last two (-want +got):\n%s", d)
	}
	if got, err := db.Shell(t.Context(), "LOOSE3"); err != nil || got.Container != key {
		t.Errorf("the one that was removed: %+v, %v", got, err)
	}
	if _, err := db.Shell(t.Context(), "NONE"); !errors.Is(err, incidents.ErrNoRecording) {
		t.Errorf("one that there is not: %v", err)
	}
	if rec, err := s.Recording(t.Context(), "NIGHT"); err != nil || rec.ID != "NIGHT" || rec.Bytes == 0 {
		t.Errorf("what it has shown: %+v, %v", rec, err)
	}
	for _, id := range []string{"LOOSE3", "EMPTY", "NONE"} {
		if _, err := s.Recording(t.Context(), id); !errors.Is(err, incidents.ErrNoRecording) {
			t.Errorf("what %s has shown: %v", id, err)
		}
	}
	admin(t, dsn, `UPDATE recordings SET container_key = NULL WHERE id = 'NIGHT'`) // as a bot of an earlier release leaves it
	if got, err := db.Shell(t.Context(), "NIGHT"); err != nil || got.Container != key {
		t.Errorf("of an earlier release: %+v, %v", got, err)
	}
}

func TestWhatWasResolvedLatelyComesWithItsChannel(t *testing.T) {
	db := setup(t)
	over := func(id string, at time.Time) int64 {
		in, _ := receive(t, db, id, incidents.Incident{PagerDutyID: id, Status: incidents.Resolved, ResolvedAt: at}, at)
		return in.ID
	}
	last := over("P1", evening.Add(3*time.Hour)) // the first that was opened is the last that was resolved
	over("P2", evening.Add(time.Hour))
	first := over("P3", evening.Add(2*time.Hour))
	receive(t, db, "P4", incidents.Incident{PagerDutyID: "P4", Status: incidents.Triggered}, evening)
	got, err := db.ResolvedIncidents(t.Context(), evening.Add(time.Hour), 2)
	testkit.OK(t, err)
	if len(got) != 2 || got[0].ID != last || got[1].ID != first {
		t.Errorf("the last two are %+v", got)
	}
	if got, err := db.ResolvedIncidents(t.Context(), evening.Add(2*time.Hour), 9); err != nil || len(got) != 1 {
		t.Errorf("in the last hour: %+v, %v", got, err)
	}
	stands(t, db, last, "C1", "1.2")
	stands(t, db, first, "C2", "") // it is being posted
	channels, err := db.MessageChannels(t.Context(), []int64{first, last})
	testkit.OK(t, err)
	if d := cmp.Diff(map[int64]string{last: "C1"}, channels); d != "" {
		t.Errorf("their channels (-want +got):\n%s", d)
	}
}

func stands(t *testing.T, db *store.DB, incident int64, channel, ts string) {
	t.Helper()
	testkit.OK(t, db.WithMessage(t.Context(), incident, func(_ context.Context, m incidents.Message, save func(incidents.Message) error) error {
		m.Channel, m.TS = channel, ts
		return save(m)
	}))
}
