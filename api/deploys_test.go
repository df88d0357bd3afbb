package api_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

// DeployPage has three deploys of api, two at the same moment, and one of a container that is not enabled any more.
func (w *world) DeployPage(_ context.Context, p snapshot.DeployPage) ([]snapshot.Past, error) {
	changes := []snapshot.Change{{Attribute: "image", Before: "shop:1.41", After: "shop:1.42"}}
	all := []snapshot.Past{
		{Deploy: snapshot.Deploy{ID: 5, Key: "key-other", At: night}},
		{Deploy: snapshot.Deploy{ID: 4, Key: "key-api", At: night, Before: "shop:1.41", After: "shop:1.42", Snapshot: "pre-deploy-2255", Changes: changes}},
		{Deploy: snapshot.Deploy{ID: 3, Key: "key-w1", At: night.Add(-time.Hour)}},
		{Deploy: snapshot.Deploy{ID: 2, Key: "key-api", At: night.Add(-time.Hour)}, RolledBack: &snapshot.Undone{By: "good", At: night}},
	}
	all = slices.DeleteFunc(all, func(d snapshot.Past) bool {
		passed := !p.Before.IsZero() && (d.At.After(p.Before) || d.At.Equal(p.Before) && d.ID >= p.ID)
		return passed || d.At.Before(p.Since) || !slices.Contains(p.Keys, d.Key)
	})
	if w.engineSilent() {
		return all[:min(p.Limit, len(all))], nil
	}
	return all[:min(p.Limit, len(all))], w.failAll
}

// Together has deploy 4 be a part of the same as one of web-1 and one of a container that is not listed.
func (w *world) Together(_ context.Context, of ...snapshot.Deploy) (map[int64][]snapshot.Deploy, error) {
	out := map[int64][]snapshot.Deploy{}
	if slices.ContainsFunc(of, func(d snapshot.Deploy) bool { return d.ID == 4 }) {
		out[4] = []snapshot.Deploy{{ID: 6, Key: "key-w1"}, {ID: 7, Key: "key-other"}}
	}
	return out, nil
}

func TestDeploysAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := b.do(t, request{path: "/deploys?container=checkout"})
	var got wire.Deploys
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 {
		t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	want := wire.Deploys{Deploys: []wire.Deploy{
		{
			ID: 4, Container: "api", Service: "checkout", Engine: "local", At: night, Before: "shop:1.41", After: "shop:1.42", Snapshot: "pre-deploy-2255",
			Changes:  []snapshot.Change{{Attribute: "image", Before: "shop:1.41", After: "shop:1.42"}},
			Together: []wire.DeployedWith{{ID: 6, Container: "web-1"}},
		},
		{
			ID: 2, Container: "api", Service: "checkout", Engine: "local", At: night.Add(-time.Hour), Changes: []snapshot.Change{},
			RolledBack: &wire.RolledBack{Snapshot: "good", At: night},
		},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestDeploysArePagedThrough reads one a page, and meets all that are enabled containers' once.
func TestDeploysArePagedThrough(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []int64
	for cursor := ""; ; {
		var page wire.Deploys
		rec := b.do(t, request{path: "/deploys?limit=1&cursor=" + url.QueryEscape(cursor)})
		if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil || len(page.Deploys) != 1 {
			t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
		}
		ids = append(ids, page.Deploys[0].ID)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if d := cmp.Diff([]int64{4, 3, 2}, ids); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDeploysAreNarrowedDownAndRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	since := func(at time.Time) string { return "since=" + at.Format(time.RFC3339) }
	for path, want := range map[string]string{
		"/deploys?" + since(night):                            `{"deploys":[{"id":4,`,
		"/deploys?" + since(night.Add(time.Second)):           `{"deploys":[]}`,
		"/deploys?container=web-1&since=2026-01-01T00:00:00Z": `{"deploys":[{"id":3,`,
		"/deploys?container=web-2":                            `{"deploys":[]}`,
		"/deploys?container=web":                              `"ambiguous"`,
		"/deploys?container=nobody":                           `"unknown_container"`,
		"/deploys?container=":                                 `"unknown_container"`,
		"/deploys?since=tonight":                              `"malformed"`,
		"/deploys?limit=0":                                    `"malformed"`,
		"/deploys?cursor=aW5jaWRlbnRzOjA6Nw":                  `"malformed"`,
	} {
		if rec := b.do(t, request{path: path}); !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	wantCode(t, b.do(t, request{path: "/deploys", token: b.token(t, access.ReadIncidents)}), 403, "insufficient_scope")
	wantStatus(t, b.do(t, request{path: "/deploys", token: b.token(t, access.ReadSnapshots)}), 200)
	b.failAll = errNetwork
	wantCode(t, b.do(t, request{path: "/deploys"}), 503, "database_away")
}

// TestDeploysAreToldWhileTheEngineIsAway: what the last deploy was is asked when something is broken.
func TestDeploysAreToldWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.failAll = snapshot.ErrEngineAway
	wantCode(t, b.do(t, request{path: "/containers"}), 503, "engine_away")
	for path, want := range map[string]int{"/deploys": 3, "/deploys?container=checkout": 2} {
		var got wire.Deploys
		rec := b.do(t, request{path: path})
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 || len(got.Deploys) != want || got.Deploys[0].Container != "api" {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	if got := b.do(t, request{path: "/deploys?container=other"}).Body.String(); !strings.Contains(got, `{"deploys":[{"id":5,"container":"other",`) || strings.Contains(got, `"id":4`) {
		t.Errorf("those of another bot's container are %s", got)
	}
}
