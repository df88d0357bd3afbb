package terminal_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/picture"
	"github.com/snapback/snapback/terminal"
)

// counts are the errors of one container, and what happened in its incident. A real Painter draws them.
type counts struct {
	mu      sync.Mutex // guards what follows
	rate    map[time.Duration]float64
	entries []incidents.Entry
	opened  time.Time
	why     string
	err     error
}

// counted is five hours of an error a minute, and 21 from ten minutes ago on.
func counted() *counts {
	return &counts{rate: map[time.Duration]float64{-5 * time.Hour: 1, -10 * time.Minute: 21}, opened: time.Now().Add(-8 * time.Minute)}
}

func (c *counts) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// ErrorMinutes has the rate that was set for the latest time before each step, in steps of a minute or ten seconds.
func (c *counts) ErrorMinutes(_ context.Context, _ string, since time.Time, fine bool) (out []flat.Minute, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	step, now := time.Minute, time.Now()
	if fine {
		step = 10 * time.Second
	}
	for at := since.Truncate(step).Add(step); at.Before(now); at = at.Add(step) {
		latest, rate := -100*time.Hour, 0.0
		for from, r := range c.rate {
			if from > latest && !at.Before(now.Add(from)) {
				latest, rate = from, r
			}
		}
		if latest > -100*time.Hour {
			out = append(out, flat.Minute{At: at.UTC(), Errors: rate * step.Minutes(), Seconds: step.Seconds(), Share: 1})
		}
	}
	return out, c.err
}

func (c *counts) Subject(context.Context, incidents.Incident, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errors.New("the page's container is known")
}

func (c *counts) Deployed(context.Context, string, time.Time) (time.Time, error) {
	return time.Now().Add(-3 * time.Hour), nil
}

func (c *counts) Incident(_ context.Context, id int64) (incidents.Incident, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return incidents.Incident{ID: id, Status: incidents.Triggered, OpenedAt: c.opened}, nil
}

func (c *counts) News(_ context.Context, _, _ int64, _ time.Time, kinds ...incidents.Kind) ([]incidents.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.entries), func(e incidents.Entry) bool { return !slices.Contains(kinds, e.Kind) }), nil
}

