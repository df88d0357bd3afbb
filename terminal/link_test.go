package terminal_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

func TestLinkOpensOnceWhenAHundredTapAtOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	var mu sync.Mutex
	got := map[int]int{}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			a := n.redeem(token)
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	group.Wait()
	if diff := cmp.Diff(map[int]int{http.StatusOK: 1, http.StatusGone: 99}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]incidents.Kind{incidents.KindTerminalLink, incidents.KindTerminalOpened}, n.timeline.kinds()); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

func TestUsedLinkSaysWhen(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	used := n.clock.now().UTC()
	n.redeem(token)
	a := n.redeem(token)
	earlier, later := used.Format("15:04"), n.clock.now().UTC().Format("15:04")
	if a.code != "link_used" || (!strings.Contains(a.detail, earlier) && !strings.Contains(a.detail, later)) {
		t.Errorf("got %s %q, want link_used at %s", a.code, a.detail, later)
	}
}

func TestLookingAtALinkDoesNotUseItUp(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	for _, method := range []string{"GET", "HEAD", "GET"} {
		n.do(method, "/t", "", http.Header{"User-Agent": {"Slackbot-LinkExpanding 1.0"}})
	}
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		if a := n.do(method, "/t/redeem", fmt.Sprintf(`{"token":%q}`, token), n.fromPage()); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s /t/redeem answered %d", method, a.status)
		}
	}
	if a := n.redeem(token); a.status != http.StatusOK {
		t.Errorf("after looking, redeeming answered %d %s", a.status, a.detail)
	}
}

func TestLinkExpires(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	n.clock.advance(terminal.DefaultLinkTTL + time.Second)
	if a := n.redeem(token); a.status != http.StatusGone || a.code != "link_expired" {
		t.Errorf("got %d %s", a.status, a.code)
	}
}

func TestLinkLivesTenMinutesAtMost(t *testing.T) {
	t.Parallel()
	n := setup(t)
	if _, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), terminal.MaxLinkTTL+time.Second); !errors.Is(err, terminal.ErrBadGrant) {
		t.Errorf("got %v", err)
	}
	link, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), terminal.MaxLinkTTL)
	if left := link.ExpiresAt.Sub(n.clock.now()); err != nil || left > terminal.MaxLinkTTL {
		t.Errorf("lives %v: %v", left, err)
	}
}

func TestChangedLinkIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Refusals = 1000 })
	token := n.mint(access.ModeLogs)
	for i := range token {
		changed := []byte(token)
		changed[i] ^= 1
		if a := n.redeem(string(changed)); a.code != "link_invalid" {
			t.Fatalf("with byte %d changed: %d %s", i, a.status, a.code)
		}
	}
	if a := n.redeem(token); a.status != http.StatusOK {
		t.Errorf("the link itself answered %d", a.status)
	}
}

func TestDatabaseHoldsNoToken(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeShell)
	var found int
	err := n.store.pool.QueryRow(t.Context(), `SELECT count(*) FROM terminal_links l WHERE l::text LIKE '%' || $1 || '%'`,
		token[strings.LastIndex(token, ".")+1:]).Scan(&found)
	if err != nil || found != 0 {
		t.Errorf("%d rows hold the signature: %v", found, err)
	}
}

func TestNoLinkWithoutATimeline(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeShell)
	n.timeline.fail(errors.New("away"))
	if _, err := n.svc.Mint(t.Context(), n.grant(access.ModeShell), 0); err == nil {
		t.Error("a link was minted")
	}
	if a := n.redeem(token); a.code != "not_recorded" || len(a.cookies) != 0 {
		t.Errorf("got %d %s, %d cookies", a.status, a.code, len(a.cookies))
	}
}

func TestResolvedIncidentOpensNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeShell)
	n.gate.refuse(terminal.ErrIncidentResolved)
	if a := n.redeem(token); a.code != "incident_resolved" {
		t.Errorf("got %d %s", a.status, a.code)
	}
}
