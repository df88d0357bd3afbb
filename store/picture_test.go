package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// An upload may hang for as long as it likes: the alert and what follows are told meanwhile, and neither forgets what the other wrote.
func TestNoMessageWaitsForAPicture(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	tell := func(due int64) {
		t.Helper()
		testkit.OK(t, db.WithMessage(t.Context(), 7, func(_ context.Context, m incidents.Message, save func(incidents.Message) error) error {
			m.Channel, m.TS, m.Seq, m.Picture.Due, m.Shown = "C1", "1.2", due, due, append(m.Shown, due)
			return save(m)
		}))
	}
	tell(1)
	testkit.OK(t, db.WithPicture(t.Context(), 7, func(_ context.Context, m incidents.Message, save func(incidents.ThreadPicture) error) error {
		tell(2)
		if err := db.WithPicture(t.Context(), 7, nil); err == nil {
			t.Error("two draw at once")
		}
		m.Picture.File, m.Picture.Seq, m.Picture.Old = "F1", m.Picture.Due, []string{"F0"}
		return save(m.Picture)
	}))
	tell(2)
	testkit.OK(t, db.WithMessage(t.Context(), 7, func(_ context.Context, m incidents.Message, _ func(incidents.Message) error) error {
		if d := cmp.Diff(incidents.ThreadPicture{File: "F1", Seq: 1, Due: 2, Old: []string{"F0"}}, m.Picture); d != "" || m.Seq != 2 {
			t.Errorf("seq %d, picture (-want +got):\n%s", m.Seq, d)
		}
		if d := cmp.Diff([]int64{1, 2, 2}, m.Shown); d != "" {
			t.Errorf("shown in the channel (-want +got):\n%s", d)
		}
		return nil
	}))
	var queued int
	testkit.OK(t, db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'picture' AND queue = 'pictures'`).Scan(&queued))
	if queued != 2 {
		t.Errorf("%d jobs are queued for two pictures that became due", queued)
	}
}

// Whoever waits for a picture that hangs holds up no other job.
func TestPicturesThatHangHoldUpNoAlert(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	told, drawing := make(chan int64, 100), make(chan int64, 100)
	jobs, err := db.Work(t.Context(), store.Handlers{
		Slack: func(_ context.Context, id int64) error { told <- id; return nil },
		Picture: func(ctx context.Context, id int64) error {
			drawing <- id
			<-ctx.Done()
			return ctx.Err()
		},
	})
	testkit.OK(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = jobs.Stop(ctx)
	})
	for id := range int64(20) {
		testkit.OK(t, db.WithMessage(t.Context(), id+1, func(_ context.Context, m incidents.Message, save func(incidents.Message) error) error {
			m.Picture.Due = 1
			return save(m)
		}))
	}
	<-drawing
	<-drawing
	_, err = db.RecordOnce(t.Context(), incidents.Entry{Kind: incidents.KindNote, Actor: incidents.Self(), Source: incidents.Source{System: "api"}, Summary: "told beside them"})
	testkit.OK(t, err)
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Error("an alert waits for pictures")
	}
}
