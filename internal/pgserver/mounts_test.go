package pgserver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

// A unit of systemd has mounts of its own: who looks at its server from outside may see the folder in which that is by another name.
func TestAServerBehindOtherMountsIsJoinedAndNotRobbed(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	dir, root := filepath.Join(t.TempDir(), "pg"), t.TempDir()
	script := filepath.Join(t.TempDir(), "program")
	text := fmt.Sprintf("#!/bin/sh -e\nmount --rbind / %[1]s\nexec chroot %[1]s %[2]s\n", root, self(t))
	testkit.OK(t, os.WriteFile(script, []byte(text), 0o755))
	first := newVictim(t, script, dir, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS})
	pid, _ := first.started(t)
	second, err := pgserver.Start(deadline(t), pgserver.Config{Dir: dir})
	if err != nil {
		testkit.OK(t, syscall.Kill(pid, syscall.SIGQUIT))
		t.Fatalf("beside a server that runs: %v", err)
	}
	if second.PID() != pid {
		t.Errorf("processes %d and %d, want one", pid, second.PID())
	}
	query(t, second.URL(), "SELECT 1")
	first.kill(t)
	testkit.OK(t, second.Stop(deadline(t)))
}
