package terminal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// pastOf is what the log holds by a page's question.
func (n *night) pastOf(id string, have http.Header, ask url.Values) (a answer, lines []string, at []time.Time, end bool) {
	n.t.Helper()
	ask.Set("session", id)
	a, body := n.ask("GET", "/t/logs?"+ask.Encode(), "", have)
	var v struct {
		Lines []struct {
			At   time.Time
			Text string
		}
		End bool
	}
	_ = json.Unmarshal(body, &v) // a refusal has none
	for _, l := range v.Lines {
		lines, at = append(lines, l.Text), append(at, l.At)
	}
	return a, lines, at, v.End
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func TestTheLogIsReadFromAnyTimeOn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`seq 1 1000; echo over; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("over") })
	_, lines, at, end := n.pastOf(id, have, url.Values{"since": {"2001-01-01T00:00:00Z"}})
	if len(lines) != 300 || lines[0] != "1" || lines[299] != "300" || end {
		t.Fatalf("%d lines, end %v: %v", len(lines), end, lines)
	}
	_, middle, _, _ := n.pastOf(id, have, url.Values{"since": {stamp(at[200])}})
	if len(middle) == 0 || middle[0] != "201" {
		t.Errorf("from the 201st on: %v", middle)
	}
	want := 301
	for !end {
		var more []string
		_, more, at, end = n.pastOf(id, have, url.Values{"after": {stamp(at[len(at)-1])}})
		for _, l := range more {
			if l != fmt.Sprint(want) && l != "over" {
				t.Fatalf("line %q where %d belongs", l, want)
			}
			want++
		}
	}
	if want != 1002 {
		t.Errorf("%d lines to the end", want)
	}
}

func TestTheBotFiltersByRE2(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`for i in $(seq 1 3000); do echo "row $i"; done; printf '\033[31mTime\033[0mout of the pool\n'; seq 1 2000; echo over; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("over") })
	now := stamp(time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		ask  url.Values
		want string
	}{
		"alternatives":         {url.Values{"before": {now}, "match": {`row 1$|row (2|3)$`}}, "row 1 row 2 row 3"},
		"through colours":      {url.Values{"before": {now}, "match": {`TIMEOUT`}}, "\x1b[31mTime\x1b[0mout of the pool"},
		"lines without it":     {url.Values{"since": {"2001-01-01T00:00:00Z"}, "match": {`^(row )?\d+$`}, "not": {"1"}}, "\x1b[31mTime\x1b[0mout of the pool over"},
		"nothing that matches": {url.Values{"before": {now}, "match": {`nowhere`}}, ""},
	} {
		if a, lines, _, _ := n.pastOf(id, have, c.ask); a.status != http.StatusOK || strings.Join(lines, " ") != c.want {
			t.Errorf("%s: %d %q", name, a.status, lines)
		}
	}
	for name, ask := range map[string]url.Values{
		"no expression": {"before": {now}, "match": {"("}}, "one that looks ahead": {"before": {now}, "match": {"(?=x)"}},
		"a long one": {"before": {now}, "match": {strings.Repeat("x", 201)}}, "a large one": {"before": {now}, "match": {"((x{100}){100}){100}"}},
		"a slow one": {"before": {now}, "match": {"(?:.?.?.?.?){1000}x"}},
	} {
		if a, _, _, _ := n.pastOf(id, have, ask); a.status != http.StatusBadRequest || a.code != "bad_filter" {
			t.Errorf("%s: %d %s", name, a.status, a.code)
		}
	}
	for _, ask := range []url.Values{{}, {"since": {"yesterday"}}, {"since": {"0001-01-01T00:00:00Z"}}} {
		if a, _, _, _ := n.pastOf(id, have, ask); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", ask, a.status)
		}
	}
}

