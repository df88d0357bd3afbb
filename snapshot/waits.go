package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents"
)

// waits says on the timeline, once, that a restore waits for an engine that does not answer: somebody looks at a message that
// does not change. Err is how the last try ended.
func (r *Restorer) waits(id int64, err error) {
	r.mu.Lock()
	since, known := r.waiting[id]
	switch {
	case !errors.Is(err, ErrEngineAway):
		delete(r.waiting, id)
	case !known:
		r.waiting[id] = time.Now()
	}
	told := known && !since.IsZero() && errors.Is(err, ErrEngineAway) && time.Since(since) >= r.Told
	if told {
		r.waiting[id] = time.Time{}
	}
	r.mu.Unlock()
	if told {
		r.tellWaiting(id, time.Since(since))
	}
}

func (r *Restorer) tellWaiting(id int64, since time.Duration) {
	ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
	defer cancel()
	rest, err := r.Journal.Restore(ctx, id)
	if err != nil || rest.State.Final() || r.Taker == nil {
		return
	}
	details, _ := incidents.Details(map[string]any{"restore_id": id, "container": rest.Container, "state": rest.State}) // strings: always encodable
	_, err = r.Taker.Audit.Record(ctx, incidents.Entry{
		IncidentID: rest.By.Incident, OccurredAt: time.Now(), Kind: incidents.KindRestoreWaiting, Actor: incidents.Self(),
		Source:  incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore/%d/waiting", id)},
		Summary: fmt.Sprintf("The engine has not answered for %s: the restore of %s waits (%s), and goes on by itself when it does", since.Round(time.Second), rest.Container, rest.State),
		Details: details,
	})
	if err != nil {
		r.Logger.Warn("telling that a restore waits", "restore_id", id, "err", err)
	}
}
