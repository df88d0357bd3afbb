package enginetest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/ownengine"
)

// journal has a journal of systemd in the namespaces, for which nothing else of systemd has to run. It is in memory, and all of it goes with them.
const journal = `
enter() {
	mount -t tmpfs tmpfs /run
	mkdir -p /run/log /run/systemd/journal /run/systemd/journald.conf.d
	printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' >/run/systemd/journald.conf.d/test.conf
	PROGRAM >"$1/journal.log" 2>&1 &
	for i in $(seq 600); do [ -S /run/systemd/journal/socket ] && break; sleep 0.1; done
	[ -S /run/systemd/journal/socket ]
}
`

// StartDaemonWithJournal is StartDaemon of an engine that can log to a journal of systemd, which is its own. It skips the test where the
// machine has no program for that.
func StartDaemonWithJournal(t testing.TB) *Daemon {
	t.Helper()
	programs := []string{"/lib/systemd/systemd-journald", "/usr/lib/systemd/systemd-journald"}
	there := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	}
	i := slices.IndexFunc(programs, there)
	if i < 0 || !there("/etc/machine-id") {
		t.Skip("the log driver journald needs systemd's journald, and /etc/machine-id, which are not here")
	}
	return startDaemon(t, ownengine.Config{Enter: strings.ReplaceAll(journal, "PROGRAM", programs[i])})
}
