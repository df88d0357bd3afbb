package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

func (a *API) listSnapshots(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r, "snapshots")
	if err != nil {
		return err
	}
	c, err := a.anyContainer(r)
	if err != nil {
		return err
	}
	all, err := a.deps.Snapshots.Snapshots(r.Context(), c.Key)
	if err != nil {
		return fmt.Errorf("listing the snapshots of %s: %w", c.Name, err)
	}
	list, next := cut(p, all, func(s snapshot.Snapshot) position { return position{at: micros(s.CreatedAt), id: s.Name} })
	tag(w, c)
	return respond(w, http.StatusOK, wire.Snapshots{Snapshots: a.offers(r.Context(), c, list), NextCursor: next})
}

func (a *API) getSnapshot(w http.ResponseWriter, r *http.Request) error {
	c, snap, err := a.snapshot(r)
	if err != nil {
		return err
	}
	tag(w, c)
	return respond(w, http.StatusOK, a.offer(r.Context(), c, snap))
}

// snapshot is the one that the request's path names, and its container.
func (a *API) snapshot(r *http.Request) (snapshot.Container, snapshot.Snapshot, error) {
	c, err := a.anyContainer(r)
	if err != nil {
		return c, snapshot.Snapshot{}, err
	}
	name := r.PathValue("name")
	if snapshot.CheckName(name) != nil { // it can't exist, and need not be looked for
		return c, snapshot.Snapshot{}, a.noSnapshot(r.Context(), c, name)
	}
	snap, err := a.deps.Snapshots.Snapshot(r.Context(), c.Key, name)
	if errors.Is(err, snapshot.ErrUnknownSnapshot) {
		err = a.noSnapshot(r.Context(), c, name)
	}
	return c, snap, err
}

// noSnapshot names those that exist.
func (a *API) noSnapshot(ctx context.Context, c snapshot.Container, name string) error {
	all, err := a.deps.Snapshots.Snapshots(ctx, c.Key)
	if err != nil {
		return fmt.Errorf("listing the snapshots of %s: %w", c.Name, err)
	}
	list, _ := cut(page{limit: maxNames}, all, func(s snapshot.Snapshot) position { return position{at: micros(s.CreatedAt), id: s.Name} })
	names := shapeAll(list, func(s snapshot.Snapshot) string { return s.Name })
	return &refusal{
		err:    snapshot.ErrUnknownSnapshot,
		detail: fmt.Sprintf("%s has no snapshot %q. %s", c.Name, clip(name), listing("It has", names)),
		names:  names,
	}
}

// offers runs a few preflights at once: each takes a few calls to the engine.
func (a *API) offers(ctx context.Context, c snapshot.Container, list []snapshot.Snapshot) []wire.Snapshot {
	shaped := make([]wire.Snapshot, len(list))
	slots := make(chan struct{}, 4)
	var all sync.WaitGroup
	for i, s := range list {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			shaped[i] = a.offer(ctx, c, s)
		})
	}
	all.Wait()
	return shaped
}

// offer says whether the snapshot can be restored now. What can't be found out is no yes.
func (a *API) offer(ctx context.Context, c snapshot.Container, s snapshot.Snapshot) wire.Snapshot {
	offer, err := a.deps.Restorer.Offer(ctx, c, s)
	if err != nil {
		a.log.WarnContext(ctx, "preflight not done", "container", c.Name, "snapshot", s.Name, "err", err)
		return shapeSnapshot(s, []string{"it can't be checked now: " + strings.TrimSuffix(a.answerTo(err).Detail, ".")})
	}
	shaped := shapeSnapshot(s, offer.WhyNot)
	shaped.Running, shaped.Doubt, shaped.Changes = offer.Running, offer.Doubt, full(offer.Changes)
	shaped.Volumes, shaped.Placement = shapeVolumes(offer), offer.Placed
	return shaped
}

