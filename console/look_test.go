package console_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// furnished is a house at 03:42: an incident, a deploy at 22:55, errors, a container with a very long name, and one that is broken.
func furnished(t *testing.T) (*house, int64) {
	t.Helper()
	h := newHouse(t)
	now, tasks := h.clock(), snapshot.Tasks{Want: 5, Running: 3, Old: 2}
	h.do(func() {
		h.containers = append(h.containers,
			snapshot.Container{Key: "e/long", Name: strings.Repeat("a-very-long-name-", 12), Image: "registry.example/team/" + strings.Repeat("long", 20) + ":1", State: "running", Health: "healthy", Settings: labelled("C0SHOP", "PLONG")},
			snapshot.Container{Key: "e/db", Name: "db", Image: "postgres:15", State: "exited", Settings: labelled("C0SHOP", "PDB")},
			snapshot.Container{Key: "e/mail", Name: "mail", Image: "mail:3", State: tasks.State(), Health: tasks.Health(), Tasks: &tasks, Settings: labelled("C0SHOP", "PMAIL")})
		h.offers = func(context.Context) ([]restore.Offer, error) {
			return []restore.Offer{
				{Snapshot: snapshot.Snapshot{ID: 1, Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, CreatedAt: now.Add(-5 * time.Hour)}, Joined: []string{"sidecar"}, Beside: []string{"shop-2"},
					Changes: []snapshot.Change{{Attribute: "image", Before: "shop:1.42", After: "shop:1.41"}, {Attribute: "env DB_POOL", Before: "2", After: "20"}}, Losses: []string{"the folder /data stays as it is"}},
				{Snapshot: snapshot.Snapshot{ID: 2, Name: "baseline-1200", Reason: snapshot.Baseline, CreatedAt: now.Add(-15 * time.Hour)}, Running: true},
				{Snapshot: snapshot.Snapshot{ID: 3, Name: "scheduled-0600", CreatedAt: now.Add(-21 * time.Hour)}, WhyNot: []string{"its network shop-net is gone"}},
			}, nil
		}
	})
	for _, name := range []string{"pre-deploy-2255", "scheduled-0600"} {
		_, err := h.db.AddSnapshot(t.Context(), snapshot.Snapshot{Key: "e/shop", Container: "shop", Name: name, Reason: snapshot.PreDeploy, CreatedAt: now}, snapshot.By{Actor: incidents.Self()})
		testkit.OK(t, err)
	}
	occupant := func(id string) snapshot.Occupant {
		return snapshot.Occupant{Container: snapshot.Container{ID: id, Key: "e/shop", Name: "shop", Engine: "e", Project: "shop", Image: "shop:1.42", CreatedAt: now}, Labels: map[string]string{}, Document: []byte("{}")}
	}
	testkit.OK(t, h.db.SetOccupant(t.Context(), occupant("a")))
	_, err := h.db.AddDeployed(t.Context(), snapshot.Deployed{
		Deploy: snapshot.Deploy{Key: "e/shop", At: now.Add(-5 * time.Hour), BeforeID: "a", AfterID: "b", Before: "shop:1.41", After: "shop:1.42", Snapshot: "pre-deploy-2255",
			Changes: []snapshot.Change{{Attribute: "image", Before: "shop:1.41", After: "shop:1.42"}, {Attribute: "env DB_POOL", Before: "20", After: "2"}, {Attribute: "env API_KEY", Masked: true}}},
		Occupant: occupant("b"),
		Entry:    incidents.Entry{Kind: incidents.KindDeploy, OccurredAt: now.Add(-5 * time.Hour), Actor: incidents.Self(), Summary: "shop was deployed"},
	})
	testkit.OK(t, err)
	h.deployed("mail", now.Add(-5*time.Hour))
	var counts []flat.Count
	for i := range 25 {
		at := now.Truncate(time.Minute).Add(time.Duration(i-25) * time.Minute)
		counts = append(counts, flat.Count{Key: "e/shop", From: at, To: at.Add(time.Minute), Errors: float64(i * i % 97), Share: 1})
	}
	testkit.OK(t, h.db.SaveErrors(t.Context(), counts, flat.Steps{Minute: time.Minute, Moment: 10 * time.Second}))
	return h, h.incident("PSHOP")
}

