package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

var errBusy = errors.New("driver failed to remove root filesystem: device or resource busy")

// shelf is an engine with a few containers, by ID, that does as it is told, but what refuses says. Before and after each act, cut may say that it
// does not answer any more.
type shelf struct {
	ContainerEngine
	all     map[string]*snapshot.Inspection
	refuses func(ctx context.Context, act, id string) error
	cut     func(act string) error
}

func (s *shelf) do(ctx context.Context, act, id string, change func(c *snapshot.Inspection) error) error {
	if err := s.cut(act); err != nil {
		return err
	}
	if s.all[id] == nil {
		return snapshot.ErrGone
	}
	if err := s.refuses(ctx, act, id); err != nil {
		return err
	}
	return errors.Join(change(s.all[id]), s.cut(act))
}

func (s *shelf) Inspect(ctx context.Context, ref string) (snapshot.Inspection, error) {
	if err := s.refuses(ctx, "inspect", ref); err != nil {
		return snapshot.Inspection{}, err
	}
	for id, c := range s.all {
		if id == ref || c.Name == ref {
			return *c, nil
		}
	}
	return snapshot.Inspection{}, snapshot.ErrUnknownContainer
}

func (*shelf) Ping(context.Context) error                        { return nil }
func (*shelf) Tail(context.Context, string, int) (string, error) { return "", nil }
func (*shelf) Untag(context.Context, string) error               { return nil }
func (s *shelf) Remove(ctx context.Context, id string) error {
	return ignoreGone(s.do(ctx, "remove", id, func(*snapshot.Inspection) error { delete(s.all, id); return nil }))
}

func (s *shelf) Stop(ctx context.Context, id string, _ time.Duration) error {
	return s.do(ctx, "stop", id, func(c *snapshot.Inspection) error {
		if snapshot.Alive(c.State) {
			c.State = "exited"
		}
		return nil
	})
}

func (s *shelf) Start(ctx context.Context, id string) error {
	return s.do(ctx, "start", id, func(c *snapshot.Inspection) error {
		for other, o := range s.all {
			if other != id && snapshot.Alive(o.State) {
				return fmt.Errorf("%s has the port", o.Name)
			}
		}
		c.State, c.Up, c.StartedAt = "running", time.Minute, time.Now()
		return nil
	})
}

func (s *shelf) SetRestartPolicy(ctx context.Context, id string, p snapshot.RestartPolicy) error {
	return s.do(ctx, "update", id, func(c *snapshot.Inspection) error { c.RestartPolicy = p; return nil })
}

func (s *shelf) Rename(ctx context.Context, id, name string) error {
	return s.do(ctx, "rename", id, func(c *snapshot.Inspection) error {
		for other, o := range s.all {
			if other != id && o.Name == name {
				return snapshot.ErrInUse
			}
		}
		c.Name = name
		return nil
	})
}

// swapped are an old container that was set aside, and a replacement in its place that runs.
func swapped(refuses func(ctx context.Context, act, id string) error) *shelf {
	always := snapshot.RestartPolicy{Name: "always"}
	old := snapshot.Inspection{Container: snapshot.Container{ID: "old", Name: "api.before-0347", State: "exited"}, Enabled: true}
	replacement := snapshot.Inspection{Container: snapshot.Container{ID: "new", Name: "api", State: "running"}, Enabled: true, RestartPolicy: always}
	return &shelf{all: map[string]*snapshot.Inspection{"old": &old, "new": &replacement}, refuses: refuses, cut: func(string) error { return nil }}
}

// reverting is a run that finds the restore of swapped in the journal, reverting.
func reverting(s *shelf) *container {
	r := Restore{ID: 12, Container: "api", State: Reverting, Error: "it did not stay up", Phases: []Phase{{State: Prepared}, {State: Swapping}, {State: Started}}, Plan: Plan{
		OldID: "old", NewID: "new", TempName: "api.snapback-12", KeptName: "api.before-0347", OldPolicy: snapshot.RestartPolicy{Name: "always"}, OldRunning: true,
	}}
	t := &task{Restorer: New(Config{Engine: s}), lease: &lease{until: time.Now().Add(24 * time.Hour)}, restore: r, began: Reverting}
	return &container{task: t, Engine: s}
}

// back says what is not as before the restore, apart from the replacement, which is to have that name: "": it is gone.
func (s *shelf) back(t *testing.T, left string) {
	t.Helper()
	if old := s.all["old"]; old.Name != "api" || old.State != "running" || old.RestartPolicy.Name != "always" {
		t.Errorf("the old container is %s, %s, %s", old.Name, old.State, old.RestartPolicy.Name)
	}
	c := s.all["new"]
	if left == "" && c == nil {
		return
	}
	if c == nil || c.Name != left || snapshot.Alive(c.State) || c.State != "dead" && c.RestartPolicy.Name != "no" {
		t.Errorf("the replacement is to be %q, and is %+v", left, c)
	}
}

