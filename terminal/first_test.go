package terminal_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// aLine would end a script that it stands in, if it were not escaped.
const aLine = `</script><script>said.push("run")</script> & {{nonce}}`

// unhurried has the page wait for the newest lines as long as a slow machine may take.
func unhurried(c *terminal.Config) { c.FirstTime = time.Minute }

// begun is what a page begins with.
type begun struct {
	ID, Person string
	Lines      []struct {
		At   time.Time
		Text string
	}
}

// begins reads it out of a document, as browsers do.
func begins(t *testing.T, document string) *begun {
	t.Helper()
	_, rest, found := strings.Cut(document, `<script id="first" type="application/json">`)
	text, _, closed := strings.Cut(rest, "</script>")
	if !found || !closed {
		t.Fatalf("the page has no place to begin with: %s", document)
	}
	if text == "" {
		return nil
	}
	b := &begun{}
	testkit.OK(t, json.Unmarshal([]byte(text), b))
	return b
}

// goes is what a browser sends along when somebody goes to the page from there.
func goes(have http.Header, from string) http.Header {
	h := have.Clone()
	h.Del("Origin")
	h.Set("Sec-Fetch-Dest", "document")
	h.Set("Sec-Fetch-Site", from)
	return h
}

// TestThePageBeginsWithItsSession has it in the document for whoever has one and goes there by hand, and for nobody else.
func TestThePageBeginsWithItsSession(t *testing.T) {
	t.Parallel()
	n := setup(t, unhurried)
	n.replace(`echo '` + aLine + `'; echo the last; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	document := func(h http.Header) *begun {
		t.Helper()
		_, b := n.ask("GET", "/t", "", h)
		return begins(t, string(b))
	}
	within(t, time.Minute, "the newest lines are in the page", func() bool {
		b := document(goes(have, "none"))
		return b != nil && b.ID == id && b.Person == "Ada Example" && len(b.Lines) == 2 && b.Lines[0].Text == aLine && b.Lines[1].Text == "the last" && !b.Lines[1].At.IsZero()
	})
	if document(goes(have, "same-origin")) == nil {
		t.Error("a reload begins without its session")
	}
	script := have.Clone()
	script.Set("Sec-Fetch-Site", "same-origin")
	script.Set("Sec-Fetch-Dest", "empty")
	for who, h := range map[string]http.Header{
		"whoever has no session": goes(http.Header{}, "none"), "another site": goes(have, "cross-site"), "a neighbour": goes(have, "same-site"),
		"a script": script, "a browser that does not say": have,
	} {
		if b := document(h); b != nil {
			t.Errorf("%s is given %+v", who, b)
		}
	}
	n.gate.refuse(terminal.ErrNotAllowed)
	if b := document(goes(have, "none")); b == nil || len(b.Lines) > 0 {
		t.Errorf("whoever may not read it any more is given %+v", b)
	}
	if a, b := n.ask("GET", "/t/session?first=yes", "", have); a.status != http.StatusOK || strings.Contains(string(b), "the last") {
		t.Errorf("and asked for it, %d %s", a.status, b)
	}
	n.gate.allow()
	n.do("POST", "/t/end", "{}", have)
	if b := document(goes(have, "none")); b != nil {
		t.Errorf("a session that is over is in the page: %+v", b)
	}
}

// answersWith opens a new link, and returns what the page begins with.
func (n *night) answersWith(since time.Time) (b begun) {
	n.t.Helper()
	g := n.grant(access.ModeLogs)
	g.LogsSince = since
	a, body := n.ask("POST", "/t/redeem", `{"token":"`+n.mintFor(g)+`"}`, n.fromPage())
	if a.status != http.StatusOK {
		n.t.Fatalf("it answers %d %s", a.status, body)
	}
	testkit.OK(n.t, json.Unmarshal(body, &b))
	return b
}

// TestALinkAnswersWithTheNewestLines from its time on.
func TestALinkAnswersWithTheNewestLines(t *testing.T) {
	t.Parallel()
	n := setup(t, unhurried)
	n.replace(`i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo "a line with a number: $i"; done; sleep 1000`)
	within(t, time.Minute, "the newest lines are answered", func() bool {
		lines := n.answersWith(time.Time{}).Lines
		return len(lines) == 25 && strings.HasSuffix(lines[0].Text, ": 76") && strings.HasSuffix(lines[24].Text, ": 100")
	})
	if lines := n.answersWith(time.Now().Add(time.Hour)).Lines; len(lines) > 0 {
		t.Errorf("a log that is read from a time on begins with %+v", lines)
	}
}

// TestNoMoreFirstLinesThanABadNetworkBrings at once.
func TestNoMoreFirstLinesThanABadNetworkBrings(t *testing.T) {
	t.Parallel()
	n := setup(t, unhurried)
	n.replace(`i=0; while [ $i -lt 10 ]; do i=$((i+1)); printf '%0500d\n' $i; done; sleep 1000`)
	within(t, time.Minute, "there are as many as fit", func() bool {
		lines := n.answersWith(time.Time{}).Lines
		return len(lines) == 7 && len(lines[0].Text) == 500 && strings.HasSuffix(lines[6].Text, "010")
	})
}

// texts are the lines in their order.
func (p *phone) texts() []string {
	p.t.Helper()
	return ask(p, chromedp.Evaluate[[]string](`[...document.querySelectorAll('#lines .row:not(.note) span')].map(s => s.textContent)`))
}

// TestTheFirstLinesComeBeforeTheConnection has a proxy that lets no WebSocket through at first. What the connection brings takes their place.
func TestTheFirstLinesComeBeforeTheConnection(t *testing.T) {
	t.Parallel()
	n, proxy := proxied(t, "nginx", unhurried)
	n.replace(`i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "number $i"; done; echo '` + aLine + `'; sleep 1000`)
	within(t, time.Minute, "the log is there", func() bool {
		lines := n.answersWith(time.Time{}).Lines
		return len(lines) == 25 && lines[24].Text == aLine
	})
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the newest lines are there", "#lines", aLine)
	if got := p.texts(); len(got) != 25 {
		t.Errorf("it begins with %d lines: %v", len(got), got)
	}
	p.do(browsertest.Reload())
	p.wait("and after a reload too", "#lines", "number 60")
	if asked := ask(p, chromedp.Evaluate[int](`performance.getEntriesByType('resource').filter(e => e.name.includes('/t/session?first')).length`)); asked != 0 {
		t.Errorf("the page asks %d times for what it has", asked)
	}
	p.picture("26-first-lines")
	proxy.passes.Store(true)
	p.wait("then all of the log is", "#lines", "number 1\n")
	p.yes("and there is contact", contact)
	var want []string
	for i := range 60 {
		want = append(want, "number "+strconv.Itoa(i+1))
	}
	if diff := cmp.Diff(append(want, aLine), p.texts()); diff != "" {
		t.Errorf("the lines are (-want +got):\n%s", diff)
	}
	p.wantQuiet()
}
