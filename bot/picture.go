package bot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/incidents/flat/picture"
)

// A picture of the errors stands in the incident's thread. It is drawn anew when something has happened that matters in it, and the old
// one is removed when the new one is there. Slack gives a file its ID before it is to be seen: that is noted, so that a bot that dies
// leaves no second picture behind. It has a job and a lock of its own, so that no message waits for an upload that hangs.

// redraws are the entries that a picture is drawn for.
var redraws = []incidents.Kind{
	incidents.KindPagerDutyTriggered, incidents.KindRestoreVerified, incidents.KindErrorsFalling, incidents.KindErrorsFlat,
	incidents.KindErrorsFlatAgain, incidents.KindErrorsBack, incidents.KindErrorsNotFlat, incidents.KindErrorsUnknown,
	incidents.KindDeployBack, incidents.KindPagerDutyResolved,
}

// uploadWithin is how long an upload may take, all of its steps together. The job of a picture ends a little later.
const uploadWithin = 20 * time.Second

// pixels is how many there are to a point: as many as a phone's screen has.
const pixels = 3

// wanted notes up to which entry a picture is to be drawn. It is saved with what else is told of them.
func (d *delivery) wanted(entries []incidents.Entry) {
	for _, e := range entries {
		if e.Seq > d.m.Seq && slices.Contains(redraws, e.Kind) {
			d.m.Picture.Due = e.Seq
		}
	}
}

// drawing is one call of Draw, while it holds the lock of the chain's picture.
type drawing struct {
	*Bot
	m        incidents.Message
	savePart func(incidents.ThreadPicture) error
}

func (d *drawing) save(m incidents.Message) error { return d.savePart(m.Picture) }

// Draw brings the picture in an incident's thread up to what is due. It may be called at any time, twice, and by several bots. Its error
// is an *Error, and says that it is to be tried again.
func (b *Bot) Draw(ctx context.Context, incidentID int64) error {
	err := b.Messages.WithPicture(ctx, incidentID, func(ctx context.Context, m incidents.Message, save func(incidents.ThreadPicture) error) error {
		return (&drawing{Bot: b, m: m, savePart: save}).picture(ctx)
	})
	if err == nil {
		return nil
	}
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Retry: true, Reason: "store", Err: err}
	}
	b.cfg.Observe("draw", known.Reason)
	return known
}

// picture draws what is due.
func (d *drawing) picture(ctx context.Context) error {
	if d.Pictures == nil || d.m.TS == "" {
		return nil
	}
	if err := d.tidy(ctx); err != nil || d.m.Picture.Due <= d.m.Picture.Seq {
		return err
	}
	in, err := d.Incidents.Incident(ctx, d.m.IncidentID)
	if err != nil {
		return err
	}
	c, err := d.Pictures.Chart(ctx, in)
	switch {
	case errors.Is(err, picture.ErrNone):
		return d.drawn()
	case err != nil:
		return d.failed(err)
	}
	if err = d.upload(ctx, in, c); err != nil {
		return d.failed(err)
	}
	return d.tidy(ctx)
}

// patience is how often a picture is tried that does not get there: an alert is no worse without.
const patience = 5

// failed returns what has failed if it is to be tried again.
func (d *drawing) failed(err error) error {
	var known *Error
	refused := errors.As(err, &known) && slackCode(err) != "" && !known.maybe && known.Reason != "rate_limited"
	if d.m.Picture.Fails++; !refused && d.m.Picture.Fails < patience {
		return errors.Join(err, d.save(d.m))
	}
	d.log.Warn("the thread is without the picture of the errors", "incident_id", d.m.IncidentID, "err", err)
	return d.drawn()
}

// drawn notes that nothing more is due.
func (d *drawing) drawn() error {
	d.m.Picture.Seq, d.m.Picture.Fails = d.m.Picture.Due, 0
	return d.save(d.m)
}

// tidy removes the files that are not to be seen any more.
func (d *drawing) tidy(ctx context.Context) error {
	for len(d.m.Picture.Old) > 0 {
		err := wrap("removing a picture", d.api.DeleteFileContext(ctx, d.m.Picture.Old[0]))
		var refused *Error
		if errors.As(err, &refused) && (slackCode(err) == "" || refused.maybe || refused.Reason == "rate_limited") {
			return err
		}
		if err != nil && slackCode(err) != "file_not_found" && slackCode(err) != "file_deleted" {
			d.log.Warn("an old picture stays in its thread", "incident_id", d.m.IncidentID, "reason", slackCode(err))
		}
		d.m.Picture.Old = d.m.Picture.Old[1:]
		if err := d.save(d.m); err != nil {
			return err
		}
	}
	return nil
}

// upload is Slack's three steps, and puts the new picture in the place of the last one.
func (d *drawing) upload(ctx context.Context, in incidents.Incident, c chart.Chart) error {
	ctx, cancel := context.WithTimeout(ctx, uploadWithin)
	defer cancel()
	doc, err := c.PNG(chart.Dark, pixels) // most are looked at in a dark room, and it can be read in a light one
	if err != nil {
		return err
	}
	name := fmt.Sprintf("errors-%d.png", max(in.Number, in.ID))
	to, err := d.api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: len(doc), AltTxt: c.AltText()})
	if err != nil {
		return wrap("asking where to upload a picture", err)
	}
	last := d.m.Picture.File
	d.m.Picture.Old = append(d.m.Picture.Old, to.FileID) // until it is known to be there
	if err := d.save(d.m); err != nil {
		return err
	}
	if err := d.api.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: to.UploadURL, Reader: bytes.NewReader(doc), Filename: name}); err != nil {
		return wrap("uploading a picture", err)
	}
	if err := d.awaitTurn(ctx, d.m.Channel); err != nil {
		return err
	}
	_, err = d.api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
		Files:   []slack.FileSummary{{ID: to.FileID, Title: "Errors a minute, " + c.To.In(d.cfg.Zone).Format("15:04")}},
		Channel: d.m.Channel, ThreadTimestamp: d.m.TS,
	})
	if err != nil {
		return wrap("showing a picture", err)
	}
	d.m.Picture.File, d.m.Picture.Old = to.FileID, nil
	if last != "" {
		d.m.Picture.Old = []string{last}
	}
	return d.drawn()
}
