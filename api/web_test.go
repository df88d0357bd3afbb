package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
)

func (b *bench) metric(t *testing.T, line string) bool {
	t.Helper()
	rec := httptest.NewRecorder()
	b.api.MetricsHandler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return strings.Contains(rec.Body.String(), line+"\n")
}

func TestWebhooksAreAnsweredAsPagerDutyUnderstands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		body   string
		status int
		reason string
	}{
		{"stored", nil, `{"event":{}}`, 202, ""},
		{"unsigned", fmt.Errorf("x: %w", incidents.ErrUnsigned), "{}", 401, "unsigned"},
		{"bad signature", fmt.Errorf("x: %w", incidents.ErrBadSignature), "{}", 401, "bad_signature"},
		{"signed, and no event", fmt.Errorf("x: %w", incidents.ErrMalformed), "not json", 202, "malformed"},
		{"database away", errNetwork, "{}", 503, "not_stored"},
		{"anything else", http.ErrBodyNotAllowed, "{}", 503, "not_stored"},
		{"too large", nil, strings.Repeat("x", 1<<20+1), 413, "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(w *world, _ *api.Config) { w.webhook = c.err })
			rec := b.do(t, request{method: "POST", path: "/webhooks/pagerduty", body: c.body, token: "-", header: map[string]string{"Content-Type": "text/plain"}})
			wantStatus(t, rec, c.status)
			if c.reason == "" {
				if !b.metric(t, "snapback_webhooks_stored_total 1") {
					t.Error("not counted")
				}
				return
			}
			if !b.metric(t, fmt.Sprintf(`snapback_webhooks_refused_total{reason="%s"} 1`, c.reason)) || !strings.Contains(b.log.String(), `"level":"ERROR"`) {
				t.Errorf("not counted, or not said loudly:\n%s", b.log)
			}
		})
	}
}

func TestWebhooksAreToBeDeliveredAgainWhileNoSecretIsSet(t *testing.T) {
	t.Parallel()
	a := api.New(api.Config{}, api.Deps{})
	rec := httptest.NewRecorder()
	a.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/pagerduty", strings.NewReader("{}")))
	wantCode(t, rec, 503, "webhooks_disabled")
	if said := rec.Body.String(); !strings.Contains(said, "snapback pagerduty subscribe") {
		t.Errorf("it does not say what to do: %s", said)
	}
}

// On a 400, PagerDuty drops the event for good.
func TestWebhookThatIsCutOffIsToBeDeliveredAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := io.MultiReader(strings.NewReader(`{"event":`), iotest.ErrReader(io.ErrUnexpectedEOF))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/pagerduty", body)
	rec := httptest.NewRecorder()
	b.h.ServeHTTP(rec, req)
	wantStatus(t, rec, http.StatusServiceUnavailable)
}

func TestRefusalsAreLimitedPerSourceAndNothingElseIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(w *world, c *api.Config) {
			c.Mount = map[string]http.Handler{"/slack/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "bad signature", http.StatusUnauthorized)
			})}
		})
		bad := request{path: "/containers", token: "guess"}
		for range 30 {
			wantStatus(t, b.do(t, bad), http.StatusUnauthorized)
		}
		limited := b.do(t, bad)
		wantCode(t, limited, 429, "too_many_refusals")
		if limited.Header().Get("Retry-After") == "" {
			t.Error("it does not say how long")
		}
		slack := b.do(t, request{method: "POST", path: "/slack/commands", token: "-"})
		wantCode(t, slack, 429, "too_many_refusals")
		wantStatus(t, b.do(t, request{path: "/containers"}), http.StatusOK)
		wantStatus(t, b.do(t, request{method: "POST", path: "/webhooks/pagerduty", body: "{}", token: "-"}), http.StatusAccepted)

		elsewhere := bad.build(t.Context())
		elsewhere.RemoteAddr = "[2001:db8::1]:1234"
		rec := httptest.NewRecorder()
		b.h.ServeHTTP(rec, elsewhere)
		wantStatus(t, rec, http.StatusUnauthorized)

		time.Sleep(2 * time.Second) // of synctest's time: one more is due
		wantStatus(t, b.do(t, bad), http.StatusUnauthorized)
		wantStatus(t, b.do(t, bad), http.StatusTooManyRequests)
	})
}

