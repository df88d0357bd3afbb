package main

import (
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
)

// With no incident anywhere: from Home to the logs in two taps, to a shell in two more, and back, as one thing.
func TestPhoneReadsLogsAndOpensAShellFromTheConsole(t *testing.T) {
	n := newNight(t)
	n.reachable()
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "DB_POOL=20", "--volume", "/bin/busybox:/bin/sh:ro", "--volume", "/bin/busybox:/bin/sleep:ro", n.Image("v1"),
		"/bin/sh", "-c", "echo pool is small; i=0; while :; do i=$((i+1)); echo GET /basket/$i 200; sleep 0.3; done")...)
	n.start()
	p := newPhone(t)
	url, _ := n.signinLink(n.maria)
	p.open(url)
	p.tap("Register this device")
	p.sees("All quiet")
	p.opens(shop, "No deploy has been seen")
	p.pictures("container-tabs")
	p.tap("Logs")
	p.sees("pool is small", "GET /basket/3")
	p.pictures("seat-logs")
	n.wantTold(t, 0, incidents.KindTerminalOpened, "Maria opened")

	p.tap("Errors")
	p.sees("As of")
	p.pictures("seat-errors")
	p.tap("Shell")
	p.pictures("seat-shell-start")
	if _, err := n.store().Pool().Exec(t.Context(), `UPDATE console_sessions SET proved_at = now() - interval '16 minutes'`); err != nil {
		t.Fatal(err)
	}
	p.tap("Start shell")
	p.sees("asked for more than 15 minutes ago")
	if told := n.told(t, 0); strings.Contains(told, string(incidents.KindTerminalShell)) {
		t.Errorf("a shell was started without the passkey:\n%s", told)
	}
	p.pictures("seat-prove")
	p.tap("Show your passkey")
	p.sees("#")
	n.wantTold(t, 0, incidents.KindTerminalShell, "Maria starts a shell")
	p.pictures("seat-shell")

	p.tap("Snapshots")
	p.sees("No snapshot is kept yet")
	p.tap("Logs")
	p.sees("GET /basket")
	p.tap("‹")
	p.sees("No deploy has been seen")
	p.tap("‹ Home")
	p.sees("All quiet")
	p.tap("Sign out")
	p.sees("You are signed out")
	p.until("the session's end is on the timeline", func() bool { return strings.Contains(n.told(t, 0), "session is over, which ends its terminals") })
}

// told is the timeline of an incident, or of none, as text.
func (n *night) told(t *testing.T, incident int64) string {
	t.Helper()
	entries, err := n.store().Entries(t.Context(), incident, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		out.WriteString(string(e.Kind) + ": " + e.Summary + "\n")
	}
	return out.String()
}

func (n *night) wantTold(t *testing.T, incident int64, kind incidents.Kind, summary string) {
	t.Helper()
	if told := n.told(t, incident); !strings.Contains(told, string(kind)+": "+summary) {
		t.Errorf("the timeline has not %s: %s:\n%s", kind, summary, told)
	}
}
