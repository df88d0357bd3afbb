package terminal_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/asciicast"
	"github.com/snapback/snapback/internal/browsertest"
)

// postmortem is a page with a recording of eighty seconds, on the disk.
func postmortem(t *testing.T, n *night) (path string) {
	t.Helper()
	at := time.Date(2026, 3, 5, 2, 44, 30, 0, time.UTC)
	var clock asciicast.Clock
	cast, err := asciicast.Begin(asciicast.Header{Term: asciicast.Term{Cols: 80, Rows: 24, Type: "xterm-256color"}, Timestamp: at.Unix(), Title: "Shell in api"})
	add := func(sec float64, code, data string) {
		if err == nil {
			var line []byte
			line, err = clock.Line(time.Duration(sec*float64(time.Second)), code, data)
			cast = append(cast, line...)
		}
	}
	add(.2, asciicast.Output, "\x1b[1;32m/ #\x1b[0m env | grep POOL\r\n")
	add(.4, asciicast.Output, "DB_POOL=2 漢字 </script>\r\n")
	add(1, asciicast.Resize, "52x30")
	for i := range 70 {
		add(1+float64(i), asciicast.Output, fmt.Sprintf("line %d\r\n", i))
	}
	add(80, asciicast.Exit, "0")
	if err != nil {
		t.Fatal(err)
	}
	script, style := n.svc.Player()
	entry := func(after time.Duration, kind incidents.Kind, says string) incidents.Entry {
		return incidents.Entry{OccurredAt: at.Add(after), Kind: kind, Summary: says, Actor: incidents.Self()}
	}
	shell := entry(0, incidents.KindTerminalShell, "Anna started a shell in api")
	shell.Details = []byte(`{"recording":"ONE"}`)
	var page bytes.Buffer
	err = incidents.Export(&page, "html", incidents.Report{
		Incident:  incidents.Incident{PagerDutyID: "P1", Number: 42, Title: "Checkout is down", Status: incidents.Resolved, OpenedAt: at.Add(-2 * time.Minute)},
		Generated: at.Add(8 * time.Hour), Chain: "verified", Player: incidents.Player{Script: script, Style: style},
		Entries: incidents.List{
			entry(-2*time.Minute, incidents.KindPagerDutyTriggered, "Checkout is down"), shell,
			entry(30*time.Second, incidents.KindRestoreVerified, "api runs as in pre-deploy-2255 again"),
			entry(60*time.Second, incidents.KindErrorsFlat, "Errors are back at their baseline"),
			entry(81*time.Second, incidents.KindPagerDutyResolved, "Anna resolved the incident"),
		},
		Recordings: []incidents.Recording{{ID: "ONE", StartedAt: at, Write: func(w io.Writer) error { _, err := w.Write(cast); return err }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the page has %d kB, of them %d kB player", page.Len()>>10, (len(script)+len(style))>>10)
	path = filepath.Join(t.TempDir(), "postmortem.html")
	if err := os.WriteFile(path, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPhonePlaysARecordingOutOfAPostMortem from the disk, with a finger and with keys. Nothing is asked of anybody else, and the
// page's policy has nothing to refuse.
func TestPhonePlaysARecordingOutOfAPostMortem(t *testing.T) {
	t.Parallel()
	path := postmortem(t, setup(t))
	p := newPhone(t)
	const screen = `(document.querySelector('.ap-term-text')?.textContent ?? '').replaceAll('\u00a0', ' ')`
	shows := func(text string) string { return screen + `.includes(` + quote(text) + `)` }
	p.do(browsertest.Load("file://" + path))
	p.tap("[data-cast] > button")
	p.yes("what was shown is shown again", shows("DB_POOL=2 漢字 </script>"))
	p.yes("the moments are there", `document.querySelectorAll('.moments button').length === 4`)
	p.picture("player-phone")
	p.tap(".moments li:nth-child(2) button") // restored, thirty seconds in
	p.yes("it plays on from the moment", shows("line 25"))
	p.yes("nothing is wider than the screen", `document.documentElement.scrollWidth <= 390`)
	p.picture("player-moment")
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('.ap-wrapper, .ap-player').focus()`), chromedp.KeyEvent("9"))
	p.yes("a key leads to nine tenths of it", shows("line 60"))
	p.do(chromedp.KeyEvent("0"))
	p.yes("and another to its begin", `!`+shows("line 60"))
	p.picture("player-keys")
	p.yes("nothing came from elsewhere", `performance.getEntriesByType('resource').every(r => /^(data|blob|file):/.test(r.name))`)
	p.wantQuiet()
}
