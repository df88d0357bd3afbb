package restore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// What is left of a replacement must not keep production down: it is set aside, and removed by the tidying once the engine does so.
func TestReplacementThatCannotBeRemovedIsSetAside(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	engine := &bentEngine{Engine: d.Engine()}
	engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
		in, err := d.Engine().Inspect(ctx, ref)
		if in.Name == d.name && in.ID != d.old && in.State == "running" {
			in.Restarts = 1
		}
		return in, err
	}
	engine.remove = func(_ context.Context, id string) error {
		return errors.New("driver failed to remove root filesystem: device or resource busy")
	}
	d.with(restore.Config{Engine: engine})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Reverted || !strings.Contains(r.Sentence(r.State), r.Plan.TempName+" is left over, stopped, and its removal is tried again by itself. The engine did not remove it (driver failed") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	d.runs(d.old)
	if in, err := d.Engine().Inspect(t.Context(), d.old); err != nil || in.RestartPolicy.Name != "always" {
		t.Errorf("its restart policy is %+v, %v", in.RestartPolicy, err)
	}
	if left, err := d.Engine().Inspect(t.Context(), r.Plan.NewID); err != nil || left.RestartPolicy.Name != "no" {
		t.Errorf("the replacement's restart policy is %+v, %v", left.RestartPolicy, err)
	}
	if diff := cmp.Diff(map[string]string{d.name: "running", r.Plan.TempName: "exited"}, d.Names(d.name)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	d.Watch()
	d.await(2*time.Minute, "it is removed", func() bool { return len(d.Names(d.name)) == 1 })
	d.runs(d.old)
}