func (a *API) takeSnapshot(w http.ResponseWriter, r *http.Request) error {
	in, ask, err := takeAsk(r)
	if err != nil {
		return err
	}
	c, err := a.container(r)
	if err != nil {
		return err
	}
	if err := a.mayDeploy(r, c, in); err != nil {
		return err
	}
	incident, err := a.incidentFor(r.Context(), c, nil)
	if err != nil {
		return err
	}
	ask.By = by(r, incident, ask.Note)
	// What the client asked for is taken even if it goes away: half a commit helps nobody.
	ctx, limit := context.WithoutCancel(r.Context()), long
	if c.Settings.Volumes {
		patience, cancel := context.WithTimeoutCause(ctx, wire.ArchiveLimit, errArchivesTooLong)
		defer cancel()
		ask.Patience, limit = patience, wire.ArchiveLimit+long
		limitWrite(w, limit+grace)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	snap, err := a.deps.Taker.Take(ctx, c, ask)
	if err != nil {
		return fmt.Errorf("taking a snapshot of %s: %w", c.Name, err)
	}
	w.Header().Set("Location", "/containers/"+url.PathEscape(c.Name)+"/snapshots/"+url.PathEscape(snap.Name))
	tag(w, c)
	return respond(w, http.StatusCreated, a.offer(ctx, c, snap))
}

// errArchivesTooLong is why a snapshot has no archives of its container's volumes.
var errArchivesTooLong = fmt.Errorf("reading them took longer than %s", wire.ArchiveLimit)

const maxSentence = 500

func takeAsk(r *http.Request) (in wire.NewSnapshot, ask snapshot.TakeRequest, err error) {
	if err := decode(r, &in); err != nil {
		return in, ask, err
	}
	in.Note = mask.Text(in.Note, nil)
	ask = snapshot.TakeRequest{Name: in.Name, Reason: snapshot.Manual, Note: in.Note, Pinned: in.Pinned}
	switch in.Reason {
	case "", string(snapshot.Manual):
	case string(snapshot.PreDeploy):
		ask.Reason = snapshot.PreDeploy
	default: // scheduled and baseline are the bot's own findings, which others must not put into its mouth
		return in, ask, malformed("reason is pre-deploy or manual. A sentence for people goes into note.")
	}
	if err := checkAsk(in); err != nil {
		return in, ask, err
	}
	ask.ExpiresIn, err = duration("expires_in", in.ExpiresIn, time.Minute, 10*365*24*time.Hour)
	return in, ask, err
}

func checkAsk(in wire.NewSnapshot) error {
	if in.Name != "" {
		if err := snapshot.CheckName(in.Name); err != nil {
			return err
		}
		if snapshot.Reserved(in.Name) {
			return malformed("names such as joined-12 and before-0347-12 are those of a restore's own snapshots. Choose another one.")
		}
	}
	if (in.Deploying != "" || in.Override) && in.Reason != string(snapshot.PreDeploy) {
		return malformed("deploying and override go with the reason pre-deploy.")
	}
	if err := sentence("deploying", in.Deploying); err != nil {
		return err
	}
	return sentence("note", in.Note)
}

func sentence(field, s string) error {
	if len(s) > maxSentence || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		return malformed(fmt.Sprintf("%s is one line of at most %d bytes.", field, maxSentence))
	}
	return nil
}

// duration is within bounds; "" is 0.
func duration(field, s string, least, most time.Duration) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := lasting(s)
	if err != nil || d < least || d > most {
		return 0, malformed(fmt.Sprintf("%s is a duration such as 5m, 72h or 14d, from %s to %s.", field, words(least), words(most)))
	}
	return d, nil
}

// lasting reads a duration in Go's form, and whole days such as 14d.
func lasting(s string) (time.Duration, error) {
	days, isDays := strings.CutSuffix(s, "d")
	if !isDays {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	return time.Duration(n) * 24 * time.Hour, err
}

func words(d time.Duration) string {
	if d >= 24*time.Hour {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return strings.TrimSuffix(d.String(), "0s")
}

func (a *API) deleteSnapshot(w http.ResponseWriter, r *http.Request) error {
	c, snap, err := a.snapshot(r)
	if err != nil {
		return err
	}
	if err := here(c); err != nil {
		return err
	}
	incident, err := a.incidentFor(r.Context(), c, nil)
	if err != nil {
		return err
	}
	if err := a.deps.Taker.Delete(r.Context(), c.Key, snap.Name, by(r, incident, "")); err != nil {
		return fmt.Errorf("deleting snapshot %s of %s: %w", snap.Name, c.Name, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