// TestASharedLineIsTheLogsOwn has a page that says of a line what it does not say.
func TestASharedLineIsTheLogsOwn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`echo 'ERROR login failed password=hunter2hunter2'; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("ERROR login failed") })
	_, _, at, _ := n.pastOf(id, have, url.Values{"since": {"2001-01-01T00:00:00Z"}})
	share := func(session string, when time.Time, header http.Header) answer {
		return n.do("POST", "/t/share?session="+session, fmt.Sprintf(`{"at":%q,"text":"all is well"}`, stamp(when)), header)
	}
	if a := share(id, at[0], have); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.detail)
	}
	shared := n.timeline.of(incidents.KindTerminalShared)
	if len(shared) != 1 || shared[0].Incident != n.incident || !strings.Contains(shared[0].Summary, "ERROR login failed") {
		t.Fatalf("the timeline has %+v", shared)
	}
	if s := shared[0].Summary; strings.Contains(s, "hunter2") || strings.Contains(s, "well") {
		t.Errorf("it says %q", s)
	}
	stranger := have.Clone()
	stranger.Set("Origin", "https://elsewhere.example")
	for name, c := range map[string]struct {
		a    answer
		want int
	}{
		"a line that is not there": {share(id, at[0].Add(time.Nanosecond), have), http.StatusNotFound},
		"another session":          {share("other", at[0], have), http.StatusConflict},
		"another site":             {share(id, at[0], stranger), http.StatusForbidden},
	} {
		if c.a.status != c.want {
			t.Errorf("%s: %d %s", name, c.a.status, c.a.code)
		}
	}
	var slowed atomic.Int64
	var flood sync.WaitGroup
	for range 30 {
		flood.Go(func() {
			if share(id, at[0], have).status == http.StatusTooManyRequests {
				slowed.Add(1)
			}
		})
	}
	flood.Wait()
	if slowed.Load() == 0 {
		t.Error("a flood is not slowed down")
	}
	n.gate.refuse(access.ErrDenied)
	if a := share(id, at[0], have); a.status != http.StatusForbidden && a.status != http.StatusGone { // it ends the session as well, soon
		t.Errorf("who may not: %d", a.status)
	}
}

func TestPhoneReadsFromTheDeploySharesAndSearches(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "row $i of many"; done
		echo 'ERROR the pool is exhausted'; echo 'level=warn msg="slow query"'; echo 'DEBUG a detail'; while :; do sleep 0.3; echo tick; done`)
	p := newPhone(t)
	n.deployedAt(time.Now().Add(-time.Hour))
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the newest lines are there", "#lines", "tick")
	p.tap("#view")
	p.wait("the deploy is offered", "#moments", "Deploy ")
	p.wait("and the alert", "#moments", "Alert ")
	p.wantAccessible("log views")
	p.tap("#wrap")
	p.yes("lines can be left long", `getComputedStyle(document.querySelector('#lines .row:not(.note)')).whiteSpace === 'pre'`)
	p.tap("#wrap")
	p.tap("#moments button")
	p.wait("it reads from there", "#lines", "row 1 of many")
	p.yes("the newest lines are aside", `!document.querySelector('#lines').innerText.includes('tick') && !document.querySelector('#newest').hidden`)
	p.picture("60-from-the-deploy")
	p.yes("scrolling down reads on", `(l => { l.scrollTop += 3000; return l.innerText.includes('row 900 of many'); })(document.querySelector('#lines'))`)
	p.tap("#newest")
	p.yes("the pill leads back", `document.querySelector('#lines').innerText.includes('tick') && `+atEnd)
	p.tap("#filter")
	p.typeIn(`row (7|8)\d? of`)
	p.yes("none of those is here", `document.querySelector('#hits').innerText === '0'`)
	p.tap("#search")
	p.yes("the bot finds them", `document.querySelector('#hits').innerText === '22'`)
	p.wait("and says that there are no others", "#lines", "No earlier line matches")
	p.picture("61-searched")
	p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.value = 'pool|slow|detail'; f.dispatchEvent(new Event('input')); })(document.querySelector('#filter'))`))
	p.yes("what the other filter found is let go", `document.querySelectorAll('.found').length === 0`)
	p.yes("levels are told apart", `['.bad', '.warned', '.quiet'].every(c => document.querySelector('#lines .row:not([hidden]) ' + c))`)
	p.tap("#lines .row:not([hidden]):has(.bad)")
	p.wait("the line can be picked", "#pick-text", "ERROR the pool is exhausted")
	p.wantAccessible("a line")
	p.tap("#pick-share")
	p.wait("it is shared", "#pick-said", "Shared with the incident's thread.")
	if got := n.timeline.of(incidents.KindTerminalShared); len(got) != 1 || !strings.Contains(got[0].Summary, "the pool is exhausted") {
		t.Errorf("the timeline has %+v", got)
	}
	p.picture("62-shared")
	p.tap("#pick-shut")
	p.size(320, 568)
	p.tap("#view")
	p.wantInReach("log views narrow")
	p.wantQuiet()
}

func TestAProgramsOwnTimeIsNotShownTwice(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`echo "$(date -u +%Y-%m-%dT%H:%M:%S.123Z) INFO one"; echo "[$(date +'%Y/%m/%d %H:%M:%S')] two"; echo "time=$(date -u +%Y-%m-%dT%H:%M:%SZ) level=info three"
		printf '\033[32m%s\033[0m four\n' "$(date +%H:%M:%S)"; echo "1999-01-01T00:17:00Z five"; echo "$(date -u +%Y-%m-%dT%H:%M:%SZ)"; echo over; sleep 1000`)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the log is there", "#lines", "over")
	p.connected()
	got := ask(p, chromedp.Evaluate[[]string](`[...document.querySelectorAll('#lines .row > span')].map(s => s.innerText)`))
	if len(got) != 7 || strings.Join(got[:4], "|") != "INFO one|two|level=info three|four" {
		t.Errorf("lines are %q", got)
	}
	if !strings.HasSuffix(got[4], "00:17:00Z five") || len(got[5]) < 20 {
		t.Errorf("a time that says more was taken away: %q", got)
	}
	p.tap("#lines .row")
	p.wait("a line that is picked is whole", "#pick-text", "Z INFO one")
	p.wantQuiet()
}

func TestLevelsAreToldByTheWordsForThem(t *testing.T) {
	t.Parallel()
	levels := [][2]string{
		{"ERROR no pool", "bad"}, {"12 errors since noon", ""}, {`level=info msg="no error"`, ""}, {`{"level":"error","msg":"x"}`, "bad"},
		{"[warn] slow", "warned"}, {"INFO the ERROR is gone", ""}, {"error: no such file", "bad"}, {"E1128 22:04:05.1 klog", "bad"}, {"DEBUG a detail", "quiet"},
		{"sending an alert", ""}, {"an error of ours", ""},
	}
	var script strings.Builder
	for _, l := range levels {
		fmt.Fprintf(&script, "echo '%s'; ", l[0])
	}
	n := setup(t)
	n.replace(script.String() + `printf '\033[32mERROR in green\033[0m\n'; sleep 1000`)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the log is there", "#lines", "ERROR in green")
	p.connected()
	got := ask(p, chromedp.Evaluate[[]string](`[...document.querySelectorAll('#lines .row > span')].map(s => s.className)`))
	for i, l := range levels {
		if got[i] != l[1] {
			t.Errorf("%q is shown as %q, not %q", l[0], got[i], l[1])
		}
	}
	if last := got[len(got)-1]; last != "" {
		t.Errorf("a line with colours of its own is shown as %q", last)
	}
	p.wantQuiet()
}

// TestWhoWasAwayIsToldHowMuchWasMissed has more lines come between two connections of a page than are kept for it.
func TestWhoWasAwayIsToldHowMuchWasMissed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	container := n.replace(`echo quiet; while [ ! -e /go ]; do sleep 0.1; done; seq 1 5000; echo over; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	stays, goes := n.connect(id, have), n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return stays.saw("quiet") && goes.saw("quiet") })
	_ = goes.conn.Close(websocket.StatusNormalClosure, "")
	n.touch(container, "/go")
	within(t, time.Minute, "the last line has come", func() bool { return stays.saw("over") })
	again := n.resume(n.dialAs(goes.by, have), goes, id)
	within(t, time.Minute, "it is there as well", func() bool { return again.saw("over") })
	again.mu.Lock()
	defer again.mu.Unlock()
	if got := int64(len(again.lines)) + again.skipped; again.skipped == 0 || got != 5001 {
		t.Errorf("%d lines came and %d were told as left out, of 5001", len(again.lines), again.skipped)
	}
}

