package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// container finds the one that a button is for, as it is now.
func (b *Bot) container(ctx context.Context, hash string) (snapshot.Container, error) {
	all, err := b.Containers.List(ctx)
	if err != nil {
		return snapshot.Container{}, err
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return keyHash(c.Key) == hash })
	if i < 0 {
		return snapshot.Container{}, snapshot.ErrUnknownContainer
	}
	return all[i], reached(all[i])
}

// reached returns a *snapshot.ElsewhereError when another bot has to act on the container.
func reached(c snapshot.Container) error {
	if c.Elsewhere {
		return &snapshot.ElsewhereError{Key: c.Key}
	}
	return nil
}

// open returns the incident of a button, or a denial when it is over. Without one it returns the zero incident.
func (h *handling) open(ctx context.Context, id int64) (incidents.Incident, error) {
	if id == 0 {
		return incidents.Incident{}, nil
	}
	in, err := h.Incidents.Incident(ctx, id)
	if err == nil && !in.Open() {
		err = &denial{sentence: "Nothing was done: the incident is resolved. To restore all the same, use `/snapback restore <container> <snapshot>`."}
	}
	return in, err
}

// allowed checks a permission, and puts a refusal on the timeline.
func (h *handling) allowed(ctx context.Context, c snapshot.Container, in incidents.Incident, verb string) error {
	err := inWords(h.Access.May(ctx, h.wish(c, in)), verb+" "+quote(c.Called(), 120))
	if refused := (*denial)(nil); errors.As(err, &refused) {
		return h.refused(ctx, in.ID, verb+" "+c.Called(), err)
	}
	return err
}

// wish is to do something with a container, from where this was tapped or typed.
func (h *handling) wish(c snapshot.Container, in incidents.Incident) access.Wish {
	return access.Wish{Who: h.who, Labels: c.Settings.Labels, Incident: in, Channel: h.in.Channel}
}

// within returns a denial when an act on the container is no part of the incident: the container does not name its service,
// and its message stands elsewhere. The incident's timeline is for others then.
func (h *handling) within(ctx context.Context, c snapshot.Container, in incidents.Incident) error {
	if in.ID == 0 || c.Settings.Names(in.ServiceID) {
		return nil
	}
	return h.here(ctx, in)
}

// here returns a denial unless the message of the incident stands where this button was tapped.
func (h *handling) here(ctx context.Context, in incidents.Incident) error {
	channel, err := h.Access.Stands(ctx, in)
	if err != nil || channel != "" && channel == h.in.Channel {
		return err
	}
	if channel == "" { // Slack shows the message before the bot has written down that it does
		return &Error{Retry: true, After: 200 * time.Millisecond, Reason: "not_posted", Err: errors.New("it is not known yet where the message stands")}
	}
	return &denial{sentence: "Nothing was done: that incident's message is in <#" + channel + ">. Tap there."}
}

// subject is the incident of a button, as open returns it, and the container.
func (h *handling) subject(ctx context.Context, v value) (incidents.Incident, snapshot.Container, error) {
	in, err := h.open(ctx, v.Incident)
	if err != nil {
		return in, snapshot.Container{}, err
	}
	c, err := h.container(ctx, v.Key)
	if err != nil {
		return in, c, err
	}
	return in, c, h.within(ctx, c, in)
}

func (h *handling) restore(ctx context.Context, v value) error {
	in, c, err := h.subject(ctx, v)
	if err != nil {
		return err
	}
	if err := h.allowed(ctx, c, in, "restore"); err != nil {
		return err
	}
	var r restore.Restore
	err = snapshot.ErrReplaced
	if v.Seen == seen(c) {
		r, err = h.Restorer.Request(ctx, restore.Ask{
			Container: c, Snapshot: v.Snapshot, Seen: v.Seen, Volumes: v.Volumes, By: h.by(v.Incident), Idempotency: "slack|" + h.in.Native,
		})
	}
	if errors.Is(err, snapshot.ErrReplaced) {
		return h.replaced(ctx, v, c)
	}
	if err == nil {
		h.begun(ctx, c, v, r)
	}
	return err
}

// replaced refuses, and shows the message as it has to be now. A tap that is handled for the second time finds the
// container replaced by its own restore: that is no refusal.
func (h *handling) replaced(ctx context.Context, v value, c snapshot.Container) error {
	last, err := h.Restores.LastRestores(ctx, v.Incident)
	if err != nil || slices.ContainsFunc(last, func(r restore.Restore) bool { return r.By.Source == h.source() }) {
		return err
	}
	err = h.refused(ctx, v.Incident, "restore "+c.Called()+" (it was replaced meanwhile)", snapshot.ErrReplaced)
	if again := h.Deliver(ctx, v.Incident); again != nil {
		h.log.Warn("refreshing a message", "incident_id", v.Incident, "err", again)
	}
	return err
}

// begun answers where the message of an incident does not.
func (h *handling) begun(ctx context.Context, c snapshot.Container, v value, r restore.Restore) {
	if !h.in.Ephemeral {
		return
	}
	told := h.Access.Home(c.Settings.Labels)
	if in, err := h.Incidents.Incident(ctx, r.By.Incident); err == nil { // it may be part of one
		if channel, err := h.Access.Stands(ctx, in); err == nil && channel != "" {
			told = channel
		}
	}
	h.replace(ctx, words(fmt.Sprintf("Restoring %s to `%s`. How it goes is told in <#%s>.", quote(c.Called(), 120), quote(v.Snapshot, 64), told)))
}

