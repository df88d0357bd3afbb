package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/internal/webpage"
	"github.com/snapback/snapback/snapshot"
)

// errNoIncident is for incidents that are not there and for those that are not this person's: which of both is not told.
var errNoIncident = &saidError{http.StatusNotFound, "unseen", "There is no such incident, or it is not yours to see."}

// nightView is what the page of an incident shows to one person. Times are UTC.
type nightView struct {
	Incident   incidentView `json:"incident"`
	URL        string       `json:"url,omitempty"` // in PagerDuty
	ResolvedAt time.Time    `json:"resolved_at,omitzero"`
	ResolvedBy string       `json:"resolved_by,omitempty"`
	Asked      string       `json:"asked,omitempty"`   // what PagerDuty was asked and has not told yet
	Refused    string       `json:"refused,omitempty"` // why this person may do nothing about it; "": they may
	Containers []keyed      `json:"containers"`        // of its service, that this person sees
	Entries    []entryView  `json:"entries"`           // the newest, newest first
	Earlier    int64        `json:"earlier,omitempty"` // how many entries came before those; the post-mortem has them
}

type keyed struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

type entryView struct {
	Seq  int64          `json:"seq"`
	At   time.Time      `json:"at"`
	Kind incidents.Kind `json:"kind"`
	Says string         `json:"says"`
	Who  string         `json:"who,omitempty"`

	Recording string `json:"recording,omitempty"` // of a shell: what it has shown can be played by this ID
}

const (
	shownEntries = 200
	// askedFor is how long something that PagerDuty was asked is shown as under way.
	askedFor = 2 * time.Minute
	maxNote  = 1000 // characters; the page's field counts no fewer
)

func (c *Console) incidentLook(id int64) look {
	return func(ctx context.Context, s signin.Session) (string, time.Time, any, error) {
		seen, err := c.board.look(ctx, c)
		if err != nil {
			return "", time.Time{}, nil, err
		}
		in, found, err := c.myIncident(ctx, s, seen, id)
		if err != nil {
			return "", seen.at, nil, err
		}
		entries, err := c.Timeline.EntriesBefore(ctx, id, 0, shownEntries)
		if err != nil {
			return "", seen.at, nil, err
		}
		v := nightView{
			Incident: viewOfIncident(in), URL: in.URL, ResolvedAt: in.ResolvedAt, ResolvedBy: in.ResolvedBy, Containers: found, Entries: []entryView{},
			Asked: asked(in, entries, c.now()),
		}
		v.Refused = c.refusedOn(ctx, s, seen, in)
		for _, e := range entries {
			v.Entries = append(v.Entries, entryView{Seq: e.Seq, At: e.OccurredAt, Kind: e.Kind, Says: e.Summary, Who: e.Actor.Name, Recording: e.Recording()})
		}
		if n := len(entries); n > 0 {
			v.Earlier = entries[n-1].Seq - 1
		}
		return "incident", seen.at, v, nil
	}
}

// refusedOn is why somebody may do nothing about an incident, as a sentence; "" when they may.
func (c *Console) refusedOn(ctx context.Context, s signin.Session, seen sight, in incidents.Incident) string {
	switch is, err := c.told(ctx, s, seen, in); {
	case err != nil:
		return "It can't be found out now whether you may acknowledge, resolve or note: Slack or the database doesn't answer."
	case !is:
		return "Acknowledge, resolve and note where its message stands: join that Slack channel."
	}
	return ""
}

// myIncident is an incident that somebody may see, with those of its containers that they see. It returns errNoIncident.
func (c *Console) myIncident(ctx context.Context, s signin.Session, seen sight, id int64) (incidents.Incident, []keyed, error) {
	found := []keyed{}
	in, err := c.Data.Incident(ctx, id)
	if errors.Is(err, incidents.ErrUnknown) {
		err = errNoIncident
	}
	if err != nil {
		return in, found, err
	}
	for _, one := range seen.containers {
		if !one.is.Settings.Names(in.ServiceID) {
			continue
		}
		ok, err := c.sees(ctx, s, one.is)
		if err != nil {
			return in, found, err
		}
		if ok {
			found = append(found, keyed{one.is.Key, one.is.Called()})
		}
	}
	if len(found) > 0 {
		return in, found, nil
	}
	is, err := c.told(ctx, s, seen, in)
	if err == nil && !is {
		err = errNoIncident
	}
	return in, found, err
}