// slowedDown has the page run at so many times less than the machine's speed.
func (p *phone) slowedDown(times float64) {
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times})
		return err
	}))
}

// TestAFloodIsLeftOutInSight has a log that is faster than the phone, whatever runs beside: the page is slowed.
func TestAFloodIsLeftOutInSight(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id := n.replace(`echo quiet; while [ ! -e /go ]; do sleep 0.1; done; yes 'a line of the usual length, as programs write them, with something to read' | head -n 100000; echo over; sleep 1000`)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.connected()
	p.wait("the log is there", "#lines", "quiet")
	p.do(chromedp.Evaluate[chromedp.Void](`window.longest = window.shown = window.told = 0; window.last = performance.now();
		setInterval(() => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; }, 10);
		new MutationObserver((all) => { for (const row of all.flatMap((m) => [...m.addedNodes])) {
			const left = /^(\d+) lines were left out here/.exec(row.innerText ?? row.textContent);
			if (left) told += Number(left[1]); else if (!row.classList.contains('note') && !row.textContent.endsWith('quiet')) shown++;
		} }).observe(document.querySelector('#lines'), { childList: true }); 0`))
	p.slowedDown(8)
	n.touch(id, "/go")
	within(t, 3*time.Minute, "the last line has come", func() bool {
		return ask(p, chromedp.Evaluate[bool](`document.querySelector('#lines').lastElementChild.textContent.endsWith('over')`))
	})
	p.slowedDown(1)
	shown, told := ask(p, chromedp.Evaluate[int](`shown`)), ask(p, chromedp.Evaluate[int](`told`))
	longest := time.Duration(ask(p, chromedp.Evaluate[int](`Math.round(longest)`))) * time.Millisecond
	t.Logf("%d lines shown, %d told as left out; at an eighth of its speed the page stood still for %s at most, and has %d MB", shown, told,
		longest, ask(p, chromedp.Evaluate[int](`Math.round(performance.memory.usedJSHeapSize / 1e6)`)))
	if longest > 30*time.Second { // under 4 s have been seen, at a load of 20
		t.Errorf("the page stood still for %s", longest)
	}
	if told == 0 || shown+told != 100_001 {
		t.Errorf("%d lines were shown and %d told as left out, of 100,001", shown, told)
	}
	p.yes("no more is kept than otherwise", `document.querySelector('#lines').childElementCount <= 3001`)
	p.picture("63-flood")
	p.wantQuiet()
}