// Behind a proxy everybody has one address.
func TestStrangerBehindTheSameProxyLocksNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		guess := request{path: "/containers", token: "snapback_0123456789abcdef_" + strings.Repeat("0", 64)}
		for range 100 {
			b.do(t, guess)
		}
		limited := 0
		for range 20 { // tokens that were never used before, while ten guesses a second go on
			for range 10 {
				if b.do(t, guess).Code == http.StatusTooManyRequests {
					limited++
				}
				time.Sleep(time.Second / 10) // of synctest's time
			}
			fresh := b.token(t, access.ReadSnapshots)
			wantStatus(t, b.do(t, request{path: "/containers", token: fresh}), http.StatusOK)
			wantCode(t, b.do(t, request{path: "/containers/nope", token: fresh}), 404, "unknown_container")
			wantCode(t, b.do(t, request{method: "POST", path: "/incidents/1/notes", body: "{}", token: fresh}), 403, "insufficient_scope")
			wantCode(t, b.do(t, request{path: "/nothing", token: "-"}), 404, "unknown_path")
		}
		if limited < 180 {
			t.Errorf("only %d of 200 guesses were answered 429", limited)
		}
		wantStatus(t, b.do(t, request{path: "/containers"}), http.StatusOK)
	})
}

func TestMountedHandlerThatLimitsItselfIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *world, c *api.Config) {
		c.Mount = map[string]http.Handler{"/t/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "tap Terminal in Slack again", http.StatusForbidden)
		})}
		c.LimitThemselves = []string{"/t/"}
	})
	for range 100 {
		b.do(t, request{path: "/containers", token: "guess"})
		wantStatus(t, b.do(t, request{path: "/t/redeem", token: "-"}), http.StatusForbidden)
	}
}

func TestPollingForWhatIsNotThereStaysNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 100 {
		wantCode(t, b.do(t, request{path: "/containers/api/snapshots/not-yet"}), 404, "unknown_snapshot")
	}
	wantStatus(t, b.do(t, request{path: "/containers", token: "guess"}), http.StatusUnauthorized)
}

func TestFloodOfGuessesIsNotWrittenDownTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // on a slow machine, 200 guesses take long enough for more warnings
		b := setup(t)
		for range 200 {
			b.do(t, request{path: "/containers", token: "guess"})
		}
		if n := strings.Count(b.log.String(), "token refused"); n == 0 || n > 40 {
			t.Errorf("%d warnings were written", n)
		}
	})
}

func TestFewTokensAreLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		fresh := b.token(t, access.ReadSnapshots)
		b.slowFind = time.Second
		var all sync.WaitGroup
		for range 24 {
			all.Go(func() {
				b.do(t, request{path: "/containers", token: "snapback_0123456789abcdef_" + strings.Repeat("0", 64)})
			})
		}
		synctest.Wait()
		wantStatus(t, b.do(t, request{path: "/containers", token: fresh}), http.StatusOK) // waits for its turn
		all.Wait()
		if most := b.mostFinds.Load(); most > 8 {
			t.Errorf("%d were looked up at once", most)
		}
		b.slowFind = time.Minute
		for range 8 {
			all.Go(func() { b.do(t, request{path: "/containers", token: fresh}) })
		}
		synctest.Wait()
		wantCode(t, b.do(t, request{path: "/containers", token: fresh}), 503, "busy")
		all.Wait()
	})
}

func TestReadyzAsksOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		for range 10 {
			wantStatus(t, b.do(t, request{path: "/readyz", token: "-"}), http.StatusOK)
		}
		if n := b.checks.Load(); n != 1 {
			t.Errorf("asked %d times at once", n)
		}
		b.failAll = errNetwork
		time.Sleep(time.Second) // of synctest's time
		wantStatus(t, b.do(t, request{path: "/readyz", token: "-"}), http.StatusServiceUnavailable)
	})
}

