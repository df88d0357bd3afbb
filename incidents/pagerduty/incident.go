package pagerduty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/outside"
)

// Incident looks an incident up.
func (c *Client) Incident(ctx context.Context, id string) (Incident, error) {
	op := "looking up incident " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return Incident{}, err
	}
	var doc struct {
		Incident *rawIncident `json:"incident"`
	}
	if err := c.rest(ctx, call{op: op, method: http.MethodGet, path: "/incidents/" + id, out: &doc}); err != nil {
		return Incident{}, err
	}
	if doc.Incident == nil || doc.Incident.ID == "" {
		return Incident{}, &Error{Op: op, Retry: true, Reason: ReasonMalformed, Err: errors.New("the answer has no incident")}
	}
	return doc.Incident.incident(), nil
}

// Acknowledge acknowledges an incident as the person with the e-mail address from; empty: as Config.From. An incident
// that is acknowledged already stays so, and that is a success.
//
// Acknowledging a resolved incident would open it again, so its state is looked at first: ErrAlreadyResolved.
func (c *Client) Acknowledge(ctx context.Context, id, from string) error {
	op := "acknowledging incident " + clean(id, maxName)
	now, err := c.Incident(ctx, id)
	if err != nil {
		return err
	}
	if now.Status == incidents.Resolved {
		return &Error{Op: op, Reason: ReasonAlreadyResolved, Err: ErrAlreadyResolved}
	}
	err = c.manage(ctx, op, id, from, incidents.Acknowledged)
	switch {
	case alreadyResolved(err): // between the look and the call
		return &Error{Op: op, Reason: ReasonAlreadyResolved, Code: codeAlreadyResolved, Err: ErrAlreadyResolved}
	case hasCode(err, codeAlreadyAcknowledged):
		return nil
	}
	return err
}

// Resolve resolves an incident as the person with the e-mail address from; empty: as Config.From. That it is resolved
// already is a success.
func (c *Client) Resolve(ctx context.Context, id, from string) error {
	op := "resolving incident " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return err
	}
	err := c.manage(ctx, op, id, from, incidents.Resolved)
	if alreadyResolved(err) {
		return nil
	}
	return err
}

// manage sets an incident's status, and believes it only when the answer says so.
func (c *Client) manage(ctx context.Context, op, id, from string, status incidents.Status) error {
	from, err := c.sender(op, from)
	if err != nil {
		return err
	}
	in := map[string][]api.ManageIncidentsOptions{"incidents": {{ID: id, Type: "incident", Status: string(status)}}}
	var out struct {
		Incidents []rawIncident `json:"incidents"`
	}
	if err := c.rest(ctx, call{op: op, method: http.MethodPut, path: "/incidents", from: from, in: in, out: &out}); err != nil {
		return err
	}
	for _, i := range out.Incidents {
		if i.ID == id && i.Status == string(status) {
			return nil
		}
	}
	return &Error{Op: op, Retry: true, Reason: ReasonMalformed, Err: fmt.Errorf("the answer does not say that it is %s", status)}
}

// sender is the value of the From header, which PagerDuty wants for whatever changes an incident.
func (c *Client) sender(op, from string) (string, error) {
	from = cmp.Or(from, c.from)
	if from == "" {
		return "", &Error{Op: op, Reason: ReasonMisconfigured, Err: fmt.Errorf("the e-mail address to act as is %w", ErrMisconfigured)}
	}
	address, err := mail.ParseAddress(from)
	if err != nil {
		return "", &Error{Op: op, Reason: ReasonRefused, Err: errors.New("what to act as is not an e-mail address")}
	}
	return address.Address, nil
}

func hasCode(err error, code int) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// alreadyResolved knows both forms: code 1001, and 2001 (invalid input) with the sentence in its list.
func alreadyResolved(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest {
		return false
	}
	return e.Code == codeAlreadyResolved || strings.Contains(strings.ToLower(e.Err.Error()), "incident already resolved")
}

