package engines_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/engines"
	"github.com/snapback/snapback/snapshot/recovery"
)

// hung takes calls, and answers none before nobody waits any more.
type hung struct{ engines.Asked }

func (hung) Observations(ctx context.Context) ([]snapshot.Observation, error) { return nil, over(ctx) }
func (hung) Mislabelled(ctx context.Context) ([]string, error)                { return nil, over(ctx) }
func (hung) DiskUsed(ctx context.Context) (snapshot.DiskUse, error) {
	return snapshot.DiskUse{}, over(ctx)
}

func over(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// well answers at once.
type well struct{ engines.Asked }

func (well) Observations(context.Context) ([]snapshot.Observation, error) {
	return []snapshot.Observation{{Name: "api"}}, nil
}
func (well) Mislabelled(context.Context) ([]string, error) { return []string{"api"}, nil }
func (well) DiskUsed(context.Context) (snapshot.DiskUse, error) {
	return snapshot.DiskUse{Share: 0.5}, nil
}

func TestEngineThatHangsKeepsNobodyFromTheOthersAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := engines.Set{Engines: []engines.Engine{{Name: "web", Asked: hung{}}, {Name: "db", Asked: well{}}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		seen, err := s.Observations(ctx)
		if took := time.Since(began); err != nil || len(seen) != 1 || took > 10*time.Second {
			t.Errorf("the containers are %+v, %v, after %s", seen, err, took)
		}
		began = time.Now()
		faults, err := s.Mislabelled(ctx)
		if took := time.Since(began); err != nil || len(faults) != 1 || took > 1500*time.Millisecond {
			t.Errorf("the faults are %q, %v, after %s", faults, err, took)
		}
		began = time.Now()
		use, err := s.DiskUsed(ctx)
		if took := time.Since(began); err != nil || use.Share != 0.5 || took > 1500*time.Millisecond {
			t.Errorf("the disk is %+v, %v, after %s", use, err, took)
		}
	})
}

func TestTheOnlyEngineMayTakeItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := engines.Set{Engines: []engines.Engine{{Asked: hung{}}}}.Observations(ctx)
		if took := time.Since(began); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it was given %s, %v", took, err)
		}
	})
}

func TestRebuildTellsOfEnginesThatHangAlsoWhenItIsCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := engines.Set{Engines: []engines.Engine{
			{Name: "web", Asked: hung{}, Rebuilder: &recovery.Duplicator{}}, {Name: "db", Asked: hung{}, Rebuilder: &recovery.Duplicator{}}, {Name: "swarm", Asked: hung{}},
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		if all, err := s.Rebuild(ctx, snapshot.By{}); len(all.Left) != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut short, it tells of %+v, %v", all.Left, err)
		}
		if all, err := s.Rebuild(t.Context(), snapshot.By{}); len(all.Left) != 2 || !errors.Is(err, snapshot.ErrEngineAway) {
			t.Errorf("it tells of %+v, %v", all.Left, err)
		}
	})
}

// unnamed is an engine that can't say who it is.
type unnamed struct{ recovery.Engine }

var errUnnamed = errors.New("it has no name")

func (unnamed) ID(context.Context) (string, error) { return "", errUnnamed }

// TestASwarmBesideTheOnlyEngineIsNoSecondOne: it has no duplicates, so the engine has its time, and its error is told as it is.
func TestASwarmBesideTheOnlyEngineIsNoSecondOne(t *testing.T) {
	t.Parallel()
	s := engines.Set{Engines: []engines.Engine{
		{Name: "engine", Asked: hung{}, Rebuilder: &recovery.Duplicator{Config: recovery.Config{Engine: unnamed{}}}}, {Name: "swarm", Asked: hung{}},
	}}
	if all, err := s.Rebuild(t.Context(), snapshot.By{}); len(all.Left) != 0 || !errors.Is(err, errUnnamed) {
		t.Errorf("it tells of %+v, %v", all.Left, err)
	}
}