func (h *handling) undo(ctx context.Context, v value) error {
	r, err := h.Restores.Restore(ctx, v.Restore)
	if err != nil {
		return err
	}
	in := incidents.Incident{}
	if v.Incident != 0 {
		if in, err = h.Incidents.Incident(ctx, v.Incident); err != nil {
			return err
		}
	}
	c, err := h.container(ctx, keyHash(r.Key))
	if err != nil {
		return err
	}
	if err := h.within(ctx, c, in); err != nil {
		return err
	}
	if err := h.allowed(ctx, c, in, "undo the restore of"); err != nil {
		return err
	}
	_, err = h.Restorer.Undo(ctx, r.ID, h.by(v.Incident), "slack|"+h.in.Native)
	return err
}

func (h *handling) acknowledge(ctx context.Context, v value) error {
	in, err := h.Incidents.Incident(ctx, v.Incident)
	if err != nil {
		return err
	}
	switch err := h.here(ctx, in); {
	case err != nil:
		return err
	case in.Status == incidents.Resolved:
		return &denial{sentence: "It is resolved already" + byWhom(in.ResolvedBy) + ". Nothing is left to do."}
	case in.Status == incidents.Acknowledged:
		who, _ := in.LastAcknowledgement()
		return &denial{sentence: "It is acknowledged already" + byWhom(who) + "."}
	}
	return h.ask(ctx, in, incidents.KindAcknowledgeAsked, "acknowledge")
}

func (h *handling) resolve(ctx context.Context, v value) error {
	in, err := h.Incidents.Incident(ctx, v.Incident)
	if err != nil {
		return err
	}
	if err := h.here(ctx, in); err != nil {
		return err
	}
	if in.Status == incidents.Resolved {
		return &denial{sentence: "It is resolved already" + byWhom(in.ResolvedBy) + ". Nothing is left to do."}
	}
	return h.ask(ctx, in, incidents.KindResolveAsked, "resolve")
}

func byWhom(name string) string {
	if name == "" {
		return ""
	}
	return ", by " + quote(name, 80)
}

// ask writes onto the timeline what somebody asks of PagerDuty; writing it queues the call. The same tap twice asks once.
func (h *handling) ask(ctx context.Context, in incidents.Incident, kind incidents.Kind, verb string) error {
	_, err := h.Timeline.RecordOnce(ctx, incidents.Entry{
		IncidentID: in.ID, Kind: kind, Actor: h.actor(), Source: h.source(), Summary: fmt.Sprintf("%s asked PagerDuty to %s", h.who.Name, verb),
	})
	return err
}

// terminal hands a link over so that only this person sees it. The shell is a permission of its own; logs go with
// the restore. A session ends with its incident, so it needs one.
func (h *handling) terminal(ctx context.Context, v value) error {
	if h.Terminal == nil {
		return &denial{sentence: "Terminals are turned off here."}
	}
	if v.Incident == 0 {
		return &denial{sentence: "Nothing was done: a terminal belongs to an incident. Tap Terminal in its message."}
	}
	in, c, err := h.subject(ctx, v)
	if err != nil {
		return err
	}
	mode, why, err := h.mode(ctx, c, in)
	if err != nil {
		return err
	}
	link, err := h.Terminal.Mint(ctx, access.Grant{
		Person:     access.Holder{Person: h.who, Via: access.Via{Channel: h.in.Channel, Tap: h.in.permalink()}},
		IncidentID: in.ID, Container: c.Key, Name: c.Called(), Mode: mode,
	}, 0)
	if err != nil {
		return err
	}
	h.say(ctx, terminalAnswer(quote(c.Called(), 120), why, link.URL, link.ExpiresAt.In(h.cfg.Zone)))
	return nil
}

// mode is granted, and puts a refusal on the timeline.
func (h *handling) mode(ctx context.Context, c snapshot.Container, in incidents.Incident) (mode access.Mode, why string, err error) {
	mode, why, err = h.granted(ctx, c, in)
	if refused := (*denial)(nil); errors.As(err, &refused) {
		err = h.refused(ctx, in.ID, "see the logs of "+c.Called(), err)
	}
	return mode, why, err
}

// granted is what the person may have; why says what keeps them from a shell, and is empty when nothing does. It returns a
// *denial for who may not even see the logs.
func (h *handling) granted(ctx context.Context, c snapshot.Container, in incidents.Incident) (mode access.Mode, why string, err error) {
	shell := h.wish(c, in)
	shell.Shell = true
	err = inWords(h.Access.May(ctx, shell), "open a shell")
	refused := (*denial)(nil)
	switch {
	case err == nil:
		return access.ModeShell, "", nil
	case !errors.As(err, &refused):
		return "", "", err
	}
	err = inWords(h.Access.May(ctx, h.wish(c, in)), "see the logs of "+quote(c.Called(), 120))
	return access.ModeLogs, strings.TrimPrefix(refused.sentence, "Nothing was done: "), err
}
