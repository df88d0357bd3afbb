package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
)

// onTerminal is what a command shows at a terminal.
func onTerminal(t *testing.T, vars map[string]string, args string) string {
	t.Helper()
	host, guest := terminalFor(t)
	if err := execute(t.Context(), strings.Fields(args), env{getenv: func(k string) string { return vars[k] }, stdin: strings.NewReader(""), stdout: guest, stderr: io.Discard}); err != nil {
		t.Errorf("%s: %v", args, err)
	}
	_ = guest.Close()
	text, _ := io.ReadAll(host) // which ends in an error when the last program there is gone
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

func TestStatesAreInColourOnATerminalOnly(t *testing.T) {
	t.Parallel()
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/containers":
			answer(t, w, 200, wire.Containers{Containers: []wire.Container{{Name: "api", State: "running", Image: "shop"}, {Name: "web", State: "exited", Image: "shop"}, {Name: "job", State: "new\x1b[31m", Image: "shop"}}})
		case "/containers/api/snapshots":
			answer(t, w, 200, wire.Snapshots{Snapshots: []wire.Snapshot{{Name: "a", Restorable: true}, {Name: "b", WhyNot: []string{"gone"}}, {Name: "c", Restorable: true, Unwell: "it was ill"}}})
		default:
			answer(t, w, 200, wire.Incidents{Incidents: []wire.Incident{{ID: 1, Status: incidents.Triggered, OpenedAt: time.Now()}, {ID: 2, Status: incidents.Acknowledged, OpenedAt: time.Now()}}})
		}
	}))
	t.Cleanup(bot.Close)
	for args, want := range map[string][]string{
		"containers":        {"\x1b[32mrunning\x1b[0m  shop", "\x1b[31mexited\x1b[0m   shop", "\x1b[39mSTATE\x1b[0m    IMAGE"},
		"incidents":         {"\x1b[31mtriggered\x1b[0m ", "\x1b[33macknowledged\x1b[0m "},
		"snapshot list api": {"\x1b[32myes\x1b[0m\n", "\x1b[31mno: gone\x1b[0m\n", "\x1b[33myes, although it was ill\x1b[0m\n"},
	} {
		vars := map[string]string{"SNAPBACK_URL": bot.URL, "SNAPBACK_TOKEN": "t"}
		lacks(t, onTerminal(t, vars, args), want...)
		for _, without := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
			for name, value := range vars {
				without[name] = value
			}
			if got := onTerminal(t, without, args); got == "" || strings.Contains(got, "\x1b") {
				t.Errorf("%s with %v: %q", args, without, got)
			}
		}
		var piped bytes.Buffer
		err := execute(t.Context(), strings.Fields(args), env{getenv: func(k string) string { return vars[k] }, stdin: strings.NewReader(""), stdout: &piped, stderr: io.Discard})
		if err != nil || piped.Len() == 0 || strings.Contains(piped.String(), "\x1b") {
			t.Errorf("%s in a pipe: %v, %q", args, err, piped.String())
		}
	}
}

func TestDoctorsMarksHaveColours(t *testing.T) {
	t.Parallel()
	finding := func(err error) check {
		return check{name: "it", ask: func(context.Context) (string, error) { return "found", err }}
	}
	var out bytes.Buffer
	if err := examine(t.Context(), colourful{&out}, []check{finding(nil), finding(caution{errors.New("odd")}), finding(errors.New("ill"))}); err == nil {
		t.Error("it is ready")
	}
	lacks(t, out.String(), "\x1b[32m✓\x1b[0m it ", "\x1b[33m!\x1b[0m it ", "\x1b[31m✗\x1b[0m it ")
}
