package console_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// What an incident's container would be restored to is one tap away on Home, and asks there; what comes of it is told on its page.
func TestHomeOffersTheWayOutOnTheIncidentsCard(t *testing.T) {
	h, _ := furnished(t)
	h.do(func() { h.containers[0].ID = "aaaaaaaaaaaa" })
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	b.sees("1 incident open", "Restore pre-deploy-2255", "Would change back")
	if n := js[int](b, `document.querySelectorAll('.danger').length`); n != 1 {
		t.Errorf("%d buttons are red", n)
	}
	b.tap("Restore pre-deploy-2255")
	b.sees("Restore shop to pre-deploy-2255?", "Recreated with it: sidecar")
	b.lookedAt("home-sheet")
	b.tap("Leave it as it is")
	b.tap("Restore pre-deploy-2255")
	b.sees("Recreated with it: sidecar")
	b.tap("Restore pre-deploy-2255")
	b.until("it leads to the container's page", func() bool { return js[string](b, `location.hash`) == "#/c/e%2Fshop" })
	h.do(func() {
		if len(h.asked) != 1 || h.asked[0].Snapshot != "pre-deploy-2255" {
			t.Errorf("asked for was %+v", h.asked)
		}
	})
}

func TestHomeIsNotQuietWhileErrorsAreLogged(t *testing.T) {
	h := newHouse(t)
	var counts []flat.Count
	for i := range 4 {
		at := h.clock().Truncate(time.Minute).Add(time.Duration(i-3) * time.Minute)
		counts = append(counts, flat.Count{Key: "e/shop", From: at, To: at.Add(time.Minute), Errors: 55, Share: 1})
	}
	testkit.OK(t, h.db.SaveErrors(t.Context(), counts, flat.Steps{Minute: time.Minute, Moment: 10 * time.Second}))
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	b.sees("No incident is open. shop logs 55 errors a minute.")
	if strings.Contains(b.text(), "All quiet") {
		t.Errorf("all is said to be quiet:\n%s", b.text())
	}
}

func TestSigningOutWithoutAnAnswerSaysSo(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	b.sees("Sign out")
	b.do(evaluate(`window.real = fetch; window.fetch = (path, init) => path === '/console/signout' ? new Promise((done, failed) => { window.fail = failed; }) : real(path, init); 0`))
	b.tap("Sign out")
	b.sees("Signing out…")
	b.do(evaluate(`fail(new TypeError('Failed to fetch')); 0`))
	b.sees("you may still be signed in", "Sign out")
	b.do(evaluate(`window.fetch = real; 0`))
	b.tap("Sign out")
	b.sees("You are signed out.", "Sign in with a passkey")
}

