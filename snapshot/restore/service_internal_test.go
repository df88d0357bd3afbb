package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// comingUp is a Swarm whose service has failures of when its spec ran before, and comes up at the third look.
type comingUp struct {
	ServiceEngine
	looks int
}

func (c *comingUp) Tasks(context.Context, json.RawMessage) (n snapshot.Tasks, id string, err error) {
	n = snapshot.Tasks{Want: 1, Failures: []string{"one", "two", "three"}}
	if c.looks++; c.looks > 2 {
		n.Running = 1
	}
	return n, "good", nil
}

// TestFailuresFromBeforeARestoreAreNotItsOwn: however often the tasks are counted.
func TestFailuresFromBeforeARestoreAreNotItsOwn(t *testing.T) {
	t.Parallel()
	r := New(Config{Engine: &comingUp{}, Window: time.Millisecond})
	of := &task{Restorer: r, lease: &lease{until: time.Now().Add(time.Hour)}, restore: Restore{State: Started}}
	svc := &service{task: of, Engine: r.Engine.(ServiceEngine)}
	if n, err := svc.await(t.Context(), nil, "good"); err != nil || n.Running != 1 {
		t.Errorf("%s: %v", n, err)
	}
}

// forgetful is a Swarm that remembers one task of a slot only, and whose service never comes up.
type forgetful struct {
	ServiceEngine
	looks int
	at    func(look int) (failed, meant string)
}

func (f *forgetful) Tasks(context.Context, json.RawMessage) (snapshot.Tasks, string, error) {
	f.looks++
	n := snapshot.Tasks{Want: 1}
	if failed, meant := f.at(f.looks); meant != "" {
		n.Meant = []string{meant}
	} else {
		n.Failures, n.Ended = []string{failed}, []string{failed}
	}
	return n, "good", nil
}

// TestFailuresThatTheSwarmForgetsAreCounted: with --task-history-limit 1, there is one failed task to be seen, or none.
func TestFailuresThatTheSwarmForgetsAreCounted(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(int) (string, string){
		"one":  func(look int) (string, string) { return fmt.Sprint("task ", look/2), "" },
		"none": func(look int) (string, string) { return "", fmt.Sprint("task ", look/2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := &forgetful{at: at}
			r := New(Config{Engine: of})
			svc := &service{task: &task{Restorer: r, lease: &lease{until: time.Now().Add(time.Hour)}, restore: Restore{State: Started}}, Engine: of}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if n, err := svc.await(ctx, nil, "good"); err == nil || !strings.Contains(err.Error(), "3 of its tasks have failed") {
				t.Errorf("%s: %v", n, err)
			}
		})
	}
}

// TestTasksThatAreForcedToStartAnewHaveNotFailed: those that ran are of another spec then, as far as the Swarm is concerned.
func TestTasksThatAreForcedToStartAnewHaveNotFailed(t *testing.T) {
	t.Parallel()
	failed := failures{before: map[string]bool{}}
	failed.since(snapshot.Tasks{Meant: []string{"a", "b", "c"}}, true)
	if list := failed.since(snapshot.Tasks{Meant: []string{"d"}, Others: []string{"a", "b"}}, false); len(list) != 1 || list[0] != "c" {
		t.Errorf("these have: %q, and only c is remembered no more", list)
	}
}

// waiting is a Swarm whose update never ends by itself. It remembers no task that was replaced.
type waiting struct {
	ServiceEngine
	begun int // how often it was begun anew
	looks int // since
}

func (w *waiting) Tasks(context.Context, json.RawMessage) (snapshot.Tasks, string, error) {
	if w.looks++; w.begun == 0 {
		return snapshot.Tasks{Want: 3, Running: 1, Old: 2, Meant: []string{"one", "two", "three"}, Update: "updating", Stuck: true}, "good", nil
	}
	done := min(w.looks/1000, 3) // a task takes longer than nothing may happen
	return snapshot.Tasks{Want: 3, Running: done, Old: 3 - done, Meant: []string{"four", "five", "six"}[:done], Update: "updating", Stuck: done == 3}, "good", nil
}

func (w *waiting) Again(context.Context, json.RawMessage) error {
	w.begun, w.looks = w.begun+1, 0
	return nil
}

// TestAnUpdateThatNeverEndsIsBegunAnew: a Swarm's update waits for ever for a task that was to start on a node that has gone.
func TestAnUpdateThatNeverEndsIsBegunAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of := &waiting{}
		r := New(Config{Engine: of, Window: time.Millisecond})
		svc := &service{task: &task{Restorer: r, lease: &lease{until: time.Now().Add(24 * time.Hour)}, restore: Restore{State: Started}}, Engine: of}
		if n, err := svc.await(t.Context(), nil, "good"); err != nil || n.Running != 3 || of.begun != 1 {
			t.Errorf("%s after it was begun anew %d times: %v", n, of.begun, err)
		}
	})
}

// hopelessly is a Swarm whose update never ends, also when it is begun anew, and whose manager answers that with err.
type hopelessly struct {
	ServiceEngine
	err   error
	asked int
}

func (*hopelessly) Tasks(context.Context, json.RawMessage) (snapshot.Tasks, string, error) {
	return snapshot.Tasks{Want: 3, Running: 1, Old: 2, Update: "updating", Stuck: true}, "good", nil
}

func (h *hopelessly) Again(context.Context, json.RawMessage) error {
	h.asked++
	return h.err
}

