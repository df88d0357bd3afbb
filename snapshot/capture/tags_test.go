package capture_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
)

var errBusy = errors.New("the engine is busy")

// stubborn is an engine that does not remove so many tags, nor tag what so many containers have mounted.
type stubborn struct {
	*docker.Engine
	untags, mounted atomic.Int64
}

func (s *stubborn) Untag(ctx context.Context, ref string) error {
	if s.untags.Add(-1) >= 0 {
		return errBusy
	}
	return s.Engine.Untag(ctx, ref)
}

func (s *stubborn) TagMounted(ctx context.Context, document json.RawMessage, ref string) error {
	if s.mounted.Add(-1) >= 0 {
		return errBusy
	}
	return s.Engine.TagMounted(ctx, document, ref)
}

// forgetful is a database that does not write snapshots down.
type forgetful struct{ *store.DB }

func (forgetful) AddSnapshot(context.Context, snapshot.Snapshot, snapshot.By) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{}, snapshot.ErrJournalAway
}

// sweep removes the tags that are left, as a watch does.
func (k *kit) sweep(t *capture.Taker) (left int) {
	k.T.Helper()
	engine, err := k.Engine().ID(k.T.Context())
	if err != nil {
		k.T.Fatal(err)
	}
	list, err := k.DB.TagsLeft(k.T.Context(), engine)
	if err != nil {
		k.T.Fatal(err)
	}
	for _, tag := range list {
		if err := t.RemoveTag(k.T.Context(), tag.Key, tag.Name, tag.Ref); err != nil {
			left++
		}
	}
	return left
}

func TestAnImageThatCouldNotBeRemovedWithItsSnapshotGoesLater(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	engine := &stubborn{Engine: k.Engine()}
	taker := capture.New(capture.Config{Engine: engine, Ref: docker.Ref, Store: k.DB, Lock: k.DB, Audit: k.DB})
	s, err := taker.Take(t.Context(), c, snapshot.TakeRequest{Name: "x", By: k.By()})
	if err != nil {
		t.Fatal(err)
	}
	engine.untags.Store(2)
	if err := taker.Delete(t.Context(), c.Key, "x", k.By()); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if tags := k.Tags(c.Name); !slices.Contains(tags, "x") {
		t.Fatalf("tags %v: the engine has removed it", tags)
	}
	if left := k.sweep(taker); left != 1 {
		t.Errorf("%d are left after the first sweep, want one", left)
	}
	if left := k.sweep(taker); left != 0 {
		t.Errorf("%d are left after the second sweep", left)
	}
	if _, err := k.Try("image", "inspect", s.ImageID); err == nil {
		t.Error("its image is on the engine still")
	}
}

// TestAnImageOfASnapshotThatWasNeverWrittenDownGoes where the bot was killed before it could, or the engine did not remove it.
func TestAnImageOfASnapshotThatWasNeverWrittenDownGoes(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	engine := &stubborn{Engine: k.Engine()}
	taker := capture.New(capture.Config{Engine: engine, Ref: docker.Ref, Store: forgetful{k.DB}, Lock: k.DB, Audit: k.DB})
	engine.untags.Store(1)
	if _, err := taker.Take(t.Context(), c, snapshot.TakeRequest{Name: "x", By: k.By()}); !errors.Is(err, snapshot.ErrJournalAway) {
		t.Fatalf("taking: %v", err)
	}
	k.sweep(k.Taker)
	if tags := k.Tags(c.Name); !slices.Contains(tags, "x") {
		t.Errorf("tags %v: it went although it may be under way yet", tags)
	}
	if _, err := k.DB.Pool().Exec(t.Context(), `UPDATE tags_begun SET begun_at = now() - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	k.sweep(k.Taker)
	if tags := k.Tags(c.Name); len(tags) != 0 {
		t.Errorf("tags %v", tags)
	}
}

func TestATagStaysWhileAnotherSnapshotOfItsNameIsTaken(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	remove := func() {
		if err := k.Taker.RemoveTag(t.Context(), c.Key, "x", docker.Ref(c.Name, "x")); !errors.Is(err, snapshot.ErrElsewhere) {
			t.Errorf("removing the tag: %v", err)
		}
	}
	if _, err := k.Bot(remove, nothing).Take(t.Context(), c, snapshot.TakeRequest{Name: "x", By: k.By()}); err != nil {
		t.Fatal(err)
	}
	remove()
	k.checkTags(c, "x")
}

func TestACopyThatFailsLeavesNoTag(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	s := k.TakeNamed(c.Name, "x")
	engine := &stubborn{Engine: k.Engine()}
	engine.mounted.Store(1)
	taker := capture.New(capture.Config{Engine: engine, Ref: docker.Ref, Store: k.DB, Lock: k.DB, Audit: k.DB})
	if _, err := taker.Copy(t.Context(), s, snapshot.TakeRequest{Name: "y", Reason: snapshot.Baseline, By: k.By()}); !errors.Is(err, errBusy) {
		t.Errorf("copying: %v", err)
	}
	k.checkTags(c, "x")
}
