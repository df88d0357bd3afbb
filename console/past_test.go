package console_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/testkit"
)

// resolved is an incident of a PagerDuty service that Ann resolved so long ago. It returns our own ID of it.
func (h *house) resolved(service, title string, ago time.Duration) int64 {
	h.t.Helper()
	at, id := h.clock().Add(-ago), "P"+rand.Text()
	in := incidents.Incident{
		PagerDutyID: id, Title: title, ServiceID: service, Service: service, Status: incidents.Resolved, OpenedAt: at.Add(-16 * time.Minute), ResolvedAt: at, ResolvedBy: "Ann",
	}
	_, err := h.db.ReceiveEvent(h.t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: id, EventID: id, Body: []byte("{}")}, in, at,
		incidents.Entry{Kind: incidents.KindPagerDutyResolved, OccurredAt: at, Summary: "PagerDuty resolved the incident"})
	testkit.OK(h.t, err)
	got, err := h.db.FindIncident(h.t.Context(), id)
	testkit.OK(h.t, err)
	return got.ID
}

// stands has the message of an incident posted in a channel.
func (h *house) stands(incident int64, channel string) {
	h.t.Helper()
	testkit.OK(h.t, h.db.WithMessage(h.t.Context(), incident, func(_ context.Context, m incidents.Message, save func(incidents.Message) error) error {
		m.Channel, m.TS = channel, "1.2"
		return save(m)
	}))
}

// past are the titles of what Home says was resolved lately.
func (v *visitor) past() (titles []string) {
	v.t.Helper()
	status, _, answer := v.ask("GET", "/console/home", nil)
	var got struct {
		View struct{ Resolved []struct{ Title string } }
	}
	testkit.OK(v.t, json.Unmarshal([]byte(answer), &got))
	if status != http.StatusOK {
		v.t.Errorf("home: %d %s", status, answer)
	}
	for _, one := range got.View.Resolved {
		titles = append(titles, one.Title)
	}
	return titles
}

