package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// deployDetails is what a deploy's entry carries.
type deployDetails struct {
	Container string `json:"container"`
	Key       string `json:"key"` // is the same whatever the container is called after later deploys
	Service   string `json:"service"`
	ID        *int64 `json:"id,omitempty"` // in the place of the deploy's own, which it does not have yet
	snapshot.Deploy
	Returned []snapshot.Change `json:"returned,omitempty"`
	Hold     *snapshot.HoldRef `json:"hold,omitempty"` // of which that is
}

func (w *Watcher) deployEntry(ctx context.Context, d snapshot.Deploy, now snapshot.Inspection) (incidents.Entry, error) {
	e := incidents.Entry{
		OccurredAt: d.At, Kind: incidents.KindDeploy, Actor: incidents.Actor{Kind: incidents.Engine, Name: "docker"},
		Summary: deploySentence(d, now), Source: incidents.Source{System: "engine", NativeID: d.AfterID},
	}
	details := deployDetails{Container: now.Name, Key: d.Key, Service: now.Service, Deploy: d}
	undone, found, err := w.Store.Undone(ctx, d.Key)
	if err != nil {
		return e, err
	}
	if found {
		details.Returned = returned(undone.Changes, d.Changes)
	}
	if len(details.Returned) > 0 {
		e.Kind = incidents.KindDeployReturned
		e.Summary = fmt.Sprintf("%s was deployed with what the restore to %s had undone %s: %s", now.Name, undone.By,
			ago(d.At.Sub(undone.At)), snapshot.OneLine(details.Returned, 3))
	}
	e.Details, err = incidents.Details(details)
	return e, err
}

func deploySentence(d snapshot.Deploy, now snapshot.Inspection) string {
	what := "with nothing changed"
	if len(d.Changes) > 0 {
		what = snapshot.OneLine(d.Changes, 3)
	}
	s := fmt.Sprintf("%s was deployed: %s", now.Name, what)
	if d.Snapshot == "" {
		return s + " (nothing from before could be kept)"
	}
	return s + "; the state from before is kept as " + d.Snapshot
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just before"
	}
	return d.Round(time.Minute).String() + " before"
}

// returned are the changes that bring back what an undone deploy had brought: its image, or a variable's value.
// Masked values can't be compared.
func returned(undone, now []snapshot.Change) []snapshot.Change {
	return slices.DeleteFunc(slices.Clone(now), func(c snapshot.Change) bool {
		telling := c.Attribute == "image" || c.ImageDetail() || strings.HasPrefix(c.Attribute, "env ")
		return !telling || c.Masked || !slices.ContainsFunc(undone, func(u snapshot.Change) bool {
			return u.Attribute == c.Attribute && !u.Masked && u.After == c.After
		})
	})
}
