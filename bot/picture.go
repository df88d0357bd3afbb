package bot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/incidents/flat/picture"
)

// A picture of the errors stands in the incident's thread. It is drawn anew when something has happened that matters in it, and the old
// one is removed when the new one is there. Slack gives a file its ID before it is to be seen: that is noted, so that a bot that dies
// leaves no second picture behind.

// redraws are the entries that a picture is drawn for.
var redraws = []incidents.Kind{
	incidents.KindPagerDutyTriggered, incidents.KindRestoreVerified, incidents.KindErrorsFalling, incidents.KindErrorsFlat,
	incidents.KindErrorsFlatAgain, incidents.KindErrorsBack, incidents.KindPagerDutyResolved,
}

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

// picture draws what is due. It comes last: nobody is to wait for it. Its error says that it is to be tried again.
func (d *delivery) picture(ctx context.Context, in incidents.Incident) error {
	if d.Pictures == nil {
		return nil
	}
	if err := d.tidy(ctx); err != nil || d.m.Picture.Due <= d.m.Picture.Seq {
		return err
	}
	c, err := d.Pictures.Chart(ctx, in)
	switch {
	case errors.Is(err, picture.ErrNone):
		return d.drawn()
	case err != nil:
		return err
	}
	if err = d.upload(ctx, in, c); err != nil {
		return d.failed(err)
	}
	return d.tidy(ctx)
}

// patience is how often a picture is tried that does not get there: an alert is no worse without.
const patience = 5

// failed returns what has failed if it is to be tried again.
func (d *delivery) failed(err error) error {
	var known *Error
	refused := errors.As(err, &known) && slackCode(err) != "" && !known.maybe && known.Reason != "rate_limited"
	if d.m.Picture.Fails++; !refused && d.m.Picture.Fails < patience {
		return errors.Join(err, d.save(d.m))
	}
	d.log.Warn("the thread is without the picture of the errors", "incident_id", d.m.IncidentID, "err", err)
	return d.drawn()
}

// drawn notes that nothing more is due.
func (d *delivery) drawn() error {
	d.m.Picture.Seq, d.m.Picture.Fails = d.m.Picture.Due, 0
	return d.save(d.m)
}

// tidy removes the files that are not to be seen any more.
func (d *delivery) tidy(ctx context.Context) error {
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
func (d *delivery) upload(ctx context.Context, in incidents.Incident, c chart.Chart) error {
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