func TestEveryAnswerIsUselessToABrowserThatWasLedAstray(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/containers", "/nothing", "/healthz", "/incidents/1/export?format=html"} {
		h := b.do(t, request{path: path}).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'") {
			t.Errorf("%s: CSP %q", path, h.Get("Content-Security-Policy"))
		}
	}
	export := b.do(t, request{path: "/incidents/4711/export?format=html"})
	if got := export.Header().Get("Content-Disposition"); got != `attachment; filename="incident-4711.html"` {
		t.Errorf("the page opens by itself: %q", got)
	}
}

func TestHeadIsAnsweredAsGetIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	srv := httptest.NewServer(b.h)
	defer srv.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, srv.URL+"/containers/api", nil)
	r.Header.Set("Authorization", "Bearer "+bootstrap)
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("ETag") != `"`+idOfAPI+`"` || resp.ContentLength <= 0 {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
}

func TestSnapshotsSayWhetherTheyCanBeRestored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := b.do(t, request{path: "/containers/checkout/snapshots"})
	wantStatus(t, rec, http.StatusOK)
	got := decodeBody[wire.Snapshots](t, rec).Snapshots
	if len(got) != 2 || got[0].Name != "pre-deploy-2255" || !got[0].Restorable || got[1].Restorable {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"the image was pruned"}, got[1].WhyNot); diff != "" {
		t.Error(diff)
	}
	if rec.Header().Get("ETag") != `"`+idOfAPI+`"` {
		t.Errorf("ETag %q", rec.Header().Get("ETag"))
	}
	b = setup(t, func(w *world, _ *api.Config) { w.offerErr = errNetwork })
	one := decodeBody[wire.Snapshot](t, b.do(t, request{path: target}))
	if one.Restorable || len(one.WhyNot) != 1 || strings.Contains(one.WhyNot[0], "10.0.0.7") {
		t.Errorf("what can't be checked is offered, or tells too much: %+v", one)
	}
}

func TestASnapshotIsTakenAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := b.do(t, request{method: "POST", path: "/containers/" + idOfAPI[:12] + "/snapshots", body: `{"name":"x","reason":"pre-deploy","expires_in":"14d","pinned":true,"note":"n"}`})
	wantStatus(t, rec, http.StatusCreated)
	if got := rec.Header().Get("Location"); got != "/containers/api/snapshots/x" {
		t.Errorf("location %q", got)
	}
	ask := b.takes[0]
	if ask.Reason != "pre-deploy" || ask.ExpiresIn != 14*24*time.Hour || !ask.Pinned || ask.Note != "n" || ask.By.Incident != 1 {
		t.Errorf("asked for %+v", ask)
	}
	wantStatus(t, b.do(t, request{method: "POST", path: "/containers/api/snapshots"}), http.StatusCreated)
}

func TestListsAreReadToTheirEndPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		if _, err := b.Record(t.Context(), incidents.Entry{IncidentID: 1, OccurredAt: night, Kind: "note", Summary: "<b>&"}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(order string) (all []incidents.Entry) {
		for cursor := ""; ; {
			page := decodeBody[wire.Entries](t, b.do(t, request{path: "/incidents/4711/timeline?limit=2&order=" + order + "&cursor=" + cursor}))
			all = append(all, page.Entries...)
			if cursor = page.NextCursor; cursor == "" {
				return all
			}
		}
	}
	oldest, newest := read("oldest"), read("newest")
	if err := incidents.Verify(oldest); err != nil || len(oldest) != 5 {
		t.Errorf("%d entries, and the client can't verify them: %v", len(oldest), err)
	}
	if len(newest) != 5 || newest[0].Seq != 5 || newest[4].Seq != 1 {
		t.Errorf("newest first: %+v", newest)
	}
	var names []string
	for cursor := ""; ; {
		page := decodeBody[wire.Containers](t, b.do(t, request{path: "/containers?limit=1&cursor=" + cursor}))
		names = append(names, page.Containers[0].Name)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"web-2", "web-1", "api"}, names); diff != "" {
		t.Error(diff)
	}
	page := decodeBody[wire.Incidents](t, b.do(t, request{path: "/incidents?limit=1"}))
	if page.Incidents[0].ID != 2 || page.NextCursor == "" {
		t.Errorf("got %+v", page)
	}
	wantCode(t, b.do(t, request{path: "/timeline?cursor=" + page.NextCursor}), 400, "malformed")
	if got := b.do(t, request{path: "/timeline"}).Body.String(); got != `{"entries":[]}`+"\n" {
		t.Errorf("an empty timeline is %s", got)
	}
}

