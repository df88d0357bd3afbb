package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/setup"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/restore"
)

// terminalSaying is a terminal at which somebody has typed a line.
func terminalSaying(t *testing.T, line string) *os.File {
	t.Helper()
	host, guest := terminalFor(t)
	_, err := host.WriteString(line + "\n")
	testkit.OK(t, err)
	return guest
}

// terminalFor is a terminal, and what a program that runs there has.
func terminalFor(t *testing.T) (host, guest *os.File) {
	t.Helper()
	host, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = host.Close() })
	testkit.OK(t, unix.IoctlSetPointerInt(int(host.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(host.Fd()), unix.TIOCGPTN)
	testkit.OK(t, err)
	guest, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = guest.Close() })
	return host, guest
}

// whenAsked is called with what a prompter prints.
type whenAsked func(text string)

func (w whenAsked) Write(p []byte) (int, error) { w(string(p)); return len(p), nil }

// TestASecretIsAskedForWhenItsTerminalNoLongerShowsIt: who pastes it at once has it on no screen.
func TestASecretIsAskedForWhenItsTerminalNoLongerShowsIt(t *testing.T) {
	t.Parallel()
	host, guest := terminalFor(t)
	shown := func() bool {
		state, err := unix.IoctlGetTermios(int(guest.Fd()), unix.TCGETS)
		testkit.OK(t, err)
		return state.Lflag&unix.ECHO != 0
	}
	asked := 0
	p := newPrompter(env{stdin: guest, stdout: whenAsked(func(text string) {
		if text != "> " {
			return
		}
		asked++
		if secret := asked == 1; shown() == secret {
			t.Errorf("question %d: what is typed is shown: %t", asked, !secret)
		}
		_, err := host.WriteString("typed\n")
		testkit.OK(t, err)
	})})
	for _, q := range []setup.Question{{Secret: true}, {}} {
		if got, err := p.ask(t.Context(), q); strings.TrimSpace(got) != "typed" || err != nil {
			t.Errorf("%+v: %q, %v", q, got, err)
		}
	}
}

// TestWhatCannotBeTakenBackIsAskedFor: on a terminal, unless --yes says it.
func TestWhatCannotBeTakenBackIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"token revoke 1", "person revoke U0MARIA", "pagerduty rotate", "snapshot delete api good", "snapshot restore api good", "undo 12", "hold release api"} {
		for _, yes := range []bool{false, true} {
			call := strings.Fields(args)
			if yes {
				call = append(call, "--yes")
			}
			vars := map[string]string{"SNAPBACK_URL": "http://127.0.0.1:1", "SNAPBACK_TOKEN": "t", "SNAPBACK_DATA_DIR": t.TempDir()}
			var out bytes.Buffer
			err := execute(t.Context(), call, env{getenv: func(k string) string { return vars[k] }, stdin: terminalSaying(t, "n"), stdout: &out, stderr: &out})
			if asked := strings.Contains(out.String(), "? "); err == nil || errors.Is(err, errNotConfirmed) == yes || asked == yes && yes {
				t.Errorf("%v: %v: %s", call, err, out.String())
			}
		}
	}
}

func TestARestoreIsToldByItsNumber(t *testing.T) {
	t.Parallel()
	bot := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/restores/12" {
			answer(t, w, 404, wire.Problem{Status: 404, Code: "unknown_restore", Detail: "There is none."})
			return
		}
		answer(t, w, 200, wire.Restore{ID: 12, Container: "api", Snapshot: "good", State: restore.Verified, Summary: "api is back on good", Phases: []restore.Phase{{State: restore.Requested, Ms: 4}}})
	}
	out, err := call(t.Context(), t, bot, newRestoresCmd, "12")
	if want := "restore 12 of api to good: verified\n  requested       4 ms\napi is back on good\n"; err != nil || out != want {
		t.Errorf("%v, %q, want %q", err, out, want)
	}
	if out, err := call(t.Context(), t, bot, newRestoresCmd, "12", "--json"); err != nil || !strings.Contains(out, `"state": "verified"`) {
		t.Errorf("%v, %s", err, out)
	}
	for args, want := range map[string]int{"99": exitUnknown, "api": exitUsage, "": exitUsage} {
		if _, err := call(t.Context(), t, bot, newRestoresCmd, strings.Fields(args)...); exitCode(err) != want {
			t.Errorf("restores %s: exit code %d, %v", args, exitCode(err), err)
		}
	}
}
