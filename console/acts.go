package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/webpage"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// wanted is an act as a page asks for it. Tap tells taps apart: the same one twice acts once.
type wanted struct {
	Key      string `json:"key"`
	Snapshot string `json:"snapshot"`
	Seen     string `json:"seen"`
	Restore  int64  `json:"restore"`
	Tap      string `json:"tap"`
}

var tapGrammar = regexp.MustCompile(`^[A-Za-z0-9-]{16,64}$`)

// restore asks for one by the same machine as a tap in Slack: guard, audit, preflight, journal.
func (c *Console) restore(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	var ask wanted
	if err := decode(w, r, &ask); err != nil {
		return err
	}
	if !tapGrammar.MatchString(ask.Tap) || ask.Seen == "" || snapshot.CheckName(ask.Snapshot) != nil {
		return webpage.ErrMalformed
	}
	one, by, err := c.allowed(r.Context(), s, ask, "restore")
	if err != nil {
		return err
	}
	got, err := c.Restorer.Request(r.Context(), restore.Ask{
		Container: one, Snapshot: ask.Snapshot, Seen: ask.Seen, By: by, Idempotency: idempotency(s, ask),
	})
	return c.begun(w, got, err)
}

func (c *Console) undo(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	var ask wanted
	if err := decode(w, r, &ask); err != nil {
		return err
	}
	if !tapGrammar.MatchString(ask.Tap) {
		return webpage.ErrMalformed
	}
	was, err := c.Data.Restore(r.Context(), ask.Restore)
	if err == nil && was.Key != ask.Key {
		err = snapshot.ErrUnknownRestore
	}
	if err != nil {
		return err
	}
	_, by, err := c.allowed(r.Context(), s, ask, "undo the restore of")
	if err != nil {
		return err
	}
	got, err := c.Restorer.Undo(r.Context(), was.ID, by, idempotency(s, ask))
	return c.begun(w, got, err)
}

func idempotency(s signin.Session, ask wanted) string { return "console|" + s.ID + "|" + ask.Tap }

func (c *Console) begun(w http.ResponseWriter, r restore.Restore, err error) error {
	if errors.Is(err, snapshot.ErrReplaced) {
		return &saidError{http.StatusPreconditionFailed, "replaced", "The container was replaced while you looked. Nothing was done. Look at what runs now, and tap again if you still want to."}
	}
	if err != nil {
		return err
	}
	return c.ok(w, viewOfRestore(r, c.now()))
}

// allowed is the container, as it is now and not as it was shown, and who asks. A refusal is on the timeline.
func (c *Console) allowed(ctx context.Context, s signin.Session, ask wanted, verb string) (one snapshot.Container, by snapshot.By, err error) {
	list, err := c.Containers.List(ctx)
	if err != nil {
		return one, by, err
	}
	found := false
	for _, x := range list {
		if x.Key == ask.Key {
			one, found = x, true
		}
	}
	if !found {
		return one, by, errUnseen
	}
	if ok, err := c.sees(ctx, s, one); err != nil {
		return one, by, err
	} else if !ok {
		return one, by, errUnseen
	}
	in, err := c.within(ctx, s, one)
	by = snapshot.By{Actor: actorOf(s), Incident: in.ID, Source: incidents.Source{System: "console", NativeID: ask.Tap}}
	if err != nil {
		return one, by, c.denied(ctx, by, verb+" "+one.Called(), err)
	}
	return one, by, nil
}

func actorOf(s signin.Session) incidents.Actor {
	return incidents.Actor{Kind: incidents.Person, SlackID: s.SlackID, Name: s.Name}
}

// denied writes on the timeline that somebody was refused, and returns why in words.
func (c *Console) denied(ctx context.Context, by snapshot.By, what string, err error) error {
	if !errors.Is(err, access.ErrDenied) && !errors.Is(err, access.ErrUnsure) {
		return err
	}
	if recErr := c.recordRefused(ctx, by, what, err); recErr != nil {
		return recErr
	}
	if errors.Is(err, access.ErrUnsure) {
		return &saidError{http.StatusServiceUnavailable, "unsure", whoMay(err) + " Nothing was done."}
	}
	return &saidError{http.StatusForbidden, "denied", whoMay(err) + " Nothing was done."}
}

func (c *Console) recordRefused(ctx context.Context, by snapshot.By, what string, why error) error {
	e, err := access.Refused(by.Incident, c.now(), by.Actor, by.Source, what, why)
	if err == nil {
		_, err = c.Timeline.RecordOnce(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("recording a refusal: %w", err)
	}
	return nil
}
