package restore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestADeniedStopIsRevertedAndTheOldContainerWasNeverTouched(t *testing.T) {
	d := setup(t).broken("--restart", "unless-stopped")
	started := d.startedAt(d.old)
	engine := &bentEngine{Engine: d.Engine()}
	engine.stop = func(_ context.Context, id string, _ time.Duration) error {
		if id != d.old {
			t.Errorf("%s is stopped", id)
		}
		return fmt.Errorf("stopping: %w", &snapshot.DeniedError{Call: "POST /containers/{id}/stop", Status: 403})
	}
	d.with(restore.Config{Engine: engine})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "denies POST /containers/{id}/stop (403)") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs(d.old)
	if now := d.startedAt(d.old); !now.Equal(started) {
		t.Errorf("it was started at %s, and is up since %s", started, now)
	}
	in, err := d.Engine().Inspect(t.Context(), d.old)
	if err != nil || in.RestartPolicy.Name != "unless-stopped" {
		t.Errorf("%+v, %v", in.RestartPolicy, err)
	}
}
