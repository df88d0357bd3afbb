package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// offersPatience is how long an engine may take to say what can be restored.
const offersPatience = 5 * time.Second

// offers are what is kept. Of the first it is also found out whether it can be restored: that is the one with the big button. It
// returns snapshot.ErrEngineAway, also for an engine that takes too long.
func (c *Console) offers(ctx context.Context, one snapshot.Container) ([]offerView, error) {
	out := []offerView{}
	ctx, cancel := inTime(ctx)
	defer cancel()
	open, err := c.incidentsOf(ctx, one)
	if err != nil {
		return nil, err
	}
	var since time.Time // of the alert; zero: there is none
	if len(open) > 0 {
		since = open[0].OpenedAt
	}
	all, err := c.Restorer.Offers(ctx, one, since, 1)
	if err != nil {
		return nil, tooLate(ctx, err)
	}
	for _, o := range all[:min(len(all), shownOffers)] {
		out = append(out, viewOfOffer(one, o))
	}
	for i := range out {
		if out[i].WayOut {
			for j := range out[i+1:] {
				out[i+1+j].WayOut = false // one button is big
			}
			break
		}
	}
	return out, nil
}

func viewOfOffer(one snapshot.Container, o restore.Offer) offerView {
	s := o.Snapshot
	v := offerView{
		Name: s.Name, Reason: string(s.Reason), At: s.CreatedAt, Note: s.Note, Changes: words(o.Changes), Losses: o.Losses, Doubt: o.Doubt, WayOut: o.WayOut(),
	}
	switch {
	case !s.MissingSince.IsZero():
		v.WhyNot = "Its image is gone from the engine."
	case len(o.WhyNot) > 0:
		v.WhyNot = "Can't be restored: " + strings.Join(o.WhyNot, "; ")
	case o.Running && !o.Layer && one.State == "running":
		v.WhyNot = "This is what runs now."
	}
	return v
}

// inTime gives an engine so long.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, offersPatience, errLate)
}

var errLate = errors.New("it took too long")

// tooLate is snapshot.ErrEngineAway for what took too long, whatever it failed with.
func tooLate(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errLate) && !errors.Is(err, snapshot.ErrJournalAway) {
		return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	}
	return err
}

// questionView is what somebody is asked before a restore.
type questionView struct {
	Seen    string   `json:"seen"`              // the engine's ID of the container that was looked at
	Changes []string `json:"changes"`           // from what runs now, secrets masked
	Says    []string `json:"says"`              // what else it would do, as in Slack
	WhyNot  string   `json:"why_not,omitempty"` // why it can't be restored, or needn't be
}

// offer runs the preflight of the snapshot that somebody has tapped, and says what a restore would do. It changes nothing.
func (c *Console) offer(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	one, _, err := c.mine(r.Context(), s, r.URL.Query().Get("key"))
	if err != nil {
		return err
	}
	ctx, cancel := inTime(r.Context())
	defer cancel()
	snap, err := c.Data.Snapshot(ctx, one.is.Key, r.URL.Query().Get("snapshot"))
	if err != nil {
		return err
	}
	o, err := c.Restorer.Offer(ctx, one.is, snap)
	if err != nil {
		return tooLate(ctx, err)
	}
	return c.ok(w, questionView{Seen: one.is.ID, Changes: words(o.Changes), Says: o.Consequences(one.is), WhyNot: viewOfOffer(one.is, o).WhyNot})
}
