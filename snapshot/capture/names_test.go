package capture_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

func nothing() {}

// checkTags: each snapshot's tag is on its own image, and can be restored.
func (k *kit) checkTags(c snapshot.Container, names ...string) {
	k.T.Helper()
	for _, name := range names {
		s, err := k.DB.Snapshot(k.T.Context(), c.Key, name)
		if err != nil {
			k.T.Errorf("%s: %v", name, err)
			continue
		}
		if image, err := k.Try("image", "inspect", "--format", "{{.Id}}", s.ImageRef); err != nil || image != s.ImageID {
			k.T.Errorf("%s is on %q, want its own image %s (%v)", s.ImageRef, image, s.ImageID, err)
		}
		if o, err := k.Restorer.Offer(k.T.Context(), c, s); err != nil || len(o.WhyNot) > 0 {
			k.T.Errorf("%s can't be restored: %v, %v", name, o.WhyNot, err)
		}
	}
	if tags := k.Tags(c.Name); len(tags) != len(names) {
		k.T.Errorf("tags %v, want those of %v", tags, names)
	}
}

func TestTwoBotsThatTakeTheSameNameAtOnceKeepBothSnapshots(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	var both, done sync.WaitGroup
	both.Add(2)
	for range 2 {
		taker := k.Bot(nothing, sync.OnceFunc(func() { both.Done(); both.Wait() })) // both have a name, and neither is written down
		done.Go(func() {
			if _, err := taker.Take(t.Context(), c, snapshot.TakeRequest{Name: "x", Numbered: true, Reason: snapshot.PreDeploy, By: k.By()}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	k.checkTags(c, "x", "x-2")
}

func TestNameThatIsJustBeingTakenIsRefusedAndItsTagStays(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	other, take := k.Bot(nothing, nothing), snapshot.TakeRequest{Name: "release-7", By: k.By()}
	taker := k.Bot(func() {
		if _, err := other.Take(t.Context(), c, take); !errors.Is(err, snapshot.ErrNameTaken) {
			t.Errorf("got %v, want that the name is taken", err)
		}
	}, nothing)
	if _, err := taker.Take(t.Context(), c, take); err != nil {
		t.Error(err)
	}
	k.checkTags(c, "release-7")
}

// late is a lock that is of no use, as when the connection that holds it is lost.
type late struct{}

func (late) Alone(ctx context.Context, _ string, do func(context.Context) error) error {
	return do(ctx)
}

func TestTagGoesBackToItsOwnerWhenTheLockOnTheNameWasLost(t *testing.T) {
	k := setup(t)
	c := k.Written(k.Name("api"))
	other, take := k.Bot(nothing, nothing), snapshot.TakeRequest{Name: "x", Numbered: true, By: k.By()}
	once := sync.OnceFunc(func() {
		if _, err := other.Take(t.Context(), c, take); err != nil {
			t.Error(err)
		}
	})
	taker := capture.New(capture.Config{Engine: snapshottest.Eventful{Engine: k.Engine(), Before: once, Look: nothing}, Ref: docker.Ref, Store: k.DB, Lock: late{}, Audit: k.DB})
	if _, err := taker.Take(t.Context(), c, take); err != nil {
		t.Error(err)
	}
	k.checkTags(c, "x", "x-2")
}

func TestCommitsOfTwoBotsDoNotOverlap(t *testing.T) {
	k := setup(t)
	var running, most atomic.Int32
	var done sync.WaitGroup
	for n := range 4 {
		c := k.Written(k.Name(fmt.Sprintf("api%d", n)))
		taker := capture.New(capture.Config{
			Engine: counting{k.Engine(), &running, &most}, Ref: docker.Ref, Store: k.DB, Lock: k.DB, Audit: k.DB,
		})
		done.Go(func() {
			if _, err := taker.Take(t.Context(), c, snapshot.TakeRequest{Name: "x", By: k.By()}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if most.Load() != 1 {
		t.Errorf("%d commits ran at once, want one", most.Load())
	}
}

// counting is an engine that knows how many commits have run at once.
type counting struct {
	*docker.Engine
	running, most *atomic.Int32
}

func (e counting) Commit(ctx context.Context, id, ref string, pause bool) (string, int64, error) {
	now := e.running.Add(1)
	defer e.running.Add(-1)
	for {
		if was := e.most.Load(); now <= was || e.most.CompareAndSwap(was, now) {
			break
		}
	}
	return e.Engine.Commit(ctx, id, ref, pause)
}
