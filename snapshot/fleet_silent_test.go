package snapshot_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// The first alert waits for the engine that hangs, the next ones leave their time to those that answer.
func TestAlertsDoNotWaitAgainAndAgainForAnEngineThatIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := several(hung{})
		f.Engines[1].Silent = &snapshot.Silence{}
		took := func() time.Duration {
			began := time.Now()
			if list, err := f.List(t.Context()); err != nil || len(list) != 3 {
				t.Errorf("got %+v, %v", list, err)
			}
			return time.Since(began)
		}
		if first, second := took(), took(); first != 1500*time.Millisecond || second != 200*time.Millisecond {
			t.Errorf("the first took %s, the second %s", first, second)
		}
		if time.Sleep(31 * time.Second); took() != 1500*time.Millisecond {
			t.Error("it is not waited for any more")
		}
	})
}

func TestTheOnlyEngineIsAlwaysWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := snapshot.Fleet{Engines: []snapshot.Reached{{Silent: &snapshot.Silence{}, Containers: hung{}}}, LastSeen: remembered{}}
		for range 2 {
			began := time.Now()
			if _, err := f.List(t.Context()); err != nil || time.Since(began) != 1500*time.Millisecond {
				t.Errorf("it took %s, %v", time.Since(began), err)
			}
		}
	})
}
