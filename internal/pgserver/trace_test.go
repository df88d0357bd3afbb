package pgserver_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

// withoutPtrace is done on a thread that may not look at other accounts' processes, as root in a container. The thread ends with it.
func withoutPtrace(t *testing.T, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		head, data := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
		err := unix.Capget(&head, &data[0])
		if err == nil {
			data[0].Effective &^= 1 << unix.CAP_SYS_PTRACE
			err = unix.Capset(&head, &data[0])
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	testkit.OK(t, <-done)
}

func TestAServerThatMayNotBeLookedAtIsJoinedAndNotRobbed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the server is this account's own")
	}
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")}
	first := start(t, cfg)
	var second *pgserver.Server
	var err error
	withoutPtrace(t, func() { second, err = pgserver.Start(deadline(t), cfg) })
	if err != nil {
		t.Fatalf("beside a server that runs: %v", err)
	}
	if second.PID() != first.PID() {
		t.Errorf("processes %d and %d, want one", first.PID(), second.PID())
	}
	testkit.OK(t, second.Stop(context.Background()))
	if _, err := os.Stat(filepath.Join(cfg.Dir, "data", "postmaster.pid")); err != nil {
		t.Error(err)
	}
	query(t, first.URL(), "SELECT 1")
}