// unremovable has the engine refuse to remove the replacement.
func unremovable(_ context.Context, act, id string) error {
	if act == "remove" && id == "new" {
		return errBusy
	}
	return nil
}

// TestAReplacementThatCannotBeRemovedKeepsNothingDown: it is set aside, named, and removed later.
func TestAReplacementThatCannotBeRemovedKeepsNothingDown(t *testing.T) {
	t.Parallel()
	hangs := func(ctx context.Context, act, id string) error {
		if unremovable(ctx, act, id) == nil {
			return nil
		}
		<-ctx.Done()
		return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, ctx.Err()) // as the adapter puts it
	}
	for name, c := range map[string]struct {
		refuses func(ctx context.Context, act, id string) error
		others  []string // that have names already
		state   string   // what the removal leaves the replacement as
		left    string
	}{
		"refused":                   {unremovable, nil, "", "api.snapback-12"},
		"hangs":                     {hangs, nil, "", "api.snapback-12"},
		"leaves it dead":            {unremovable, nil, "dead", "api.snapback-12"},
		"its name is taken":         {unremovable, []string{"api.snapback-12"}, "", "api.snapback-12-2"},
		"and so is the next":        {unremovable, []string{"api.snapback-12", "api.snapback-12-2"}, "", "api.snapback-12-3"},
		"refused once":              {onceRefused("remove", errBusy), nil, "", ""},
		"the policy is refused too": {also(unremovable, "update"), nil, "", "api.snapback-12"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := swapped(nil)
				s.refuses = func(ctx context.Context, act, id string) error {
					err := c.refuses(ctx, act, id)
					if new := s.all["new"]; err != nil && act == "remove" && c.state != "" {
						new.State = c.state
					} else if act != "inspect" && act != "remove" && act != "rename" && id == "new" && new.State == "dead" {
						return fmt.Errorf("%w: container is marked for removal and cannot be updated", errBusy)
					}
					return err
				}
				for i, other := range c.others {
					s.all[fmt.Sprint("other", i)] = &snapshot.Inspection{Container: snapshot.Container{ID: fmt.Sprint("other", i), Name: other, State: "exited"}}
				}
				ctr, began := reverting(s), time.Now()
				state, err := ctr.Revert(t.Context())
				if state != Reverted || err != nil || time.Since(began) > time.Minute {
					t.Fatalf("%s after %s: %v, %s", state, time.Since(began), err, ctr.restore.Error)
				}
				if name == "the policy is refused too" {
					s.all["new"].RestartPolicy.Name = "no"
				}
				s.back(t, c.left)
				said := "; " + c.left + " is left over, stopped, and its removal is tried again by itself"
				if told := strings.Contains(strings.ReplaceAll(ctr.restore.Error, ". ", "; "), said); told != (c.left != "") {
					t.Errorf("it says %s", ctr.restore.Error)
				}
				s.refuses = func(context.Context, string, string) error { return nil }
				l := &Leftovers{Engine: s, Logger: ctr.Logger}
				ctr.restore.State = Reverted
				if err := l.removeStray(t.Context(), ctr.restore); err != nil && len(c.others) == 0 || s.all["new"] != nil {
					t.Errorf("it is not removed later: %v", err)
				}
			})
		})
	}
}

// also has an act on the replacement refused beside.
func also(refuses func(ctx context.Context, act, id string) error, what string) func(ctx context.Context, act, id string) error {
	return func(ctx context.Context, act, id string) error {
		if act == what && id == "new" {
			return errBusy
		}
		return refuses(ctx, act, id)
	}
}

// onceRefused has an engine refuse an act the first time.
func onceRefused(what string, why error) func(ctx context.Context, act, id string) error {
	done := false
	return func(_ context.Context, act, _ string) error {
		if act != what || done {
			return nil
		}
		done = true
		return why
	}
}

// TestARevertThatSetsTheReplacementAsideCanBeCutAnywhere: before and after each act, also twice.
func TestARevertThatSetsTheReplacementAsideCanBeCutAnywhere(t *testing.T) {
	t.Parallel()
	for gap := range 3 { // how many acts the second run gets further
		for at := 1; ; at++ {
			cuts, acts := []int{at, at + 1 + gap}, 0
			synctest.Test(t, func(t *testing.T) {
				s := swapped(unremovable)
				s.cut = func(string) error {
					if acts++; len(cuts) > 0 && acts == cuts[0] {
						cuts = cuts[1:]
						return snapshot.ErrEngineAway
					}
					return nil
				}
				for range 4 {
					state, err := reverting(s).Revert(t.Context())
					if err == nil {
						if state != Reverted {
							t.Errorf("cut at %d: %s", at, state)
						}
						break
					}
				}
				s.back(t, "api.snapback-12")
			})
			if len(cuts) == 2 {
				break // beyond the last act
			}
		}
	}
}