// Whoever sees an open incident sees it for a week after it was resolved as well: its page has the post-mortem.
func TestHomeTellsWhatWasResolvedLately(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.visitor(), h.visitor()
	ann.register(h.link("U0ANN"))
	bob.register(h.link("U0BOB"))
	h.resolved("PSHOP", "too long ago", 8*24*time.Hour)
	h.stands(h.resolved("PNOBODYS", "told where Ann is", 2*time.Hour), "C0SHOP")
	h.stands(h.resolved("PNOBODYS", "told elsewhere", 2*time.Hour), "C0OPS")
	for i := range 6 {
		h.resolved("PSHOP", fmt.Sprint("shop ", i), time.Duration(i)*time.Hour+90*time.Minute)
	}
	h.resolved("PPAY", "pay", 3*time.Hour)
	h.incident("PSHOP")
	if d := cmp.Diff([]string{"shop 0", "told where Ann is", "shop 1", "shop 2", "shop 3"}, ann.past()); d != "" {
		t.Errorf("Ann (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"pay"}, bob.past()); d != "" {
		t.Errorf("Bob (-want +got):\n%s", d)
	}
	h.later(7*24*time.Hour - 2*time.Hour)
	ann.signIn(ann.register(h.link("U0ANN")))
	if d := cmp.Diff([]string{"shop 0"}, ann.past()); d != "" {
		t.Errorf("Ann, a week later (-want +got):\n%s", d)
	}
}

// A shell that was opened outside of incidents is recorded as any other, and played for whoever may have one in its container.
func TestAShellOutsideOfIncidentsIsPlayed(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.visitor(), h.visitor()
	ann.register(h.link("U0ANN"))
	bob.register(h.link("U0BOB"))
	h.shown(0, "e/shop", "LOOSE", "DB_POOL=2")
	h.shown(0, "e/gone", "GONE", "of a container that is gone")
	h.shown(h.incident("PSHOP"), "e/shop", "NIGHT", "DB_POOL=20")
	plays, ok := h.console.Recordings.(incidents.Evidence)
	if !ok {
		t.Fatalf("recordings are played by a %T", h.console.Recordings)
	}
	plays.Timelines = nil // the one that is of no incident has the whole history in it
	h.console.Recordings = plays
	want := func(who string, v *visitor, id string, status int, code string) {
		t.Helper()
		if got, is, answer := v.ask("GET", "/console/replay?recording="+id, nil); got != status || is != code {
			t.Errorf("%s: %d %s %.200s", who, got, is, answer)
		}
	}
	want("a stranger", h.visitor(), "LOOSE", http.StatusUnauthorized, "signed_out")
	want("Bob", bob, "LOOSE", http.StatusForbidden, "container_gone")
	want("Ann, of one that is gone", ann, "GONE", http.StatusForbidden, "container_gone")
	want("Ann", ann, "LOOSE", http.StatusOK, "")
	var page struct {
		View struct {
			Shells []struct{ Recording, By string }
		}
	}
	_, _, answer := ann.ask("GET", "/console/container?key=e/shop", nil)
	testkit.OK(t, json.Unmarshal([]byte(answer), &page))
	if got := page.View.Shells; len(got) != 2 || got[0].By != "Ann" || got[0].Recording+got[1].Recording != "LOOSENIGHT" && got[0].Recording+got[1].Recording != "NIGHTLOOSE" {
		t.Errorf("its page has the shells %+v", got)
	}
	h.do(func() { h.containers[0].Settings.TerminalAllow = access.Allow{Rule: access.Nobody} })
	h.later(time.Minute)
	want("Ann, whom the labels let no more", ann, "LOOSE", http.StatusForbidden, "denied")
}

// touch taps what begins with a text.
func (b *browser) touch(text string) {
	b.t.Helper()
	find := `[...document.querySelectorAll('a, summary')].find(e => e.innerText.trim().startsWith(` + fmt.Sprintf("%q", text) + `))`
	b.until("there is "+text, func() bool { return js[bool](b, `!!(`+find+`)`) })
	b.do(evaluate(find + `.scrollIntoView({block: 'center'})`))
	at := js[[]float64](b, `(r => [r.x + 20, r.y + r.height / 2])(`+find+`.getBoundingClientRect())`)
	b.do(browsertest.Tap(at[0], at[1]))
}

// The tap on Resolve is not the last that is seen of an incident, and what a shell has shown can be watched without any.
func TestPhoneLeadsToWhatIsOver(t *testing.T) {
	h, _ := furnished(t)
	h.resolved("PSHOP", "Checkout was down", time.Hour)
	h.shown(0, "e/shop", "LOOSE", "DB_POOL=2")
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.becomes(sizes[0], "dark")
	b.goes("")
	b.sees("Resolved lately")
	b.lookedAt("home-resolved")
	b.becomes(sizes[0], "dark")
	b.touch("Checkout was down")
	b.sees("Resolved by Ann", "Read it here")
	b.container("e/shop")
	b.sees("Last shell")
	b.lookedAt("container-shell")
	b.becomes(sizes[0], "dark")
	b.touch("Last shell")
	b.sees("Play what it has shown")
	b.lookedAt("container-shells")
	b.becomes(sizes[0], "dark")
	b.do(evaluate(`window.before = document.querySelector('details'); 0`))
	h.do(func() { h.containers[0].Image = "shop:1.43" })
	h.later(time.Minute)
	b.until("it is drawn anew, and is open still", func() bool {
		return js[bool](b, `!before.isConnected && document.querySelector('details').open`)
	})
	b.touch("Play what it has shown")
	b.until("the frame is there", func() bool { return js[bool](b, `!!document.querySelector('iframe.paper')`) })
	b.touch("‹ Container")
	b.sees("Last shell")
}
