package main

import (
	"archive/zip"
	"bytes"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
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

func TestTheZipHoldsWhatTheIncidentsShellsHaveShown(t *testing.T) {
	t.Parallel()
	keys := testkit.Ring(t)
	db := storetest.Open(t, storetest.URL(t), keys)
	now := time.Now()
	for _, id := range []string{"PNIGHT1", "PNIGHT2"} {
		in := incidents.Incident{PagerDutyID: id, Status: incidents.Triggered, OpenedAt: now}
		_, err := db.ReceiveEvent(t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: id, Body: []byte("{}")}, in, now, incidents.Entry{Kind: "incident.triggered", OccurredAt: now})
		testkit.OK(t, err)
	}
	terminals := store.NewTerminalStore(db.Pool(), keys)
	noted, err := incidents.OpenAnchors(filepath.Join(t.TempDir(), "anchors"), keys, slog.New(slog.DiscardHandler))
	testkit.OK(t, err)
	records(t, terminals, "ONE", 1, "first\n", "second\n")
	records(t, terminals, "NEVERBEGUN", 1)
	records(t, terminals, "ANOTHERNIGHT", 2, "third\n")
	in, err := db.Incident(t.Context(), 1)
	testkit.OK(t, err)
	for _, c := range []struct {
		allowed bool
		want    map[string]string
	}{{false, map[string]string{}}, {true, map[string]string{"ONE.cast": "first\nsecond\n"}}} {
		var doc bytes.Buffer
		testkit.OK(t, incidents.Evidence{Timelines: db, Recorded: terminals, Keys: keys, Anchors: noted}.Export(t.Context(), &doc, "zip", in, c.allowed))
		if diff := cmp.Diff(c.want, recordingsIn(t, doc.Bytes())); diff != "" {
			t.Errorf("recordings, allowed %v (-want +got):\n%s", c.allowed, diff)
		}
	}
}

// records is a shell of an incident that has shown something.
func records(t testing.TB, s *store.TerminalStore, id string, incident int64, chunks ...string) {
	t.Helper()
	hash, now := bytes.Repeat([]byte(id[:1]), 32), time.Now()
	g := access.Grant{Person: access.Holder{Person: access.Person{Name: "Ada"}}, IncidentID: incident, Container: "k", Name: "api", Mode: access.ModeShell}
	testkit.OK(t, s.CreateLink(t.Context(), hash, "a", g, now.Add(time.Minute)))
	testkit.OK(t, s.Redeem(t.Context(), terminal.Redeemer{Token: hash, Cookie: hash}, terminal.Session{ID: id, Grant: g, OpenedAt: now, ExpiresAt: now.Add(time.Hour)}))
	testkit.OK(t, s.BeginRecording(t.Context(), terminal.Recording{ID: id, SessionID: id, IncidentID: incident, Container: "api", StartedAt: now}))
	for seq, chunk := range chunks {
		testkit.OK(t, s.AppendRecording(t.Context(), id, seq, []byte(chunk)))
	}
}

func recordingsIn(t *testing.T, doc []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(doc), int64(len(doc)))
	testkit.OK(t, err)
	found := map[string]string{}
	for _, f := range z.File {
		_, name, ok := strings.Cut(f.Name, "/recordings/")
		if !ok {
			continue
		}
		file, err := f.Open()
		testkit.OK(t, err)
		text, err := io.ReadAll(file)
		testkit.OK(t, err)
		found[name] = string(text)
	}
	return found
}
