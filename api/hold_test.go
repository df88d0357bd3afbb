package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// heldDeploy is of the world's api. Registries know its image as sha256:bad.
var heldDeploy = snapshot.Hold{
	ID: 1, Key: "key-api", Container: "api", Restore: 7, Snapshot: "pre-deploy-2255", Incident: 1, By: incidents.Actor{Name: "Maria"}, Since: night.Add(4 * time.Minute),
	Ref: "registry.example.com/api:1.42", Image: snapshot.Image{ID: "sha256:42", Digests: []string{"sha256:bad"}, Content: "forty-two"},
	Changes: []snapshot.Change{{Attribute: "image", Before: "registry.example.com/api:1.41", After: "registry.example.com/api:1.42"}, {Attribute: "image ID", Before: "41", After: "42"}},
}

// shop is what the world's engine and its registry know of images.
var shop = map[string]struct {
	local    *snapshot.Image
	registry string
}{
	"registry.example.com/api:1.42":        {&heldDeploy.Image, "sha256:bad"},
	"registry.example.com/api:again":       {&snapshot.Image{ID: "sha256:99", Content: "forty-two"}, ""},
	"registry.example.com/api:1.43":        {&snapshot.Image{ID: "sha256:43", Content: "forty-three"}, ""},
	"registry.example.com/api:1.44":        {nil, "sha256:good"},
	"registry.example.com/api:retagged":    {nil, "sha256:bad"},
	"registry.example.com/api:latest":      {&snapshot.Image{ID: "sha256:42", Content: "forty-two", Digests: []string{"sha256:bad"}}, "sha256:good"}, // pushed since
	"registry.example.com/api@sha256:good": {nil, ""},
	"registry.example.com/api@sha256:bad":  {nil, ""},
	"registry.example.com/api:nowhere":     {nil, ""},
	"sha256:42":                            {nil, ""},
	"sha256:43":                            {&snapshot.Image{ID: "sha256:43", Content: "forty-three"}, ""},
	"api:1.43":                             {nil, "sha256:of-somebody-else"}, // at the public registry
}

func (w *world) FindImage(_ context.Context, ref string) (snapshot.Image, error) {
	if at := shop[ref].local; at != nil {
		return *at, nil
	}
	return snapshot.Image{}, snapshot.ErrGone
}

func (w *world) RegistryDigest(_ context.Context, ref string) string { return shop[ref].registry }

func (w *world) Holds(_ context.Context, key string) ([]snapshot.Hold, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failAll != nil || w.onHold == nil || w.onHold.Key != key {
		return nil, w.failAll
	}
	return []snapshot.Hold{*w.onHold}, nil
}

func (w *world) ToldHolds(ctx context.Context, _ int64) ([]snapshot.Hold, error) {
	return w.Holds(ctx, "key-api")
}

func (w *world) AllHolds(ctx context.Context) ([]snapshot.Hold, error) {
	return w.Holds(ctx, "key-api")
}

func (w *world) ReleaseHolds(ctx context.Context, key string, _ snapshot.By) ([]snapshot.Hold, error) {
	held, err := w.Holds(ctx, key)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onHold = nil; err == nil && len(held) == 0 {
		err = snapshot.ErrNotHeld
	}
	return held, err
}

const holdPath = "/containers/api/hold"

// holding is a bench on which a deploy of api is on hold.
func holding(t *testing.T) *bench {
	t.Helper()
	b := setup(t)
	h := heldDeploy
	b.onHold = &h
	return b
}

func (b *bench) code(t *testing.T, q request, status int, code string) wire.Problem {
	t.Helper()
	return wantCode(t, b.do(t, q), status, code)
}

func TestHoldSaysWhatIsHeldAndWhyUntilItIsReleased(t *testing.T) {
	t.Parallel()
	b := holding(t)
	rec := b.do(t, request{path: holdPath})
	wantStatus(t, rec, http.StatusOK)
	held := decodeBody[wire.Holds](t, rec)
	want := "api 1.42 is on hold since Mar 1 03:46, when it was rolled back to pre-deploy-2255 by Maria, until the incident is resolved or somebody releases it"
	if len(held.Holds) != 1 || held.Holds[0].Summary != want || held.Holds[0].RestoreID != 7 || held.Holds[0].IncidentID != 1 || len(held.Holds[0].Changes) != 2 {
		t.Errorf("held: %+v", held)
	}
	b.code(t, request{path: "/containers/web-1/hold"}, http.StatusNotFound, "not_held")
	b.code(t, request{method: "DELETE", path: holdPath, token: b.token(t, access.ReadSnapshots, access.WriteSnapshots)}, http.StatusForbidden, "insufficient_scope")
	wantStatus(t, b.do(t, request{method: "DELETE", path: holdPath, token: b.token(t, access.RestoreScope)}), http.StatusNoContent)
	b.code(t, request{path: holdPath}, http.StatusNotFound, "not_held")
	b.code(t, request{method: "DELETE", path: holdPath}, http.StatusNotFound, "not_held")
}

