package restore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot/restore"
)

// restartLoop does what a unit of systemd does with "docker run" in it: rm -f, run --rm, and again whenever that ends.
func (k *kit) restartLoop(name string, pause time.Duration, args ...string) {
	k.T.Helper()
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_, _ = k.Try("rm", "-f", name)
			_, _ = k.Try(append([]string{"run", "--rm", "--name", name, "--label", "snapback.enable=true", "--label", k.Only()}, args...)...)
			time.Sleep(pause)
		}
	}()
	k.T.Cleanup(func() {
		stop()
		for done := false; !done; {
			_, _ = k.Try("rm", "-f", name)
			select {
			case <-over:
				done = true
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
}

// TestRestoreSaysThatSomethingStartsItAgain: against a unit of systemd no tap can win, and what is said names nothing that is not there.
func TestRestoreSaysThatSomethingStartsItAgain(t *testing.T) {
	for what, pause := range map[string]time.Duration{"at once": 0, "after systemd's 100 ms": 100 * time.Millisecond} {
		t.Run(what, func(t *testing.T) {
			k := setup(t)
			api := k.Name("api")
			k.Run(api, k.Server("shop:1"))
			snap := k.Take(api)
			k.Docker("rm", "-f", api)
			k.restartLoop(api, pause, k.Server("shop:2"))
			k.Until("it runs", func() bool { out, _ := k.Try("inspect", "-f", "{{.State.Running}}", api); return out == "true" })
			r := k.Restore(k.Container(api), snap.Name)
			if r.State != restore.Failed || !strings.HasPrefix(r.Error, "something starts it again (systemd, a script): stop that first") ||
				!strings.Contains(r.Error, "systemctl list-units | grep "+api+";") {
				t.Errorf("%s: %s", r.State, r.Error)
			}
			k.Until("what the loop starts runs, beside what is named", func() bool {
				return cmp.Equal(k.Names(api), map[string]string{api: "running", r.Plan.KeptName: "created"})
			})
			if !strings.Contains(r.Error, "("+r.Plan.KeptName+")") {
				t.Errorf("the container from before is not named: %s", r.Error)
			}
		})
	}
}
