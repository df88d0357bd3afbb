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
	f := snapshot.Fleet{Engines: []snapshot.Reached{{Containers: hung{}}}, LastSeen: db}
	list, err := f.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "api" || !list[0].Settings.Names("PSHOP") {
		t.Errorf("got %+v, %v; want what was last seen", list, err)
	}
	if claimed, err := f.Claimed(t.Context(), "PSHOP"); err != nil || !claimed {
		t.Errorf("claimed %v, %v", claimed, err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

// there is an engine with one container.
type there struct{ hung }

func (there) List(context.Context) ([]snapshot.Container, error) {
	return []snapshot.Container{{Key: "E/name/web", Name: "web", Engine: "E", State: "running"}}, nil
}

func (there) ID(context.Context) (string, error) { return "E", nil }

type remembered []snapshot.Container

func (r remembered) KnownContainers(context.Context, string) ([]snapshot.Container, error) {
	return r, nil
}

func TestGoneContainersStandLastAndLeaveTheLists(t *testing.T) {
	t.Parallel()
	gone := func(name string, since time.Duration) snapshot.Container {
		return snapshot.Container{Key: "E/name/" + name, Name: name, Engine: "E", State: "gone", GoneAt: time.Now().Add(-since)}
	}
	f := snapshot.Fleet{Engines: []snapshot.Reached{{Containers: there{}}}, Forget: 48 * time.Hour, LastSeen: remembered{gone("a", time.Hour), gone("b", 72*time.Hour)}}
	list, err := f.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Name != "web" || list[1].Name != "a" {
		t.Fatalf("got %+v, %v; want web, then a", list, err)
	}
	if one := snapshot.Present(list); len(one) != 1 || one[0].Name != "web" {
		t.Errorf("present are %+v", one)
	}
	if both := snapshot.GoneSince(list, time.Now().Add(-2*time.Hour)); len(both) != 2 {
		t.Errorf("with what went lately there are %+v", both)
	}
	list[0].CreatedAt, list[0].Service, list[1].Service = time.Now().Add(-time.Hour), "web", "api"
	if both := snapshot.GoneSince(list, time.Now().Add(-2*time.Hour)); len(both) != 2 {
		t.Errorf("with one that has come for another service there are %+v", both)
	}
	list[1].Service = "web"
	if one := snapshot.GoneSince(list, time.Now().Add(-2*time.Hour)); len(one) != 1 {
		t.Errorf("with one that has come for it there are %+v", one)
	}
	if all := snapshot.Present(list[1:]); len(all) != 1 {
		t.Errorf("where nothing else is there, it is %+v", all)
	}
	f.Forget = 0
	if list, _ = f.List(t.Context()); len(list) != 3 {
		t.Errorf("without a limit there are %+v", list)
	}
}
