package console_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// told are the entries of a kind outside any incident, with why.
func (h *house) told(kind incidents.Kind) (out []string) {
	h.t.Helper()
	entries, err := h.db.Entries(h.t.Context(), 0, 0)
	testkit.OK(h.t, err)
	for _, e := range entries {
		if e.Kind == kind {
			out = append(out, fmt.Sprintf("%s: %s %s", e.Actor.SlackID, e.Summary, e.Details))
		}
	}
	return out
}

// TestALinkThatIsOverIsRefusedOnTheTimeline with its person. One that was never ours is not.
func TestALinkThatIsOverIsRefusedOnTheTimeline(t *testing.T) {
	for why, spoil := range map[string]func(h *house, token string){
		"used":    func(h *house, token string) { h.visitor().register(token) },
		"over":    func(h *house, _ string) { h.later(signin.SlackLinkLife) },
		"revoked": func(h *house, _ string) { testkit.OK(t, h.door.RevokePerson(t.Context(), "U0ANN", incidents.Self())) },
	} {
		t.Run(why, func(t *testing.T) {
			h := newHouse(t)
			token := h.link("U0ANN")
			spoil(h, token)
			for _, token := range []string{token, strings.Repeat("A", 52)} {
				if _, code, said := h.visitor().ask("POST", "/console/register/begin", envelope{"token": token}); code != "link_over" || strings.Contains(said, "it is "+why) {
					t.Errorf("it was said: %s", said)
				}
			}
			got := h.told(incidents.KindSigninRefused)
			if len(got) != 1 || !strings.HasPrefix(got[0], "U0ANN: Ann was not allowed to register a passkey") || !strings.Contains(got[0], "it is "+why) {
				t.Errorf("the timeline has %q", got)
			}
		})
	}
}

// TestWhatTheDatabaseRefusesIsOnTheTimeline: an answer that was given already, and a passkey that is there.
func TestWhatTheDatabaseRefusesIsOnTheTimeline(t *testing.T) {
	h := newHouse(t)
	v, token := h.visitor(), h.link("U0ANN")
	d := newDevice(t, h.origin)
	d.count = ^uint32(0) // it counts nothing, so that its answer is good but for the challenge
	made := d.create(v.begin("/console/register/begin", envelope{"token": token}))
	d.count = ^uint32(0)
	v.ask("POST", "/console/register/finish", envelope{"token": token, "credential": made})
	other := h.link("U0ANN")
	again := d.create(v.begin("/console/register/begin", envelope{"token": other}))
	if _, code, _ := h.visitor().ask("POST", "/console/register/finish", envelope{"token": other, "credential": again}); code != "known_passkey" {
		t.Errorf("the same device again: %s", code)
	}
	d.count = ^uint32(0)
	answer := envelope{"credential": d.get(h.visitor().begin("/console/signin/begin", nil))}
	h.visitor().ask("POST", "/console/signin/finish", answer)
	if _, code, _ := h.visitor().ask("POST", "/console/signin/finish", answer); code != "challenge_over" {
		t.Errorf("the same answer again: %s", code)
	}
	got := h.told(incidents.KindSigninRefused)
	if len(got) != 2 || !strings.Contains(got[0], signin.ErrKnownPasskey.Error()) || !strings.Contains(got[1], signin.ErrChallenge.Error()) {
		t.Errorf("the timeline has %q", got)
	}
}

// deafTimeline writes, or not, and says for the first so many entries that it could not.
type deafTimeline struct {
	*store.DB
	writes bool
	deaf   atomic.Int32
}

func (d *deafTimeline) RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	deaf := d.deaf.Add(-1) >= 0
	if deaf && !d.writes {
		return e, errors.New("away")
	}
	e, err := d.DB.RecordOnce(ctx, e)
	if deaf {
		err = errors.New("its answer is lost")
	}
	return e, err
}

// TestARefusalIsOnTheTimelineLater where the database was away, and once where only its answer was lost.
func TestARefusalIsOnTheTimelineLater(t *testing.T) {
	for name, writes := range map[string]bool{"it was away": false, "its answer was lost": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			token := h.link("U0ANN")
			h.visitor().register(token)
			line := &deafTimeline{DB: h.db, writes: writes}
			line.deaf.Store(2)
			door, err := signin.New(signin.Config{PublicURL: h.origin, Store: h.db, Ring: testkit.Ring(t), Accounts: living{}, Timeline: line, Now: h.clock})
			testkit.OK(t, err)
			if _, err := door.BeginRegistration(t.Context(), token); !errors.Is(err, signin.ErrLink) {
				t.Fatal(err)
			}
			if err := door.Sweep(t.Context()); err == nil {
				t.Error("nobody hears that the timeline is away")
			}
			testkit.OK(t, door.Sweep(t.Context()))
			testkit.OK(t, door.Sweep(t.Context()))
			if got := h.told(incidents.KindSigninRefused); len(got) != 1 {
				t.Errorf("the timeline has %q", got)
			}
		})
	}
}

// living knows everybody.
type living struct{}

func (living) Living(_ context.Context, id string) (access.Person, error) {
	return access.Person{SlackID: id, Name: "Ann"}, nil
}

// TestEverySessionThatIsRevokedEndsOnTheTimeline, of one passkey or of a person.
func TestEverySessionThatIsRevokedEndsOnTheTimeline(t *testing.T) {
	h := newHouse(t)
	phone := h.visitor().register(h.link("U0ANN"))
	h.visitor().signIn(phone)
	h.visitor().register(h.link("U0ANN"))
	h.visitor().register(h.link("U0BOB"))
	want := func(ended int) {
		t.Helper()
		if got := h.told(incidents.KindSignedOut); len(got) != ended {
			t.Errorf("the timeline has %q, want %d", got, ended)
		}
	}
	testkit.OK(t, h.door.RevokePasskey(t.Context(), "U0ANN", signin.Passkey{ID: phone.id}.Short(), incidents.Self()))
	want(2)
	testkit.OK(t, h.door.RevokePerson(t.Context(), "U0ANN", incidents.Self()))
	want(3)
	testkit.OK(t, h.door.Sweep(t.Context()))
	want(3)
	for _, one := range h.told(incidents.KindSignedOut) {
		if !strings.Contains(one, "Ann's session in the console ended: revoked") {
			t.Errorf("the timeline has %s", one)
		}
	}
}
