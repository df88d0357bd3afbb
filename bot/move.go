package bot

import (
	"context"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
)

// A channel may be archived, made read-only or left while its incident is open. The message moves to the default channel then,
// where it says which channel refused it and why, and its thread goes on there.

// closed says that an incident's channel refuses what is posted there, and that there is another one.
func (d *delivery) closed(err error) bool {
	return kindOf(err) == ofTheChannel && d.cfg.Channel != "" && d.m.Channel != d.cfg.Channel
}

// move posts the message anew, in the default channel.
func (d *delivery) move(ctx context.Context, v *View, code string) error {
	d.log.Error("a channel is closed to the bot: moving to the default channel", "incident_id", d.m.IncidentID, "channel", d.m.Channel, "reason", code)
	was := d.m
	v.refuse(refusal{Channel: d.m.Channel, Reason: code})
	d.m.Channel, d.m.TS, d.m.Rendered = d.cfg.Channel, "", nil
	if d.m.Picture.Due > 0 { // the new thread has none; the refusal takes the place on the timeline up to which it is due
		d.m.Picture.Due = max(d.m.Picture.Due, d.m.Seq) + 1
	}
	err := d.postRoot(ctx, v)
	if err != nil && !d.pending() { // it was refused there as well: the one that there is stays the message
		d.m.Channel, d.m.TS, d.m.Rendered, d.m.Picture.Due = was.Channel, was.TS, was.Rendered, was.Picture.Due
		if err := d.save(d.m); err != nil {
			return err
		}
	}
	return err
}

// postRoot posts the message in the first channel that takes it.
func (d *delivery) postRoot(ctx context.Context, v *View) error {
	p := post{seq: 0, rendering: Render(*v), instead: func(r refusal) Rendering {
		v.refuse(r)
		return Render(*v)
	}}
	ts, err := d.place(ctx, p, d.rootChannels(v))
	if kindOf(err) == ofTheMessage { // not even its text: somebody has to see the log
		return &Error{Retry: true, After: time.Minute, Reason: slackCode(err), Err: err}
	}
	if err != nil {
		return err
	}
	d.m.TS, d.m.Rendered, d.m.Attempt = ts, Render(*v).hash(), -1
	if err := d.save(d.m); err != nil {
		return err
	}
	d.recordRefusals(ctx, v)
	return nil
}

// threadAnywhere tells what is new in the thread, in the default channel if the incident's is closed by now.
func (d *delivery) threadAnywhere(ctx context.Context, v *View, entries []incidents.Entry) error {
	err := d.thread(ctx, entries)
	if !d.closed(err) {
		return err
	}
	if err := d.move(ctx, v, slackCode(err)); err != nil {
		return err
	}
	return d.thread(ctx, entries)
}

// refuse notes a refusal, the newest of a channel.
func (v *View) refuse(r refusal) {
	r.fresh = true
	v.Refused = append(slices.DeleteFunc(slices.Clone(v.Refused), func(old refusal) bool { return old.Channel == r.Channel }), r)
}

// recordRefusals writes onto the timeline which channels have refused the message, so that it goes on saying so. It is where
// people see it already, so nobody waits for this.
func (d *delivery) recordRefusals(ctx context.Context, v *View) {
	for _, r := range v.Refused {
		if !r.fresh {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, d.cfg.Budget)
		_, err := d.Timeline.RecordUntold(limited, r.entry(d.m.IncidentID, d.m.Channel, d.cfg.Now()))
		cancel()
		if err != nil {
			d.log.Warn("writing down which channel refused a message", "incident_id", d.m.IncidentID, "err", err)
		}
	}
}