func (c *counts) reason(string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

func (c *counts) tell(kind incidents.Kind, details any) {
	doc, _ := incidents.Details(details)
	c.change(func() {
		c.entries = append(c.entries, incidents.Entry{Kind: kind, OccurredAt: time.Now().UTC(), Details: doc})
	})
}

// counting gives a service the errors of a container.
func (c *counts) counting(cfg *terminal.Config) {
	cfg.Errors = picture.New(picture.Config{Errors: c, Subjects: c, Timeline: c, Uncounted: c.reason})
}

func TestPhoneWatchesErrorsFall(t *testing.T) {
	t.Parallel()
	c := counted()
	n := setup(t, c.counting)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.wait("logs are shown", "#lines", "hello from the first")
	p.tap("#tab-errors")
	p.wait("the figures are there", "#errors-figures", "21 a minute, baseline 1.0")
	p.yes("the chart stands in the page", `document.querySelector('#errors-chart > svg.snapback-chart > title')?.textContent.includes('The baseline is 1,')`)
	for scheme, paper := range map[string]string{"dark": "rgb(20, 24, 29)", "light": "rgb(255, 255, 255)"} {
		p.dressed(scheme)
		p.yes("it has its colours when it is "+scheme, `getComputedStyle(document.querySelector('#errors-chart .paper')).fill === '`+paper+`'`)
	}
	p.yes("it is as wide as the phone allows", `(w => w > 340 && w <= 390)(document.querySelector('#errors-chart svg').getBoundingClientRect().width)`)
	p.yes("nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	p.yes("its tab fits a thumb", `(r => r.height >= 44 && r.width >= 44)(document.querySelector('#tab-errors').getBoundingClientRect())`)
	p.picture("12-errors")

	c.change(func() { c.rate[-3*time.Minute] = 3 })
	c.tell(incidents.KindRestoreVerified, map[string]string{"container": "api", "kind": "restore"})
	c.tell(incidents.KindErrorsFalling, flat.Told{Container: "api", Short: "Falling: 3 a minute, was 21, baseline 1.0"})
	p.wait("the figures change by themselves", "#errors-figures", "3.0 a minute, was 21, baseline 1.0")
	p.wait("what the bot said is there", "#errors-said", "Falling: 3 a minute")
	p.yes("the restore is marked", `document.querySelector('#errors-chart title').textContent.includes('restored at')`)
	p.picture("13-errors-falling")
	if slices.Contains(ask(p, chromedp.Evaluate[[]string](`sent.slice(sent.lastIndexOf('active') + 1)`)), "active") {
		t.Error("a page that asks counts as somebody who reads")
	}
	p.tap("#tab-logs")
	p.wait("the logs are as they were", "#lines", "GET /basket")
	p.tap("#tab-shell")
	p.yes("the shell can be started", `document.querySelector('#start').getBoundingClientRect().height > 0`)
	p.wantQuiet()
}

func TestErrorsViewSaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	c := counted()
	n := setup(t, c.counting)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	c.change(func() { c.rate, c.why = nil, "its log driver none keeps nothing that can be read" })
	p.tap("#tab-errors")
	p.wait("it says what keeps it", "#errors-figures", "Errors can't be counted: its log driver none keeps nothing")
	p.picture("14-errors-none")
	c.change(func() { c.why = "" })
	p.wait("it says that nobody counted", "#errors-figures", "have not been counted in the last hours")
	c.change(func() { c.rate = map[time.Duration]float64{-2 * time.Minute: 4} })
	p.wait("it says that there is no baseline", "#errors-figures", "not counted for long enough to say what is usual")
	c.change(func() { c.err = errors.New("the database is away") })
	p.wait("what was there is said to be old", "#errors-stale", "What stands here is of")
	p.wait("and stays", "#errors-figures", "4.0 a minute")
	c.change(func() { c.err = nil })
	p.yes("it is fresh again", `document.querySelector('#errors-stale').hidden`)
	p.do(offline(true))
	p.wait("offline is said", "#errors-stale", "can't be reached. What stands here is of")
	p.picture("15-errors-offline")
	p.do(offline(false))
	p.yes("and mends by itself", `document.querySelector('#errors-stale').hidden`)
	p.wantQuiet()
}

// offline has every request of the page fail as without a network.
func offline(yes bool) chromedp.Action[chromedp.Void] {
	if !yes {
		return chromedp.Evaluate[chromedp.Void](`window.fetch = window.asked`)
	}
	return chromedp.Evaluate[chromedp.Void](`window.asked = window.fetch; window.fetch = () => Promise.reject(new TypeError('no network'))`)
}

// The picture is the bot's and follows the reader's system, as the page does.
func TestErrorsViewIsLightOnALightPage(t *testing.T) {
	t.Parallel()
	c := counted()
	n := setup(t, c.counting)
	p := newPhone(t)
	p.dressed("light")
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("logs are shown", "#lines", "hello from the first")
	p.tap("#tab-errors")
	p.yes("it has light colours", `getComputedStyle(document.querySelector('#errors-chart .paper') ?? document.body).fill === 'rgb(255, 255, 255)'`)
	p.dressed("dark")
	p.yes("and dark ones", `getComputedStyle(document.querySelector('#errors-chart .paper')).fill !== 'rgb(255, 255, 255)'`)
	p.wantQuiet()
}

func TestErrorsAreForWhoMayReadLogs(t *testing.T) {
	t.Parallel()
	c := counted()
	n := setup(t, c.counting)
	id, have := n.session(access.ModeLogs)
	get := func(session string, h http.Header) answer { return n.do("GET", "/t/errors?session="+session, "", h) }
	first := get(id, have)
	if first.status != http.StatusOK || first.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s, %v", first.status, first.code, first.header)
	}
	again := have.Clone()
	again.Set("If-None-Match", first.header.Get("ETag"))
	if a := get(id, again); a.status != http.StatusNotModified && a.header.Get("ETag") == first.header.Get("ETag") {
		t.Errorf("what is known already answers %d", a.status)
	}
	if a := get(id, n.fromPage()); a.status != http.StatusUnauthorized {
		t.Errorf("without the cookie: %d %s", a.status, a.code)
	}
	if a := get("another", have); a.code != "other_session" {
		t.Errorf("for another terminal of this browser: %d %s", a.status, a.code)
	}
	n.gate.refuse(terminal.ErrNotAllowed)
	if a := get(id, have); a.status != http.StatusForbidden || strings.Contains(a.detail, "minute") {
		t.Errorf("when the person may no longer: %d %s", a.status, a.code)
	}
	n.gate.allow()
	c.change(func() { c.err = errors.New("the database is away") })
	if a := get(id, have); a.status != http.StatusInternalServerError {
		t.Errorf("when they can't be read: %d %s", a.status, a.code)
	}
}
