package snapshot_test

import (
	"context"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
)

// hung is an engine that takes calls, and answers none.
type hung struct{}

func (hung) List(ctx context.Context) ([]snapshot.Container, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hung) Inspect(ctx context.Context, _ string) (snapshot.Inspection, error) {
	<-ctx.Done()
	return snapshot.Inspection{}, ctx.Err()
}

func (hung) Ping(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hung) ID(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestAlertDoesNotWaitForAnEngineThatHangs(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	labels := map[string]string{"snapback.enable": "true", "snapback.pagerduty.service": "PSHOP"}
	err := db.SetOccupant(t.Context(), snapshot.Occupant{
		Container: snapshot.Container{Key: "E/name/api", ID: "a", Name: "api", Engine: "E", State: "running"}, Labels: labels, Document: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	f := snapshot.Fleet{Engine: hung{}, LastSeen: db}
	list, err := f.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "api" || !list[0].Settings.Names("PSHOP") {
		t.Errorf("got %+v, %v; want what was last seen", list, err)
	}
	if claimed, err := f.Claimed(t.Context(), "PSHOP"); err != nil || !claimed {
		t.Errorf("claimed %v, %v", claimed, err)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("it took %s", took)
	}
}
