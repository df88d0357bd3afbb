package pagerduty

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Deploys are sent to PagerDuty as change events, which it shows beside the incidents that follow.
type Deploys struct {
	Client     *Client
	RoutingKey string // "": PagerDuty does not hear of deploys
	Logger     *slog.Logger
}

// Send returns an error only for what is worth trying again. What PagerDuty refuses for good is in the log: an entry for
// every deploy would tell people at night what they can't mend then.
func (d Deploys) Send(ctx context.Context, e incidents.Entry) error {
	if d.RoutingKey == "" {
		return nil
	}
	change, err := changeOf(e)
	if err != nil {
		return err
	}
	err = d.Client.ChangeEvent(ctx, d.RoutingKey, change)
	var pd *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pd) && pd.Retry:
		return err
	}
	d.Logger.Error("PagerDuty refuses a change event: is PAGERDUTY_ROUTING_KEY right?", "container", change.Source, "err", err)
	return nil
}

// mostTold bounds how many changes are sent: who wants more looks at the deploy's entry.
const mostTold = 50

// changeOf makes a change event of a deploy's entry, in which secrets are masked.
func changeOf(e incidents.Entry) (Change, error) {
	var deploy struct {
		Container string            `json:"container"`
		Service   string            `json:"service"`
		Before    string            `json:"before"`
		After     string            `json:"after"`
		Snapshot  string            `json:"snapshot"`
		Changes   []snapshot.Change `json:"changes"`
	}
	if err := json.Unmarshal(e.Details, &deploy); err != nil {
		return Change{}, err
	}
	changes := make([]string, 0, len(deploy.Changes))
	for _, c := range deploy.Changes[:min(len(deploy.Changes), mostTold)] {
		changes = append(changes, c.String())
	}
	return Change{
		Summary: e.Summary, Source: deploy.Container, At: e.OccurredAt,
		Details: map[string]any{
			"container": deploy.Container, "service": deploy.Service, "image_before": deploy.Before, "image_after": deploy.After,
			"snapshot": deploy.Snapshot, "changes": changes,
		},
	}, nil
}
