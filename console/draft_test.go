package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
)

const begun = `Object.keys(sessionStorage).some(k => k.startsWith('snapback.note.'))`

// TestANoteThatIsBegunOutlivesAReload and the way Home and back, until it is on the timeline, or its person signs out.
func TestANoteThatIsBegunOutlivesAReload(t *testing.T) {
	h, id := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.becomes(sizes[0], "dark")
	night := fmt.Sprintf("#/i/%d", id)
	write := func(text string) {
		t.Helper()
		b.sees("PagerDuty opened the incident")
		b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('textarea').focus(); 0`))
		devtools(b, input.InsertText, input.InsertTextParams{Text: text})
	}
	written := func(text string) {
		t.Helper()
		b.sees("PagerDuty opened the incident")
		b.until("the note has "+text, func() bool { return js[string](b, `document.querySelector('textarea').value`) == text })
	}
	b.goes(night)
	write("the pool is")
	b.do(browsertest.Reload())
	written("the pool is")
	b.picture("draft")
	write(" too small")
	b.goes("#/")
	b.sees("1 incident open")
	b.goes(night)
	written("the pool is too small")
	b.tap("Add note")
	b.until("it is sent", func() bool { return !js[bool](b, begun) })
	written("")
	write("another")
	b.goes("#/")
	b.tap("Sign out")
	b.sees("You are signed out")
	if js[bool](b, begun) {
		t.Error("it is still there when its person has signed out")
	}
}
