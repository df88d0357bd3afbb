package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

func (a *API) listIncidents(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r, "incidents")
	if err != nil {
		return err
	}
	before, err := p.id()
	if err != nil {
		return err
	}
	list, err := a.deps.Incidents.Incidents(r.Context(), before, p.limit+1)
	if err != nil {
		return fmt.Errorf("listing incidents: %w", err)
	}
	list, next := trim(p, list, func(i incidents.Incident) position { return numbered(i.ID) })
	return respond(w, http.StatusOK, wire.Incidents{Incidents: shapeAll(list, shapeIncident), NextCursor: next})
}

func (a *API) getIncident(w http.ResponseWriter, r *http.Request) error {
	i, err := a.incident(r)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, shapeIncident(i))
}

func (a *API) incident(r *http.Request) (incidents.Incident, error) {
	return a.findIncident(r.Context(), r.PathValue("id"))
}

// PagerDuty's IDs are short and alphanumeric, ours and its numbers are digits.
var incidentRef = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (a *API) findIncident(ctx context.Context, ref string) (incidents.Incident, error) {
	unknown := &refusal{err: incidents.ErrUnknown, detail: fmt.Sprintf("No incident has the ID or number %q. GET /incidents lists them.", clip(ref))}
	if !incidentRef.MatchString(ref) {
		return incidents.Incident{}, unknown
	}
	i, err := a.deps.Incidents.FindIncident(ctx, ref)
	if errors.Is(err, incidents.ErrUnknown) {
		return i, unknown
	}
	return i, err
}

// incidentFor is the incident whose timeline gets what is done to c: the named one, or the only open one of c's
// PagerDuty services. With none, or several to choose from, it is 0: a guess would falsify a post-mortem.
func (a *API) incidentFor(ctx context.Context, c snapshot.Container, named any) (int64, error) {
	if named != nil {
		return a.namedIncident(ctx, named)
	}
	if len(c.Settings.PagerDutyServices) == 0 {
		return 0, nil
	}
	open, err := a.deps.Incidents.OpenIncidents(ctx, c.Settings.PagerDutyServices)
	if err != nil {
		return 0, fmt.Errorf("finding the incident of %s: %w", c.Name, err)
	}
	if len(open) != 1 {
		return 0, nil
	}
	return open[0].ID, nil
}

// namedIncident takes a number as a number or as a string.
func (a *API) namedIncident(ctx context.Context, named any) (int64, error) {
	ref, ok := named.(string)
	if n, isNumber := named.(float64); isNumber && n == math.Trunc(n) && n > 0 && n < 1<<53 {
		ref, ok = strconv.FormatInt(int64(n), 10), true
	}
	if !ok {
		return 0, malformed("incident is an ID or a number.")
	}
	i, err := a.findIncident(ctx, ref)
	return i.ID, err
}

func (a *API) incidentTimeline(w http.ResponseWriter, r *http.Request) error {
	i, err := a.incident(r)
	if err != nil {
		return err
	}
	return a.timeline(w, r, i.ID)
}

// looseTimeline is what happened outside any incident.
func (a *API) looseTimeline(w http.ResponseWriter, r *http.Request) error { return a.timeline(w, r, 0) }

// timeline lists the newest entries first, as every list, or the oldest first, as the chain is verified. Each order
// has cursors of its own.
func (a *API) timeline(w http.ResponseWriter, r *http.Request, incident int64) error {
	order := r.URL.Query().Get("order")
	if order != "" && order != "newest" && order != "oldest" {
		return malformed("order is newest or oldest.")
	}
	oldest := order == "oldest"
	list := "timeline-" + strconv.FormatInt(incident, 10)
	if oldest {
		list += "-oldest"
	}
	p, err := pageOf(r, list)
	if err != nil {
		return err
	}
	entries, next, err := a.entries(r.Context(), p, incident, oldest)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, wire.Entries{Entries: full(entries), NextCursor: next})
}

func (a *API) entries(ctx context.Context, p page, incident int64, oldest bool) ([]incidents.Entry, string, error) {
	bound, err := p.id()
	if err != nil {
		return nil, "", err
	}
	read := a.deps.Incidents.EntriesBefore
	if oldest {
		read = a.deps.Incidents.EntriesAfter
	}
	entries, err := read(ctx, incident, bound, p.limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("reading the timeline of incident %d: %w", incident, err)
	}
	list, next := trim(p, entries, func(e incidents.Entry) position { return numbered(e.Seq) })
	return list, next, nil
}

const maxNote = 4000

// addNote writes a remark onto the timeline. Its ID there is the request's or the idempotency key's.
func (a *API) addNote(w http.ResponseWriter, r *http.Request) error {
	var in wire.Note
	if err := decode(r, &in); err != nil {
		return err
	}
	text := strings.TrimSpace(in.Text)
	if text == "" || len(text) > maxNote || strings.ContainsFunc(text, isControl) || !utf8.ValidString(text) {
		return malformed(fmt.Sprintf("text is a remark of 1 to %d bytes.", maxNote))
	}
	i, err := a.incident(r)
	if err != nil {
		return err
	}
	who := by(r, i.ID, "")
	entry, err := a.deps.Incidents.Record(r.Context(), incidents.Entry{
		IncidentID: i.ID, OccurredAt: time.Now(), Kind: incidents.KindNote, Actor: who.Actor, Source: who.Source, Summary: mask.Text(text, nil),
	})
	if err != nil {
		return fmt.Errorf("writing a note on incident %s: %w", i.PagerDutyID, err)
	}
	return respond(w, http.StatusCreated, entry)
}

func isControl(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }
