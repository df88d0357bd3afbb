package bot

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Deliver brings Slack up to what is written: the message of an incident, and the entries of its thread, in order. It
// may be called at any time, twice, and by several bots. Incident 0 is the chain of what happened outside incidents.
// The error is an *Error, or a *snapshot.ElsewhereError when another bot can offer what this one can't; whatever it says,
// what was posted is not posted again.
//
// Once, also across crashes: what is about to be posted is noted before (Message.Attempt), and every post carries
// metadata that tells which it is. When a note is found at the next call, nobody knows how the attempt ended, so the
// channel is searched for that metadata before it is posted again.
func (b *Bot) Deliver(ctx context.Context, incidentID int64) error {
	err := b.Messages.WithMessage(ctx, incidentID, func(ctx context.Context, m incidents.Message, save func(incidents.Message) error) error {
		d := &delivery{Bot: b, m: m, save: save}
		if incidentID == 0 {
			return d.outside(ctx)
		}
		return d.incident(ctx, incidentID)
	})
	if err == nil {
		b.cfg.Observe("deliver", "ok")
		return nil
	}
	var elsewhere *snapshot.ElsewhereError
	if errors.As(err, &elsewhere) {
		b.cfg.Observe("deliver", "elsewhere")
		return err
	}
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Retry: true, Reason: "store", Err: err}
	}
	b.cfg.Observe("deliver", known.Reason)
	return known
}

// delivery is one call of Deliver, while it holds the chain's lock.
type delivery struct {
	*Bot
	m    incidents.Message
	save func(incidents.Message) error
}

func (d *delivery) incident(ctx context.Context, id int64) error {
	in, err := d.Incidents.Incident(ctx, id)
	if errors.Is(err, incidents.ErrUnknown) {
		return &Error{Reason: "unknown_incident", Err: err}
	}
	if err != nil {
		return err
	}
	entries, err := d.news(ctx, id)
	if err != nil {
		return err
	}
	v, err := d.view(ctx, in, entries, d.budget())
	if err != nil {
		return err
	}
	entries = d.recordCause(ctx, v, entries)
	if len(v.Containers) > 0 { // the likeliest cause is the first
		if err := reached(v.Containers[0].Container); err != nil {
			return err
		}
	}
	unposted := d.m.TS == ""
	if err := d.findLastPost(ctx); err != nil {
		return err
	}
	if err := d.root(ctx, &v); err != nil {
		return err
	}
	if unposted && len(entries) > 0 {
		d.cfg.Posted(d.cfg.Now().Sub(entries[0].RecordedAt))
	}
	d.wanted(entries)
	if err := d.threadAnywhere(ctx, &v, entries); err != nil {
		return err
	}
	if err := d.announced(ctx, entries); err != nil {
		return err
	}
	if v.Problem != "" || v.unexamined(d.cfg.Now()) {
		return &Error{Retry: true, After: 10 * time.Second, Reason: "incomplete", Err: errors.New("the message is posted, and incomplete")}
	}
	if v.replacing() {
		return &Error{Retry: true, After: 3 * time.Second, Reason: "restoring", Err: errors.New("the message is posted, and tasks are being replaced")}
	}
	if v.moving() {
		return &Error{Retry: true, After: 10 * time.Second, Reason: "restoring", Err: errors.New("the message is posted, and volumes are being moved")}
	}
	return nil
}

// budget is how long a message may look things up. One that is posted may take longer for it than one that somebody is waiting for:
// on a machine that is too busy to answer in time, it would never get its button.
func (d *delivery) budget() time.Duration {
	if d.m.TS == "" {
		return d.cfg.Budget
	}
	return 3 * d.cfg.Budget
}

// news are the entries that are to be told, and those that say what stands: what was asked of PagerDuty just now, what explains
// the incident, what became of the errors, and where its message is.
func (d *delivery) news(ctx context.Context, id int64) ([]incidents.Entry, error) {
	since := d.cfg.Now().Add(-askPending - 2*time.Minute) // another bot's clock may be behind
	return d.Timeline.News(ctx, id, d.m.Seq, since, append(errorKinds(), incidents.KindDeploy, incidents.KindSlackPosted, incidents.KindSlackRefused)...)
}

// recordCause puts the last deploy before the alert onto the timeline, and returns the entries with it. The alert does not wait for
// it longer than for what it looks up, since somebody else may hold the timeline: it is tried again whenever the incident is
// told.
func (d *delivery) recordCause(ctx context.Context, v View, entries []incidents.Entry) []incidents.Entry {
	if v.cause == nil {
		return entries
	}
	e, ok, err := v.cause.causeEntry(v.Incident)
	if ok && err == nil && !recorded(entries, e) {
		limited, cancel := context.WithTimeout(ctx, d.cfg.Budget)
		defer cancel()
		e, err = d.Timeline.RecordUntold(limited, e)
	}
	if err != nil {
		d.log.Warn("writing the last deploy down", "incident_id", v.Incident.ID, "err", err)
	} else if ok && e.Seq == d.last(entries)+1 { // otherwise, what came between is told by a job of its own, and this with it
		entries = append(entries, e)
	}
	return entries
}

// last is the sequence number up to which entries go.
func (d *delivery) last(entries []incidents.Entry) int64 {
	if len(entries) == 0 {
		return d.m.Seq
	}
	return max(d.m.Seq, entries[len(entries)-1].Seq)
}

// recorded says whether entries have one of that kind from that source.
func recorded(entries []incidents.Entry, want incidents.Entry) bool {
	return slices.ContainsFunc(entries, func(e incidents.Entry) bool {
		return e.Kind == want.Kind && e.Source.System == want.Source.System && e.Source.NativeID == want.Source.NativeID
	})
}

// root posts the message, or edits it when it reads otherwise by now.
func (d *delivery) root(ctx context.Context, v *View) error {
	r := Render(*v)
	if hash := r.hash(); d.m.TS != "" {
		if slices.Equal(hash, d.m.Rendered) {
			return nil
		}
		moved, err := d.edit(ctx, r, hash)
		if !moved {
			return err
		}
		if err != nil {
			return d.move(ctx, v, slackCode(err))
		}
		d.m.TS, d.m.Rendered = "", nil
	}
	return d.postRoot(ctx, v)
}

// edit returns moved when the message can't be edited any more, so that a new one is needed: with an error in another
// channel, since its own is closed.
func (d *delivery) edit(ctx context.Context, r Rendering, hash []byte) (moved bool, err error) {
	err = d.update(ctx, d.m.Channel, d.m.TS, r)
	switch code := slackCode(err); {
	case err == nil:
		d.m.Rendered = hash
		return false, d.save(d.m)
	case slices.Contains([]string{"message_not_found", "cant_update_message", "edit_window_closed"}, code):
		d.log.Warn("the message of an incident is gone: posting a new one", "incident_id", d.m.IncidentID, "channel", d.m.Channel, "reason", code)
		return true, nil
	case kindOf(err) == ofTheMessage:
		d.log.Error("Slack refuses an edit for good: the message stays as it is", "incident_id", d.m.IncidentID, "channel", d.m.Channel, "reason", code)
		return false, nil
	}
	return d.closed(err), err
}

// rootChannels are where the message may go, in order of preference.
func (d *delivery) rootChannels(v *View) []string {
	if d.m.Channel != "" {
		return []string{d.m.Channel, d.cfg.Channel}
	}
	var out []string
	for _, c := range v.Containers {
		if !v.Suspects && c.Container.Settings.SlackChannel != "" {
			out = append(out, c.Container.Settings.SlackChannel)
		}
	}
	return append(out[:min(len(out), 1)], d.cfg.Channel)
}

// announced writes onto the timeline where the message stands, once for each that was posted. It comes last: nobody is to wait
// for it.
func (d *delivery) announced(ctx context.Context, entries []incidents.Entry) error {
	e := incidents.Entry{
		IncidentID: d.m.IncidentID, OccurredAt: timeOf(d.m.TS), Kind: incidents.KindSlackPosted, Actor: incidents.Self(),
		Source:  incidents.Source{System: "slack", NativeID: d.m.Channel + "/" + d.m.TS},
		Summary: "Posted the alert in Slack",
	}
	if recorded(entries, e) {
		return nil
	}
	link, err := d.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: d.m.Channel, Ts: d.m.TS})
	var refused *Error
	if err = wrap("asking for a message's link", err); errors.As(err, &refused) && refused.Retry {
		return err
	}
	e.Source.URL = link
	if e, err = d.Timeline.RecordUntold(ctx, e); err != nil || e.Seq != d.m.Seq+1 {
		return err // what came between is told by a job of its own, and this with it
	}
	d.m.Seq = e.Seq
	return d.save(d.m)
}

// timeOf is when Slack took a message; the zero time, which stands for now, when its ID doesn't say.
func timeOf(ts string) time.Time {
	seconds, err := strconv.ParseFloat(ts, 64)
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6)).UTC()
}

// thread posts what has been written since, in order.
func (d *delivery) thread(ctx context.Context, entries []incidents.Entry) error {
	before := d.m.Seq
	for _, e := range entries {
		if e.Seq <= d.m.Seq {
			continue
		}
		if mark, ok := posting(e); ok {
			shout := d.shout(ctx, e, entries)
			if shout {
				d.show(e)
			}
			p := post{seq: e.Seq, thread: d.m.TS, rendering: reply(e, mark), shout: shout}
			if _, err := d.place(ctx, p, []string{d.m.Channel}); err != nil && !d.unpostable(err, e) {
				return err
			}
			d.m.Attempt, d.m.Seq = -1, e.Seq
			if err := d.save(d.m); err != nil {
				return err
			}
			before = e.Seq
		}
		d.m.Seq = e.Seq
	}
	if d.m.Seq == before {
		return nil
	}
	return d.save(d.m)
}

// unpostable says that Slack will never take an entry as it is. It is logged and left out, because everything after
// it would wait for ever.
func (d *delivery) unpostable(err error, e incidents.Entry) bool {
	if kindOf(err) != ofTheMessage {
		return false
	}
	d.log.Error("Slack refuses an entry for good: leaving it out", "incident_id", e.IncidentID, "seq", e.Seq, "kind", e.Kind, "reason", slackCode(err))
	return true
}

// hash tells renderings apart.
func (r Rendering) hash() []byte {
	doc, err := json.Marshal(struct {
		Text   string
		Blocks []slack.Block
	}{r.Text, r.Blocks})
	if err != nil {
		doc = fmt.Appendf(nil, "%v", r) // blocks are plain structs, so this is not reached; a hash of anything is safe
	}
	sum := sha256.Sum256(doc)
	return sum[:]
}
