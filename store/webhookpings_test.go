package store_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
)

func TestOneOfSeveralBotsAsksForATestCallAndAnyJudgesIt(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	one, two := open(t, dsn), open(t, dsn)
	sentAt, due, err := one.ClaimWebhookPing(t.Context(), "PSUB", time.Hour)
	if !due || err != nil || sentAt.IsZero() {
		t.Fatalf("the first is due at once: %v, %v, %v", sentAt, due, err)
	}
	if _, due, err = two.ClaimWebhookPing(t.Context(), "PSUB", time.Hour); due || err != nil {
		t.Errorf("another bot asks as well: %v, %v", due, err)
	}
	last := func() incidents.WebhookPing {
		t.Helper()
		pings, err := two.WebhookPings(t.Context())
		testkit.OK(t, err)
		return pings["PSUB"]
	}
	if p := last(); !p.SentAt.Equal(sentAt) || !p.Waiting || p.Lost != 0 || p.Age < 0 {
		t.Errorf("asked for at %s: %+v", sentAt, p)
	}
	testkit.OK(t, two.JudgeWebhookPing(t.Context(), "PSUB", sentAt.Add(-time.Hour), 5, 0)) // of another one
	if p := last(); !p.Waiting || p.Lost != 0 {
		t.Errorf("an earlier one was judged: %+v", p)
	}
	testkit.OK(t, two.JudgeWebhookPing(t.Context(), "PSUB", sentAt, 1, 0))
	if p := last(); p.Waiting || p.Lost != 1 {
		t.Errorf("judged: %+v", p)
	}
	if again, due, err := two.ClaimWebhookPing(t.Context(), "PSUB", time.Hour); !due || err != nil || !again.After(sentAt) || last().Lost != 1 {
		t.Errorf("the next: %v, %v, %v, %+v", again, due, err, last())
	}
	testkit.OK(t, one.ForgetWebhookSecret(t.Context(), "PSUB"))
	if p := last(); !p.SentAt.IsZero() {
		t.Errorf("of a subscription that is gone: %+v", p)
	}
}

func TestTheLastWebhookIsNoneThatWasReadFromTheRecord(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.URL(t))
	if last, err := db.LastWebhook(t.Context()); err != nil || !last.IsZero() {
		t.Errorf("before any: %v, %v", last, err)
	}
	receive := func(id string) {
		t.Helper()
		_, err := db.ReceiveEvent(t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: id, EventID: id, Body: []byte("{}")}, incidents.Incident{}, time.Now(), incidents.Entry{})
		testkit.OK(t, err)
	}
	receive(incidents.FromRecord + "1")
	if last, err := db.LastWebhook(t.Context()); err != nil || !last.IsZero() {
		t.Errorf("read from the record: %v, %v", last, err)
	}
	receive("2")
	if last, err := db.LastWebhook(t.Context()); err != nil || last.IsZero() {
		t.Errorf("by a webhook: %v, %v", last, err)
	}
}