// Who goes through the console by ear or by keyboard is told where they are, begins there, and loses no place when something is drawn anew.
func TestEveryPageHasItsTitleAndTakesTheFocus(t *testing.T) {
	h, id := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	here := func(title string) {
		t.Helper()
		b.until("the title is "+title, func() bool {
			return js[bool](b, `document.title === '`+title+`' && document.activeElement === document.querySelector('main')`)
		})
	}
	b.goes("")
	b.sees("1 incident open")
	here("Snapback")
	b.container("e/shop")
	b.sees("Restore pre-deploy-2255")
	here("shop · Snapback")
	b.do(evaluate(`document.querySelector('.way .primary').focus(); window.before = document.activeElement; 0`))
	h.later(2 * time.Minute)
	b.do(evaluate(`const real = Date.now; Date.now = () => real() + 120000; 0`))
	b.until("it is drawn anew, and has the focus still", func() bool {
		return js[bool](b, `!before.isConnected && document.activeElement === document.querySelector('.way .primary')`)
	})
	b.do(evaluate(`document.querySelector('[role=tab]').focus(); 0`))
	for _, key := range []string{"ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft", "ArrowLeft"} {
		b.do(evaluate(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '` + key + `', bubbles: true})); 0`))
	}
	if at := js[string](b, `document.activeElement.innerText`); at != "Snapshots" {
		t.Errorf("the arrow keys lead to %q", at)
	}
	b.goes("#/i/" + strconv.FormatInt(id, 10))
	b.sees("Acknowledge")
	b.until("the incident's title is there", func() bool { return strings.HasPrefix(js[string](b, `document.title`), "High error rate") })
}

// What is asked for ways out is asked again every minute for as long as Home is open, which may be all night.
func TestAskingForWaysOutLeavesNothingBehind(t *testing.T) {
	h, _ := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.do(onNewPages(`window.listeners = window.asked = 0;
for (const [name, by] of [['addEventListener', 1], ['removeEventListener', -1]]) {
	const real = EventTarget.prototype[name];
	EventTarget.prototype[name] = function (...all) { if (this instanceof AbortSignal) { listeners += by; asked++; } return real.apply(this, all); };
}`))
	b.goes("")
	b.sees("Restore pre-deploy-2255")
	b.until("nothing listens any more", func() bool { return js[bool](b, `asked > 0 && listeners === 0`) })
}

// A page without https has to say what is wrong with that, although browsers give it less.
func TestAPageWithoutHTTPSIsShown(t *testing.T) {
	h := newHouse(t)
	b := h.visitor().browser()
	b.do(onNewPages(`delete Crypto.prototype.randomUUID; delete Crypto.prototype.subtle; 0`))
	b.goes("")
	b.sees("Nobody can sign in yet")
}

// Enter must not be for another incident than the one whose button it was for.
func TestTheFocusStaysOnItsOwnIncidentsCard(t *testing.T) {
	h, _ := furnished(t)
	h.incident("PDB")
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes("")
	const buttons = `[...document.querySelectorAll('.incident > button:not(.time)')].filter(e => e.innerText === 'Restore pre-deploy-2255')`
	b.until("both can be restored", func() bool { return js[int](b, buttons+`.length`) == 2 })
	b.do(evaluate(`window.card = e => e?.closest('.incident')?.querySelector('a').href; 0`))
	const held = `!!card(before) && card(document.activeElement) === card(before)`
	b.until("the second one has the focus", func() bool {
		return js[bool](b, `(e => { window.before = e; e?.focus(); return !!e && document.activeElement === e; })(`+buttons+`[1])`)
	})
	h.do(func() { h.containers[3].Image = "postgres:16" })
	h.later(time.Minute) // what was looked up is no longer good
	b.until("it is drawn anew, and the focus is where it was", func() bool { return js[bool](b, `!before.isConnected && `+held) })
	const offline = `(() => { dispatchEvent(new Event('offline')); const e = document.activeElement; e.click(); return card(e) === card(before) && e.innerText.endsWith('(offline)') && !document.querySelector('dialog'); })()`
	b.until("without contact it has the focus still, and answers no tap", func() bool { return js[bool](b, offline) })
	b.do(evaluate(`dispatchEvent(new Event('online')); 0`))
	b.until("with contact it has it still", func() bool { return js[bool](b, buttons+`.length === 2 && `+held) })
	b.do(evaluate(`document.activeElement.click(); 0`))
	b.until("and answers a tap", func() bool { return js[bool](b, `!!document.querySelector('dialog')`) })
}

// Dozens of containers may be of one PagerDuty service. Each question takes its engine's time, and each button a thumb's way.
func TestHomeAsksForAFewOfAnIncidentsContainers(t *testing.T) {
	h, _ := furnished(t)
	h.do(func() {
		for i := range 30 {
			h.containers = append(h.containers, snapshot.Container{
				Key: fmt.Sprintf("e/shard%d", i), Name: fmt.Sprintf("shard%d", i), Image: "shard:1", State: "running", Settings: labelled("C0SHOP", "PSHOP"),
			})
		}
	})
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.do(onNewPages(`window.asked = 0; const real = fetch; window.fetch = (path, init) => { asked += String(path).startsWith('/console/container?'); return real(path, init); }`))
	b.goes("")
	b.sees("Restore shop to pre-deploy-2255", "27 more of its containers are in the list below.", "shard29")
	if asked := js[int](b, `asked`); asked > 4 {
		t.Errorf("it has asked for %d containers", asked)
	}
	b.lookedAt("home-many")
}
