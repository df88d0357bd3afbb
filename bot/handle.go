package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Handle carries out what Inbox.Accept was given. It can be called twice with the same: what was done is not done again.
// What can't be done is said to the person, and is no error. An error means that it should be tried again soon; who
// tries too late is answered that nothing was done. A *snapshot.ElsewhereError is for another bot to handle.
func (b *Bot) Handle(ctx context.Context, body []byte, receivedAt time.Time) error {
	var in inbound
	if err := json.Unmarshal(body, &in); err != nil {
		return &Error{Reason: "malformed", Err: fmt.Errorf("reading what Slack sent: %w", err)}
	}
	h := &handling{Bot: b, in: in}
	if late := b.cfg.Now().Sub(receivedAt); late > b.cfg.Late {
		b.cfg.Observe("handled", "late")
		h.say(ctx, words(fmt.Sprintf("That came too late: I could only look at it after %s, so I did nothing about it now. Look at the message, and tap again if you still want to.", span(late))))
		return nil
	}
	err := h.identify(ctx)
	if err == nil {
		err = h.carryOut(ctx)
	}
	if err == nil {
		b.cfg.Observe("handled", "ok")
		return nil
	}
	return h.sayWhyNot(ctx, err)
}

// handling is one tap or command.
type handling struct {
	*Bot
	in  inbound
	who access.Person
}

// identify finds out who wants something. It returns a *denial for calls of other workspaces, and accounts of them.
func (h *handling) identify(ctx context.Context) (err error) {
	w, err := h.directory.home(ctx)
	if err != nil {
		return err
	}
	if h.in.From != (origin{}) && !w.sent(h.in.From) {
		return &denial{sentence: "Nothing was done: that comes from another workspace, and I work for this one alone."}
	}
	h.who, err = h.Access.Tapper(ctx, h.in.User, h.in.UserName, h.directory.maybeForeign(h.in.From))
	return inWords(err, "")
}

// carryOut finds what was tapped.
func (h *handling) carryOut(ctx context.Context) error {
	if h.in.Kind == inCommand {
		return h.command(ctx)
	}
	v, err := parseValue(h.in.Value)
	if err != nil {
		return &denial{sentence: "Nothing was done: that button is of a kind that I don't know any more. Use `/snapback help`."}
	}
	act := h.in.Action
	if act == actMore {
		act = v.Act
	}
	acts := map[string]func(context.Context, value) error{
		actRestore: h.restore, actUndo: h.undo, actRelease: h.release, actAcknowledge: h.acknowledge, actResolve: h.resolve,
		actTerminal: h.terminal, actPick: h.pick, actDetails: h.details, actLink: nothing,
	}
	if do, ok := acts[act]; ok {
		return do(ctx, v)
	}
	return &denial{sentence: "Nothing was done: that button is of a kind that I don't know any more. Use `/snapback help`."}
}

func nothing(context.Context, value) error { return nil }

// sayWhyNot tells the person why not. What can't be put in words is tried again.
func (h *handling) sayWhyNot(ctx context.Context, err error) error {
	var elsewhere *snapshot.ElsewhereError
	if errors.As(err, &elsewhere) {
		h.cfg.Observe("handled", "elsewhere")
		return err
	}
	text, known := h.sentence(err)
	if !known {
		h.cfg.Observe("handled", "error")
		return fmt.Errorf("handling %s of %s: %w", h.in.Kind+" "+h.in.Action, h.in.User, err)
	}
	h.cfg.Observe("handled", "refused")
	h.log.Info("refused a tap", "action", h.in.Action, "user", h.in.User, "err", err)
	h.say(ctx, words(text))
	return nil
}

// refused writes on the timeline that somebody was refused, and returns err.
func (h *handling) refused(ctx context.Context, incident int64, what string, err error) error {
	e, recErr := access.Refused(incident, h.cfg.Now(), h.actor(), h.source(), what, err)
	if errors.Is(err, snapshot.ErrReplaced) { // which is about this tap, and this container
		e.Source = h.source()
	}
	if recErr == nil {
		_, recErr = h.Timeline.RecordOnce(ctx, e)
	}
	if recErr != nil {
		return fmt.Errorf("recording a refusal: %w", recErr)
	}
	return err
}

func (h *handling) actor() incidents.Actor {
	return incidents.Actor{Kind: incidents.Person, SlackID: h.who.SlackID, PagerDutyID: h.who.PagerDutyID, Name: h.who.Name}
}

func (h *handling) source() incidents.Source {
	return incidents.Source{System: "slack", NativeID: h.in.Native, URL: h.in.permalink()}
}

func (h *handling) by(incident int64) snapshot.By {
	return snapshot.By{Actor: h.actor(), Incident: incident, Source: h.source()}
}

// words is an answer without anything to tap; text is mrkdwn.
func words(text string) Rendering {
	text = clip(text, maxSection)
	return Rendering{Text: text, Blocks: []slack.Block{section(text)}}
}
