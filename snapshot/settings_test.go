package snapshot_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/snapshot"
)

func TestSettingsReadEveryLabel(t *testing.T) {
	t.Parallel()
	got := snapshot.ParseSettings(map[string]string{
		"snapback.enable": "true", "snapback.identity": "shop-web", "snapback.service": "shop", "snapback.pagerduty.service": "P1, P2",
		"snapback.slack.channel": "C0123", "snapback.restore.allow": "U111,S222", "snapback.terminal.allow": "none",
		"snapback.terminal.command": "bash -l", "snapback.schedule": "CRON_TZ=Europe/Berlin 0 3 * * *", "snapback.keep": "3",
		"snapback.volumes": "true", "snapback.pause": "false", "snapback.stop-timeout": "1",
		"snapback.errors.pattern": "level=error", "snapback.errors.query": "up", "snapback.errors.requests": " sum(up) ", "snapback.runbook": "https://wiki/shop",
	})
	want := snapshot.Settings{
		Labels: access.Labels{
			PagerDutyServices: []string{"P1", "P2"}, SlackChannel: "C0123",
			RestoreAllow: access.Allow{Rule: access.Listed, IDs: []string{"U111", "S222"}}, TerminalAllow: access.Allow{Rule: access.Nobody},
		},
		Enabled: true, Identity: "shop-web", Service: "shop",
		TerminalCommand: []string{"bash", "-l"}, Schedule: "CRON_TZ=Europe/Berlin 0 3 * * *", Keep: 3, Volumes: true, Pause: "false",
		StopTimeout: time.Second, ErrorsPattern: "level=error", Runbook: "https://wiki/shop",
		ErrorsQuery: "up", ErrorsRequests: "sum(up)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTerminalFollowsRestoreUnlessSaid(t *testing.T) {
	t.Parallel()
	got := snapshot.ParseSettings(map[string]string{"snapback.restore.allow": "oncall"})
	if got.TerminalAllow.Rule != "oncall" || got.Enabled {
		t.Errorf("got %+v", got)
	}
}

func TestALabelThatMakesNoSensePermitsNothing(t *testing.T) {
	t.Parallel()
	for label, value := range map[string]string{
		"restore.allow": "everybody", "terminal.allow": "U1;rm", "keep": "-1", "stop-timeout": "soon", "pause": "maybe",
		"schedule": "every day", "errors.pattern": "(", "errors.query": " ", "runbook": "javascript:alert(1)", "volumes": "yes",
		"slack.channel": "C0SHOP> <!channel", "pagerduty.service": "https://example.pagerduty.com/services/P1",
	} {
		got := snapshot.ParseSettings(map[string]string{"snapback." + label: value})
		if len(got.Wrong) != 1 || !strings.Contains(got.Wrong[0], label) {
			t.Errorf("%s=%s: %v", label, value, got.Wrong)
		}
		if label == "restore.allow" && got.RestoreAllow.Rule != "none" {
			t.Errorf("a label that can't be read permits %+v", got.RestoreAllow)
		}
		if got.SlackChannel != "" {
			t.Errorf("a channel that is none is posted to: %q", got.SlackChannel)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"pre-deploy-2255": true, "a": true, "": false, "A": false, "-a": false, "a/b": false, "..": false, "a b": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a\n": false,
	} {
		if err := snapshot.CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	at := time.Date(2026, 3, 1, 3, 47, 0, 0, time.UTC)
	for name, ours := range map[string]bool{
		snapshot.KeptName("api", at, 1): true, snapshot.KeptName("api", at, 2): true, "api.snapback-12": true, "api.snapback-12-2": true,
		"api": false, "api.before": false, "api-before-0347": false, "api.before-0347.x": false,
	} {
		if snapshot.OurName(name) != ours {
			t.Errorf("OurName(%q) is %v", name, !ours)
		}
	}
}

func TestVolumesCanBeListedByTheirPaths(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]snapshot.Settings{
		"":                     {},
		"false":                {},
		"true":                 {Volumes: true},
		"/data":                {Volumes: true, VolumePaths: []string{"/data"}},
		"/data/, /srv/../host": {Volumes: true, VolumePaths: []string{"/data", "/host"}},
		"/data,relative":       {},
	} {
		got := snapshot.ParseSettings(map[string]string{"snapback.volumes": value})
		if got.Volumes != want.Volumes || !slices.Equal(got.VolumePaths, want.VolumePaths) || (len(got.Wrong) > 0) != strings.Contains(value, "relative") {
			t.Errorf("%q: %v %q %q", value, got.Volumes, got.VolumePaths, got.Wrong)
		}
	}
}
