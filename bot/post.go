package bot

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"
)

// metadataType marks every post, so that it can be found again.
const metadataType = "snapback_post"

// post is something to be posted once.
type post struct {
	seq       int64  // 0: the message of an incident; n: the entry with that seq
	thread    string // "": in the channel
	rendering Rendering
	shout     bool // a reply that is shown in the channel as well

	instead func(refusal) Rendering // what the next channel gets after one has refused; nil: the same
}

// place posts in the first of channels that takes it, with a note before it. When Slack has answered no, the note is
// taken back; when it has not answered, it stays, and settle will look.
func (d *delivery) place(ctx context.Context, p post, channels []string) (ts string, err error) {
	err = &Error{Retry: true, After: time.Minute, Reason: "no_channel", Err: errors.New("no channel to post to: set SLACK_CHANNEL")}
	for i, channel := range channels {
		if channel == "" || slices.Contains(channels[:i], channel) {
			continue
		}
		if err := d.note(p.seq, channel); err != nil {
			return "", err
		}
		ts, err = d.send(ctx, channel, p, d.m.IncidentID)
		if kindOf(err) != ofTheChannel {
			break
		}
		d.log.Error("a channel refuses what the bot posts", "incident_id", d.m.IncidentID, "channel", channel, "reason", slackCode(err))
		if p.instead != nil {
			p.rendering = p.instead(refusal{Channel: channel, Reason: slackCode(err)})
		}
	}
	var e *Error
	if errors.As(err, &e) && !e.maybe {
		return "", errors.Join(err, d.forget(p.seq))
	}
	return ts, err
}

// note writes down what is about to be posted. An attempt that is made again keeps its first time, because that is
// since when it may be in the channel.
func (d *delivery) note(seq int64, channel string) error {
	if d.m.Attempt != seq || d.m.AttemptedAt.IsZero() {
		d.m.AttemptedAt = d.cfg.Now().UTC()
	}
	d.m.Attempt = seq
	if seq == 0 || d.m.IncidentID == 0 {
		d.m.Channel = channel
	}
	return d.save(d.m)
}

func (d *delivery) forget(seq int64) error {
	d.m.Attempt, d.m.AttemptedAt = -1, time.Time{}
	if seq == 0 {
		d.m.Channel = ""
	}
	return d.save(d.m)
}

// pending says whether an attempt was made of which nobody knows how it ended.
func (d *delivery) pending() bool { return d.m.Attempt >= 0 && !d.m.AttemptedAt.IsZero() }

// findLastPost finds out how the last attempt ended.
func (d *delivery) findLastPost(ctx context.Context) error {
	if !d.pending() {
		return nil
	}
	thread := d.m.TS
	if d.m.Attempt == 0 {
		thread = ""
	}
	ts, err := d.find(ctx, d.m.Channel, thread, d.m.Attempt)
	if err != nil || ts == "" {
		return err
	}
	if d.m.Attempt == 0 {
		d.m.TS, d.m.Rendered = ts, nil // what it says is not known: it is edited
	} else {
		d.m.Seq = max(d.m.Seq, d.m.Attempt)
	}
	d.m.Attempt, d.m.AttemptedAt = -1, time.Time{}
	return d.save(d.m)
}

// find searches a channel or a thread for the post with seq; "" when it is not there. A channel that can't be read is
// taken as one where it is not: a message twice is better than none.
func (d *delivery) find(ctx context.Context, channel, thread string, seq int64) (string, error) {
	since := d.m.AttemptedAt.Add(-2 * time.Minute) // the two clocks may differ
	oldest := strconv.FormatInt(since.Unix(), 10) + ".000000"
	cursor := ""
	for {
		page, next, err := d.page(ctx, channel, thread, oldest, cursor)
		if kind := kindOf(err); kind == ofTheChannel || kind == ofTheAccount {
			d.log.Error("can't look whether a message was posted", "channel", channel, "reason", slackCode(err))
			return "", nil
		}
		if err != nil {
			return "", wrap("looking for a message", err)
		}
		for _, msg := range page {
			if d.ours(msg, seq) {
				return msg.Timestamp, nil
			}
		}
		if next == "" {
			return "", nil
		}
		cursor = next
	}
}

func (d *delivery) page(ctx context.Context, channel, thread, oldest, cursor string) ([]slack.Message, string, error) {
	if thread != "" {
		msgs, _, next, err := d.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: channel, Timestamp: thread, Oldest: oldest, Cursor: cursor, Limit: 200, IncludeAllMetadata: true,
		})
		return msgs, next, err
	}
	res, err := d.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Oldest: oldest, Cursor: cursor, Limit: 200, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return res.Messages, res.ResponseMetaData.NextCursor, nil
}

func (d *delivery) ours(msg slack.Message, seq int64) bool {
	number := func(key string) int64 {
		n, ok := msg.Metadata.EventPayload[key].(float64)
		if !ok {
			return -1
		}
		return int64(n)
	}
	return msg.Metadata.EventType == metadataType && number("incident_id") == d.m.IncidentID && number("seq") == seq
}