// maxNote is how long a note may get, in characters. PagerDuty's own limit is far above.
const maxNote = 20_000

// Note writes a note on an incident and returns its ID. PagerDuty tells of it in an event as well: see Event.Echoes. The
// ID is empty when the answer does not tell: the note is written all the same. After a timeout nobody knows whether it
// was, and trying again may write it twice.
func (c *Client) Note(ctx context.Context, id, from, text string) (string, error) {
	op := "writing a note on incident " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return "", err
	}
	from, err := c.sender(op, from)
	if err != nil {
		return "", err
	}
	in := map[string]api.IncidentNote{"note": {Content: outside.Clip(text, maxNote)}}
	var out struct {
		Note api.IncidentNote `json:"note"`
	}
	err = c.rest(ctx, call{op: op, method: http.MethodPost, path: "/incidents/" + id + "/notes", from: from, in: in, out: &out})
	var e *Error
	if errors.As(err, &e) && e.Reason == ReasonMalformed {
		return "", nil
	}
	return out.Note.ID, err
}

// LogEntry is a line of PagerDuty's own record of an incident.
type LogEntry struct {
	ID      string
	Type    string // such as acknowledge_log_entry; see EventType
	At      time.Time
	Agent   incidents.Actor
	Channel string // how it was done: web_trigger, api, mobile, auto, …
	Summary string
	Note    string // of an annotate_log_entry
	URL     string
}

// rawLogEntry leaves event_details out: its values are of any type.
type rawLogEntry struct {
	object
	CreatedAt time.Time `json:"created_at"`
	Agent     *object   `json:"agent"`
	Channel   *struct {
		Type    string `json:"type"`
		Summary any    `json:"summary"` // of an annotation: the note
	} `json:"channel"`
}

func (r rawLogEntry) entry() LogEntry {
	l := LogEntry{
		ID:      clean(r.ID, maxName),
		Type:    clean(r.Type, maxName),
		At:      r.CreatedAt.UTC(),
		Agent:   r.Agent.actor(),
		Summary: said(r.Summary, maxSentence),
		URL:     outside.URL(r.HTMLURL),
	}
	if r.Channel == nil {
		return l
	}
	l.Channel = clean(r.Channel.Type, maxName)
	if text, ok := r.Channel.Summary.(string); ok && l.EventType() == incidents.KindPagerDutyNoted {
		l.Note = said(text, maxNote)
	}
	return l
}

// LogEntries returns PagerDuty's record of an incident, oldest first; since the given time, or all of it if that is
// zero. It is what to reconcile with when webhooks were missed.
func (c *Client) LogEntries(ctx context.Context, id string, since time.Time) ([]LogEntry, error) {
	op := "reading the record of incident " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return nil, err
	}
	var entries []LogEntry
	err := pages(op, func(offset int) (bool, error) {
		var out struct {
			page
			LogEntries []rawLogEntry `json:"log_entries"`
		}
		k := call{op: op, method: http.MethodGet, path: "/incidents/" + id + "/log_entries", query: logQuery(offset, since), out: &out}
		err := c.rest(ctx, k)
		for _, raw := range out.LogEntries {
			entries = append(entries, raw.entry())
		}
		return out.More, err
	})
	if err != nil {
		return nil, err
	}
	return oldestFirst(entries), nil
}

// oldestFirst sorts what PagerDuty gives newest first. Its times are whole seconds, so that within one second only the
// order in which they came tells.
func oldestFirst(entries []LogEntry) []LogEntry {
	slices.Reverse(entries)
	slices.SortStableFunc(entries, func(a, b LogEntry) int { return a.At.Compare(b.At) })
	return entries
}

func logQuery(offset int, since time.Time) url.Values {
	q := listQuery(offset)
	q.Set("is_overview", "false")
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339))
	}
	return q
}

func listQuery(offset int) url.Values {
	return url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)}}
}
