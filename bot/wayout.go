package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Best is what the first button restores: the way out, if there is one. Which it is, snapshot/restore/choose.go says.
func (c ContainerView) Best() (restore.Offer, bool) {
	i := slices.IndexFunc(c.Offers, func(o restore.Offer) bool { return o.WayOut() && restorable(o) })
	if i < 0 || nobodyMay(c.Container) {
		return restore.Offer{}, false
	}
	return c.Offers[i], true
}

// restorable also refuses a name that no button could carry; only one from outside the product would be such.
func restorable(o restore.Offer) bool {
	return len(o.WhyNot) == 0 && snapshot.CheckName(o.Snapshot.Name) == nil
}

// changing says whether a restore would do anything: to the container, to files that it has written itself, or by starting it.
func changing(c snapshot.Container, o restore.Offer) bool {
	return !o.Running || o.Layer || c.State != "running"
}

// nobodyMay says that the container's labels permit nobody to restore it, so that a button would lead nowhere.
func nobodyMay(c snapshot.Container) bool {
	switch c.Settings.RestoreAllow.Rule {
	case access.Channel, access.OnCall, access.Listed:
		return false
	}
	return true
}

// offer holds what is kept against what runs, and runs the preflight of what comes first, so that a button is there only for
// what can be restored. Engines are asked side by side: one that hangs must not take the button from the others' containers.
func (b *Bot) offer(ctx context.Context, v *View) error {
	on := map[string][]*ContainerView{} // by engine
	for i := range v.Containers {
		c := &v.Containers[i]
		if !c.Container.Elsewhere { // only its own bot can tell what can be restored
			on[c.Container.Engine] = append(on[c.Container.Engine], c)
		}
	}
	errs := make(chan error, len(on))
	var asked sync.WaitGroup
	for _, list := range on {
		asked.Go(func() { errs <- b.offerOn(ctx, v.Incident.OpenedAt, list) })
	}
	asked.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// offerOn does so for containers of one engine.
func (b *Bot) offerOn(ctx context.Context, opened time.Time, list []*ContainerView) error {
	for _, c := range list {
		offers, err := b.Offers.Offers(ctx, c.Container, opened, maxOffers)
		c.Offers, c.Examined = offers[:min(maxOffers, len(offers))], err == nil
		if err != nil {
			return err
		}
	}
	return nil
}

// wayOutLine says why there is no Restore button where one would be looked for.
func wayOutLine(v View, c ContainerView) string {
	if _, ok := c.Best(); ok || !offering(v) || !c.Examined || c.Container.Carries != "" {
		return ""
	}
	if nobodyMay(c.Container) && len(c.Offers) > 0 {
		return "No Restore button: " + nobodyLine(c)
	}
	why := restore.WhyNone(c.Container.Called(), c.Offers)
	if why == "" { // there is one, and its name fits no button
		return ""
	}
	return "No Restore button: " + quote(lowerFirst(why), 500) + more(c)
}

// nobodyLine says who may restore what nobody may from here.
func nobodyLine(c ContainerView) string {
	name := quote(c.Container.Called(), 100)
	why := ", as its label `snapback.restore.allow` has it"
	if wrong := c.Container.Settings.RestoreAllow.Why; wrong != "" {
		why = " until a label is put right (" + quote(wrong, 200) + ")"
	}
	return fmt.Sprintf("nobody may restore %s from Slack%s. Who has an API token may: `snapback snapshot restore %s %s`",
		name, why, name, quote(c.Offers[0].Snapshot.Name, 64))
}

// more says where the states are that have no button.
func more(c ContainerView) string {
	if slices.ContainsFunc(c.Offers, func(o restore.Offer) bool { return restorable(o) && changing(c.Container, o) }) {
		return ". What can be restored all the same is in the ⋯ menu"
	}
	return ""
}

// lowerFirst and upperFirst are for our own sentences, which are not empty.
func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// causeEntry makes the entry of the last deploy before the incident, which says so when a restore had undone it by then.
func (c ContainerView) causeEntry(in incidents.Incident) (incidents.Entry, bool, error) {
	e, ok, err := c.Deploy.CauseEntry(in, c.Container.Name, called(c.With))
	if ok && c.Undone != nil && c.Undone.At.Before(in.OpenedAt) {
		e.Summary += fmt.Sprintf(". It had been rolled back to %s by then, %s after it", c.Undone.By, span(c.Undone.At.Sub(c.Deploy.At)))
	}
	return e, ok, err
}