func TestReadyzNamesWhatDoesNotAnswerAndNotWhy(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, _ *api.Config) { w.failAll = errNetwork })
	for _, h := range []http.Handler{b.h, b.api.MetricsHandler()} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		wantStatus(t, rec, http.StatusServiceUnavailable)
		if got := rec.Body.String(); got != `{"status":"not ready","checks":{"database":"not answering"}}`+"\n" {
			t.Errorf("got %s", got)
		}
		rec = httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
		wantStatus(t, rec, http.StatusOK)
	}
	rec := b.do(t, request{path: "/metrics"})
	wantCode(t, rec, 404, "unknown_path")
}

func TestRequestsAreCountedByPatternAndNotByPath(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(t, request{path: "/containers/api"})
	b.do(t, request{method: "BREW", path: "/made/up"})
	for _, line := range []string{
		`snapback_http_requests_total{method="GET",route="/containers/{id}",status="200"} 1`,
		`snapback_http_requests_total{method="other",route="unknown",status="404"} 1`,
		`snapback_http_refused_total{code="unknown_path"} 1`,
	} {
		if !b.metric(t, line) {
			t.Errorf("no %s", line)
		}
	}
}

func TestMountedHandlersShareTheMiddlewareAndKeepTheirHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *world, c *api.Config) {
		c.Mount = map[string]http.Handler{"/t/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("a WebSocket can't be made of it: %v", err)
				return
			}
			defer conn.Close()
			_, _ = buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nX-Csp: " + w.Header().Get("Content-Security-Policy") + "\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			_ = buf.Flush()
		})}
	})
	srv := httptest.NewServer(b.h)
	defer srv.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/t/session-of-somebody", nil)
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 101 || resp.Header.Get("X-Csp") != "default-src 'self'" {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
	srv.Close()
	if strings.Contains(b.log.String(), "session-of-somebody") {
		t.Error("the path of a mounted handler is logged")
	}
}

func TestNoPathOrQueryIsLogged(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *world, c *api.Config) {
		c.Mount = map[string]http.Handler{"/t/": http.NotFoundHandler(), "/t": http.NotFoundHandler()}
	})
	const secret = "eyJuIjoi.secret.token"
	for _, path := range []string{
		"/t/" + secret, "/t?" + secret, "//t/" + secret, "/T/" + secret, "/api/t/" + secret, "/" + secret, "/restores/" + secret,
		"/incidents/" + secret, "/containers?cursor=" + secret, "/containers/" + secret + "/snapshots/" + secret, "/webhooks/pagerduty?" + secret,
	} {
		for _, method := range []string{"GET", "POST"} {
			b.do(t, request{method: method, path: path})
		}
	}
	if strings.Contains(b.log.String(), secret) {
		t.Errorf("the log has it:\n%s", b.log)
	}
	if b.metric(t, secret) || !strings.Contains(b.log.String(), `"route":"/containers/{id}/snapshots/{name}"`) {
		t.Error("routes are not logged, or paths are counted")
	}
}

func TestASlowClientHoldsNothing(t *testing.T) {
	t.Parallel()
	s := api.Server(http.NotFoundHandler(), nil)
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", s)
	}
}