// TestAReplacementThatCannotBeStoppedIsAPersonsMatter: it has the port.
func TestAReplacementThatCannotBeStoppedIsAPersonsMatter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctr := reverting(swapped(also(unremovable, "stop")))
		state, err := ctr.Revert(t.Context())
		if state != Failed || err != nil || !strings.Contains(ctr.restore.Error, "docker rename old api") {
			t.Errorf("%s: %v, %s", state, err, ctr.restore.Error)
		}
	})
}

// TestACopyThatCannotBeRemovedIsNoReasonToFail: the container that it was made of still runs.
func TestACopyThatCannotBeRemovedIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	for name, finished := range map[string]bool{"unfinished": false, "not needed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := swapped(func(_ context.Context, act, id string) error {
					if act == "remove" && id == "copy" {
						return errBusy
					}
					return nil
				})
				s.all["old"].Name, s.all["old"].State = "api", "running"
				s.all["old"].Up = time.Minute
				s.all["new"].Name, s.all["new"].State = "api.snapback-12", "created"
				s.all["copy"] = &snapshot.Inspection{Container: snapshot.Container{ID: "copy", Name: "api.before-0347", State: "created"}, Enabled: true}
				ctr := reverting(s)
				p := &ctr.restore.Plan
				p.AutoRemove, p.StandInRef = true, "snapback/stand-in:old-12"
				if ctr.restore.Phases = ctr.restore.Phases[:1]; finished {
					p.StandInID = "copy"
				}
				state, err := ctr.Revert(t.Context())
				if state != Reverted || err != nil || s.all["new"] != nil || !strings.Contains(ctr.restore.Error, "api.before-0347 is left over, stopped") {
					t.Errorf("%s: %v, %s", state, err, ctr.restore.Error)
				}
			})
		})
	}
}

// TestAnAutoRemoveContainerThatCannotBeRemovedGivesItsNameUp: the engine leaves it dead, and its copy runs.
func TestAnAutoRemoveContainerThatCannotBeRemovedGivesItsNameUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := swapped(func(_ context.Context, act, id string) error {
			if id == "old" && act != "inspect" && act != "rename" && act != "stop" {
				return errBusy
			}
			return nil
		})
		s.all["old"].Name, s.all["old"].State = "api", "dead"
		s.all["new"].Name, s.all["new"].State = "api.snapback-12", "created"
		s.all["copy"] = &snapshot.Inspection{Container: snapshot.Container{ID: "copy", Name: "api.before-0347", State: "created"}, Enabled: true}
		ctr, began := reverting(s), time.Now()
		ctr.restore.Plan.AutoRemove, ctr.restore.Plan.StandInID = true, "copy"
		state, err := ctr.Revert(t.Context())
		if copied := s.all["copy"]; state != Reverted || err != nil || copied.Name != "api" || copied.State != "running" || time.Since(began) > time.Minute {
			t.Errorf("%s: %v, %s; the copy is %s, %s", state, err, ctr.restore.Error, copied.Name, copied.State)
		}
		if old := s.all["old"]; old.Name != "api.snapback-12-2" {
			t.Errorf("the old one is %s", old.Name)
		}
	})
}

// lastly is a journal in which nothing came after a restore.
type lastly struct {
	Journal
	last Restore
}

func (j lastly) Last(context.Context, string) (Restore, bool, error) { return j.last, false, nil }

// TestAStrayThatCannotBeRemovedKeepsNothingDown: a late act has stopped what ran, and another has made a replacement anew.
func TestAStrayThatCannotBeRemovedKeepsNothingDown(t *testing.T) {
	t.Parallel()
	s := swapped(unremovable)
	s.all["new"].Name, s.all["new"].State, s.all["new"].RestartPolicy.Name = "api.snapback-12", "exited", "no"
	over := reverting(s).restore
	over.State, over.Phases = Reverted, append(over.Phases, Phase{State: Reverting})
	rec := &reconciliation{Restorer: New(Config{Engine: s, Journal: lastly{last: over}}), Engine: s, over: over}
	if err := rec.run(t.Context()); !errors.Is(err, errBusy) {
		t.Errorf("it does not say that the stray is left: %v", err)
	}
	s.back(t, "api.snapback-12")
}
