package docker_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

func TestDuplicateIsReadAsItWasKept(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	engine, err := docker.New(t.Context(), docker.Config{Only: s.Only()})
	if err != nil {
		t.Fatal(err)
	}
	d := snapshot.Duplicate{
		Name: "snapback-snapshot." + s.Name("api") + ".pre-deploy-2255.0123456789abcdef", Key: "E1/name/api", Container: s.Name("api"),
		Snapshot: "pre-deploy-2255", CreatedAt: time.Date(2026, 3, 1, 22, 55, 0, 123456000, time.UTC), Sealed: []byte("\x00sealed\xff"),
	}
	for range 2 { // keeping it twice is keeping it once
		if err := engine.AddDuplicate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	mine := func() []snapshot.Duplicate {
		all, err := s.Engine().Duplicates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(all, func(other snapshot.Duplicate) bool { return other.Name != d.Name })
	}
	if diff := cmp.Diff([]snapshot.Duplicate{d}, mine()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := s.Docker("volume", "ls", "-q", "--filter", "label="+s.Only()); got != d.Name {
		t.Errorf("of this bot's alone: %q", got)
	}
	for range 2 {
		if err := engine.RemoveDuplicate(t.Context(), d.Name); err != nil {
			t.Fatal(err)
		}
	}
	if left := mine(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// TestABotFindsItsOwnDuplicatesByALabelWithoutAValue: SNAPBACK_ONLY=payments is a label as good as team=payments.
func TestABotFindsItsOwnDuplicatesByALabelWithoutAValue(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	engine, err := docker.New(t.Context(), docker.Config{Only: s.Name("payments")})
	testkit.OK(t, err)
	d := snapshot.Duplicate{
		Name: "snapback-snapshot." + s.Name("api") + ".golden.0123456789abcdef", Key: "E1/name/api", Container: s.Name("api"), Snapshot: "golden",
		CreatedAt: time.Date(2026, 3, 1, 22, 55, 0, 0, time.UTC), Sealed: []byte("sealed"),
	}
	testkit.OK(t, engine.AddDuplicate(t.Context(), d))
	own, err := engine.OwnDuplicates(t.Context())
	testkit.OK(t, errors.Join(err, engine.RemoveDuplicate(t.Context(), d.Name)))
	if diff := cmp.Diff([]snapshot.Duplicate{d}, own); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOnlyDuplicatesAreDropped(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	named, alike := s.Name("data"), "snapback-snapshot."+s.Name("data")
	s.Docker("volume", "create", named)
	s.Docker("volume", "create", alike)
	if err := s.Engine().RemoveDuplicate(t.Context(), named); err == nil {
		t.Error("a volume of another name is taken for a duplicate")
	}
	if err := s.Engine().RemoveDuplicate(t.Context(), alike); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"snapback-snapshot./../x", "snapback-snapshot.a?force=1", ""} {
		if err := s.Engine().AddDuplicate(t.Context(), snapshot.Duplicate{Name: bad}); err == nil {
			t.Errorf("%q was kept", bad)
		}
	}
	s.Docker("volume", "inspect", named, alike)

	used := "snapback-snapshot." + s.Name("used")
	s.Docker("volume", "create", "--label", "snapback.duplicate=AAAA", used)
	s.Run(s.Name("api"), "--volume", used+":/data", s.Image("shop", `CMD ["/app", "serve", "-addr="]`))
	if err := s.Engine().RemoveDuplicate(t.Context(), used); !errors.Is(err, snapshot.ErrInUse) {
		t.Errorf("one that a container has mounted: %v", err)
	}
}