// asked is what PagerDuty was asked lately and has neither done nor refused; entries are the newest first.
func asked(in incidents.Incident, entries []incidents.Entry, now time.Time) string {
	for _, e := range entries {
		fresh := now.Sub(e.OccurredAt) < askedFor
		switch e.Kind {
		case incidents.KindAcknowledgeFailed, incidents.KindResolveFailed, incidents.KindPagerDutyUnacked, incidents.KindPagerDutyReopened:
			return ""
		case incidents.KindAcknowledgeAsked:
			if fresh && in.Status == incidents.Triggered {
				return e.Actor.Name + " asked PagerDuty to acknowledge it"
			}
		case incidents.KindResolveAsked:
			if fresh && in.Open() {
				return e.Actor.Name + " asked PagerDuty to resolve it"
			}
		}
	}
	return ""
}

// remark is an act on an incident as a page asks for it.
type remark struct {
	Incident int64  `json:"incident"`
	Text     string `json:"text"`
	Tap      string `json:"tap"`
}

func (c *Console) acknowledge(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	return c.onIncident(w, r, s, "acknowledge", func(in incidents.Incident, _ remark) (incidents.Kind, string, error) {
		if in.Status != incidents.Triggered {
			return "", "", &saidError{http.StatusConflict, "already", "It is " + string(in.Status) + " already."}
		}
		return incidents.KindAcknowledgeAsked, s.Name + " asked PagerDuty to acknowledge", nil
	})
}

func (c *Console) resolve(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	return c.onIncident(w, r, s, "resolve", func(in incidents.Incident, _ remark) (incidents.Kind, string, error) {
		if !in.Open() {
			return "", "", &saidError{http.StatusConflict, "already", "It is resolved already."}
		}
		return incidents.KindResolveAsked, s.Name + " asked PagerDuty to resolve", nil
	})
}

func (c *Console) note(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	return c.onIncident(w, r, s, "write a note on", func(_ incidents.Incident, ask remark) (incidents.Kind, string, error) {
		text := strings.TrimSpace(ask.Text)
		control := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }
		if text == "" || utf8.RuneCountInString(text) > maxNote || !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
			return "", "", &saidError{http.StatusBadRequest, "bad_note", fmt.Sprintf("A note has 1 to %d characters.", maxNote)}
		}
		return incidents.KindNote, mask.Text(text, nil), nil
	})
}

// onIncident writes what somebody asks for onto the timeline; writing it queues the call to PagerDuty. The same tap twice asks
// once. As in Slack, whoever is where its message stands may. A refusal is on the timeline.
func (c *Console) onIncident(w http.ResponseWriter, r *http.Request, s signin.Session, verb string, what func(incidents.Incident, remark) (incidents.Kind, string, error)) error {
	var ask remark
	if err := decode(w, r, &ask); err != nil {
		return err
	}
	if !tapGrammar.MatchString(ask.Tap) {
		return webpage.ErrMalformed
	}
	ctx := r.Context()
	seen, err := c.board.look(ctx, c)
	if err != nil {
		return err
	}
	in, _, err := c.myIncident(ctx, s, seen, ask.Incident)
	if err != nil {
		return err
	}
	source := incidents.Source{System: "console", NativeID: s.ID + "/" + ask.Tap}
	if is, err := c.told(ctx, s, seen, in); err != nil {
		return err
	} else if !is {
		return c.deniedOn(ctx, s, in, source, verb)
	}
	kind, summary, err := what(in, ask)
	if err != nil {
		return err
	}
	_, err = c.Timeline.RecordOnce(ctx, incidents.Entry{
		IncidentID: in.ID, OccurredAt: c.now(), Kind: kind, Actor: actorOf(s), Source: source, Summary: summary,
	})
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (c *Console) deniedOn(ctx context.Context, s signin.Session, in incidents.Incident, source incidents.Source, verb string) error {
	by := snapshot.By{Actor: actorOf(s), Incident: in.ID, Source: source}
	if err := c.recordRefused(ctx, by, verb+" the incident", access.ErrDenied); err != nil {
		return err
	}
	return &saidError{http.StatusForbidden, "denied", "Only members of the Slack channel where its message stands may do this. Nothing was done."}
}