func TestEveryScreenIsReadableAndTouchableAtEverySize(t *testing.T) {
	h, id := furnished(t)
	out := h.visitor().browser()
	out.goes("")
	out.sees("Nobody can sign in yet")
	v := h.visitor()
	v.register(h.link("U0ANN"))
	out.do(reload)
	out.sees("Sign in with a passkey")
	out.lookedAt("signin")
	out.goes("#register=" + h.link("U0ANN"))
	out.sees("Register this device")
	out.lookedAt("register")

	b := v.browser()
	b.goes("")
	b.sees("1 incident open", "High error rate", "err/min", "DB_POOL", "starting, 3 of 5 tasks")
	b.lookedAt("home")
	b.container("e/shop")
	b.sees("Restore pre-deploy-2255", "Would change back", "Together with mail")
	b.lookedAt("container-changes")
	b.tap("Snapshots")
	b.sees("baseline-1200", "its network shop-net is gone")
	b.lookedAt("container-snapshots")
	b.tap("Restore pre-deploy-2255")
	b.sees("Recreated with it: sidecar", "Volumes and databases stay as they are")
	b.lookedAt("container-sheet")
	b.goes(fmt.Sprintf("#/i/%d", id))
	b.sees("Acknowledge", "PagerDuty opened the incident", "Read it here")
	b.lookedAt("incident")
	b.goes(fmt.Sprintf("#/i/%d/post-mortem", id))
	b.until("the post-mortem is there", func() bool { return !strings.Contains(b.text(), "Making the post-mortem") })
	b.lookedAt("post-mortem")
	b.goes("#/c/none")
	b.sees("There is nothing here")
	b.lookedAt("nothing")
	h.do(func() { h.engine = func(context.Context) error { return errors.New("away") } })
	h.later(time.Minute)
	b.container("e/shop")
	b.sees("The container engine doesn't answer")
	b.lookedAt("container-away")
	h.do(func() { h.containers[0].Settings.RestoreAllow = access.Allow{Rule: access.OnCall}; h.engine = nil })
	h.later(time.Minute)
	b.sees("Only who is on call may restore it")
	b.lookedAt("container-refused")
}

// The question is about the snapshot that was tapped, and goes with its page.
func TestAnOpenQuestionDoesNotOutliveItsPage(t *testing.T) {
	h, _ := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	b.container("e/shop")
	b.tap("Snapshots")
	b.tap("Restore pre-deploy-2255")
	b.sees("Leave it as it is")
	b.goes("#/c/e%2Flong")
	b.sees("a-very-long-name-")
	if js[bool](b, `!!document.querySelector('dialog')`) {
		t.Error("the sheet is open on another container's page")
	}
}

// What is tapped, or has the focus, is not drawn anew under it while nothing changes.
func TestHomeStaysUnderAThumb(t *testing.T) {
	h, _ := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	b.sees("High error rate", "err/min")
	b.do(evaluate(`document.querySelector('button.time').click(); 0`))
	b.until("a few looks at the clock have left it alone", func() bool { // what does change draws it anew, now and then
		b.do(evaluate(`window.row = document.querySelector('a.row'); row.focus(); window.looks = 0; setTimeout(() => { looks = 1; }, 2500); 0`))
		b.until("time passes", func() bool { return js[bool](b, `looks > 0`) })
		return js[bool](b, `row.isConnected && document.activeElement === row`)
	})
	if text := js[string](b, `document.querySelector('button.time').innerText`); !strings.HasSuffix(text, " UTC") {
		t.Errorf("the time that was tapped is told as %q", text)
	}
}

// An answer that takes its time is drawn into no other page than its own.
func TestALateAnswerIsNotDrawnIntoTheNextPage(t *testing.T) {
	h, id := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	b.sees("High error rate")
	// The answer to a tap on Acknowledge is held until the page has been left.
	b.do(evaluate(`window.real = fetch; window.fetch = (path, init) => path === '/console/acknowledge' ? new Promise(done => { window.answer = done; }) : real(path, init); 0`))
	b.goes(fmt.Sprintf("#/i/%d", id))
	b.tap("Acknowledge")
	b.until("it was asked for", func() bool { return js[bool](b, `!!window.answer`) })
	second := h.incident("PLONG")
	b.goes(fmt.Sprintf("#/i/%d", second))
	b.sees("Acknowledge")
	b.do(evaluate(`answer(new Response(JSON.stringify({code: 'x', detail: 'Somebody was faster with the first one.'}), {status: 409, headers: {'Content-Type': 'application/json'}})); 0`))
	b.until("the page has looked once more", func() bool { return js[bool](b, `document.querySelector('.acts button').ariaDisabled !== 'true'`) })
	if strings.Contains(b.text(), "Somebody was faster") {
		t.Errorf("the second incident's page shows the first one's answer:\n%s", b.text())
	}
}

// A bot that is in trouble is no reason to ask for a sign-in.
func TestOnlyWhoIsSignedOutIsAskedToSignIn(t *testing.T) {
	h, _ := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	h.visitor().register(h.link("U0BOB")) // somebody can sign in to the end
	var asked atomic.Int64
	h.do(func() {
		h.list = func(context.Context) error {
			asked.Add(1)
			return fmt.Errorf("listing: %w", snapshot.ErrJournalAway)
		}
	})
	b := v.browser()
	b.do(onNewPages(`const real = window.fetch; window.fetch = (path, init) => path === '/console/session' ? Promise.resolve(new Response('{"code":"database_away"}', {status: 503})) : real(path, init);`))
	b.goes("")
	b.until("it has looked", func() bool { return asked.Load() > 0 })
	b.sees("can't be looked up now")
	if strings.Contains(b.text(), "Sign in") {
		t.Errorf("the page asks for a sign-in:\n%s", b.text())
	}
	h.do(func() { h.list = nil })
	h.later(time.Minute)
	b.sees("1 incident open")
	testkit.OK(t, h.door.RevokePerson(t.Context(), "U0ANN", incidents.Self()))
	b.sees("Sign in with a passkey")
}