func TestPreDeploySnapshotIsRefusedWhileADeployIsOnHold(t *testing.T) {
	t.Parallel()
	for deploying, held := range map[string]bool{
		"":                                     true,
		"registry.example.com/api:1.42":        true,
		"registry.example.com/api:again":       true,
		"registry.example.com/api:retagged":    true,
		"registry.example.com/api@sha256:bad":  true,
		"registry.example.com/api:nowhere":     true,
		"api:1.43":                             true,
		"sha256:42":                            true,
		"registry.example.com/api:1.43":        false,
		"registry.example.com/api:1.44":        false,
		"registry.example.com/api:latest":      false,
		"registry.example.com/api@sha256:good": false,
		"sha256:43":                            false,
	} {
		b := holding(t)
		q := request{method: "POST", path: "/containers/api/snapshots", body: `{"reason":"pre-deploy","deploying":"` + deploying + `"}`}
		if !held {
			wantStatus(t, b.do(t, q), http.StatusCreated)
			continue
		}
		p := b.code(t, q, http.StatusLocked, "held")
		if !strings.HasPrefix(p.Detail, "api 1.42 is on hold since Mar 1 03:46") || !strings.Contains(p.Detail, "release the hold") || len(b.takes) != 0 {
			t.Errorf("%q: %s (%d snapshots)", deploying, p.Detail, len(b.takes))
		}
	}
}

func TestOtherSnapshotsAndOtherContainersAreNotHeld(t *testing.T) {
	t.Parallel()
	b := holding(t)
	wantStatus(t, b.do(t, request{method: "POST", path: "/containers/api/snapshots", body: `{}`}), http.StatusCreated)
	wantStatus(t, b.do(t, request{method: "POST", path: "/containers/web-1/snapshots", body: `{"reason":"pre-deploy"}`}), http.StatusCreated)
	b.code(t, request{method: "POST", path: "/containers/api/snapshots", body: `{"deploying":"api:1.43"}`}, http.StatusBadRequest, "malformed")
}

func TestOverrideTakesTheScopeRestoreAndIsWrittenDown(t *testing.T) {
	t.Parallel()
	b := holding(t)
	q := request{method: "POST", path: "/containers/api/snapshots", body: `{"reason":"pre-deploy","override":true,"note":"the database was it"}`, token: b.token(t, access.WriteSnapshots)}
	b.code(t, q, http.StatusForbidden, "insufficient_scope")
	q.token = b.token(t, access.WriteSnapshots, access.RestoreScope)
	wantStatus(t, b.do(t, q), http.StatusCreated)
	entries := b.entries[1]
	if len(entries) != 1 || entries[0].Kind != incidents.KindHoldOverridden || !strings.Contains(entries[0].Summary, "deploys api although api 1.42 is on hold (the database was it)") {
		t.Errorf("entries: %+v", entries)
	}
}

// TestRefusedDeployAsksAgainByTheSameKey: a pipeline that is run again once the hold is released sends the same key.
func TestRefusedDeployAsksAgainByTheSameKey(t *testing.T) {
	t.Parallel()
	b := holding(t)
	q := request{method: "POST", path: "/containers/api/snapshots", body: `{"reason":"pre-deploy"}`, header: map[string]string{"Idempotency-Key": "run-17"}}
	b.code(t, q, http.StatusLocked, "held")
	wantStatus(t, b.do(t, request{method: "DELETE", path: holdPath}), http.StatusNoContent)
	wantStatus(t, b.do(t, q), http.StatusCreated)
}

// TestImageTellsNothingOfSettingsOnHold: where settings alone were rolled back, the image runs already.
func TestImageTellsNothingOfSettingsOnHold(t *testing.T) {
	t.Parallel()
	b := holding(t)
	b.onHold.Changes = []snapshot.Change{{Attribute: "env DB_POOL", Before: "20", After: "2"}}
	q := request{method: "POST", path: "/containers/api/snapshots", body: `{"reason":"pre-deploy","deploying":"registry.example.com/api:1.42"}`}
	if p := b.code(t, q, http.StatusLocked, "held"); !strings.Contains(p.Detail, "api with env DB_POOL: 20 → 2 is on hold") || !strings.Contains(p.Detail, "can't be told") {
		t.Errorf("it says %s", p.Detail)
	}
	q.body = `{"reason":"pre-deploy","deploying":"registry.example.com/api:1.43"}`
	wantStatus(t, b.do(t, q), http.StatusCreated)
}