// TestAnUpdateIsNotBegunAnewForEver: nor is one that the manager keeps writing to.
func TestAnUpdateIsNotBegunAnewForEver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		limit time.Duration
		most  int
	}{"begun": {nil, taskLimit + anewLimit*(stuckLimit+time.Second), anewLimit}, "written to": {snapshot.ErrMoved, taskLimit, 2000}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				of := &hopelessly{err: c.err}
				r := New(Config{Engine: of, Window: time.Millisecond})
				svc := &service{task: &task{Restorer: r, lease: &lease{until: time.Now().Add(24 * time.Hour)}, restore: Restore{State: Started}}, Engine: of}
				ctx, cancel := context.WithTimeout(t.Context(), c.limit+time.Minute)
				defer cancel()
				_, err := svc.await(ctx, nil, "good")
				if err == nil || !strings.Contains(err.Error(), "it got no further in") || of.asked == 0 || of.asked > c.most {
					t.Errorf("after it was to be begun anew %d times: %v", of.asked, err)
				}
			})
		})
	}
}

// unprepared is a Swarm with a task that does not start.
type unprepared struct {
	ServiceEngine
	stays bool
}

func (u *unprepared) Tasks(context.Context, json.RawMessage) (snapshot.Tasks, string, error) {
	n := snapshot.Tasks{Want: 2, Old: 1, Meant: []string{"one"}, Update: "updating", Patience: 15 * time.Second, Held: "network is unreachable", Stays: u.stays}
	return n, "good", nil
}

// TestATaskThatWillNotStartIsNotWaitedForAsLongAsAPull does, and either is told why it was given up.
func TestATaskThatWillNotStartIsNotWaitedForAsLongAsAPull(t *testing.T) {
	t.Parallel()
	for stays, limit := range map[bool]time.Duration{true: 45 * time.Second, false: taskLimit + 15*time.Second} {
		synctest.Test(t, func(t *testing.T) {
			of := &unprepared{stays: stays}
			r := New(Config{Engine: of})
			svc := &service{task: &task{Restorer: r, lease: &lease{until: time.Now().Add(24 * time.Hour)}, restore: Restore{State: Started}}, Engine: of}
			begun := time.Now()
			_, err := svc.await(t.Context(), nil, "good")
			want := fmt.Sprintf("0 of 2 tasks run, 1 from before, and it got no further in %s: network is unreachable", limit)
			if took := time.Since(begun); err == nil || err.Error() != want || took < limit || took > limit+time.Second {
				t.Errorf("after %s: %v", took, err)
			}
		})
	}
}

// TestNothingSaidOfAServiceSpeaksOfContainers: it has no replacement beside what runs, and none from before.
func TestNothingSaidOfAServiceSpeaksOfContainers(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Restoring, Undoing} {
		r := Restore{Kind: kind, Container: "shop", Snapshot: "pre-deploy-2255", Error: "no node has its image", Plan: Plan{Service: true, Undoes: "pre-deploy-2255", Brings: "shop:2"}}
		for _, state := range States() {
			for _, word := range []string{"container", "eplacement", "stopping"} {
				if said := r.Sentence(state); strings.Contains(said, word) {
					t.Errorf("%s of a %s: %s", state, kind, said)
				}
			}
		}
		if said := r.preparing(); strings.Contains(said, "replacement") {
			t.Errorf("preparing a %s: %s", kind, said)
		}
	}
	unsure := Restore{Container: "shop", Plan: Plan{Service: true, Doubt: "whether every node can have its image"}}
	if said := unsure.Sentence(Prepared); said != "Checked, but not whether every node can have its image; keeping the spec that shop has now" {
		t.Errorf("of what could not be checked it says: %s", said)
	}
	offer := Offer{}
	if said := strings.Join(offer.Consequences(snapshot.Container{Tasks: &snapshot.Tasks{}}), " "); strings.Contains(said, "down") || !strings.Contains(said, "tasks are replaced") {
		t.Errorf("before it, people are told: %s", said)
	}
}

// standing is a Swarm whose service has the spec of every snapshot already, and a journal that knows nothing.
type standing struct {
	ServiceEngine
	Journal
	state string
}

func (s *standing) Inspect(context.Context, string) (snapshot.Inspection, error) {
	return snapshot.Inspection{Container: snapshot.Container{ID: "good", State: s.state}, Document: json.RawMessage("{}")}, nil
}

func (*standing) Changes(json.RawMessage, json.RawMessage) ([]snapshot.Change, error) {
	return nil, nil
}

func (*standing) MadeBy(context.Context, string, string) (Restore, error) {
	return Restore{}, snapshot.ErrUnknownRestore
}

func (*standing) Answered(context.Context, string, string) (bool, error) { return false, nil }

// TestAServiceIsNotMadeAnew: a Swarm that is told of the spec that it has does nothing, so nobody is told that it was done.
func TestAServiceIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state   string
		force   bool
		refused bool
	}{{"running", true, true}, {"running", false, false}, {"exited", false, true}} {
		r := New(Config{Engine: &standing{state: c.state}, Journal: &standing{}})
		var refused *RefusedError
		err := r.alreadyThere(t.Context(), Ask{Container: snapshot.Container{Name: "shop", ID: "good"}, Force: c.force}, snapshot.Snapshot{Document: json.RawMessage("{}")}, &Restore{})
		if errors.As(err, &refused) != c.refused || !c.refused && !errors.Is(err, snapshot.ErrAlreadyThere) {
			t.Errorf("%+v: %v", c, err)
		}
		var there *AlreadyThereError
		if errors.As(err, &there) && !strings.Contains(there.Anew(), "docker service update --force shop") {
			t.Errorf("%+v: it is refused with %q", c, there.Anew())
		}
		if refused != nil && !strings.Contains(refused.Reasons[0], "docker service update --force shop") {
			t.Errorf("it is refused with %s", refused.Reasons)
		}
	}
}
