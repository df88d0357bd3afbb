package snapshot_test

import (
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/snapshot"
)

func TestAMisspeltPermissionLabelLetsNobodyIn(t *testing.T) {
	t.Parallel()
	const channel, none = access.Channel, access.Nobody
	for label, want := range map[string][2]access.Rule{ // who may restore, and who gets a shell
		"snapback.restor.allow": {none, none}, "snapback.restore-allow": {none, none}, "snapback.Restore.Allow": {none, none},
		"Snapback.restore.allow": {none, none}, "snapback/restore.allow": {none, none}, "snapback.restore": {none, none},
		"snapback.restore.who": {none, none}, "snapback.allow": {none, none}, "snapback.alow": {none, none},
		"snapback.terminal.alow": {channel, none}, "snapback.shell.allow": {channel, none}, "snapback.terminal": {channel, none},
		"snapback.terminal.comand": {channel, channel}, "snapback.kep": {channel, channel}, "snapback.whatever": {channel, channel},
		"example.restore.allow": {channel, channel}, "snapbackup.restore.allow": {channel, channel},
	} {
		got := snapshot.ParseSettings(map[string]string{"snapback.enable": "true", label: "oncall"})
		if got.RestoreAllow.Rule != want[0] || got.TerminalAllow.Rule != want[1] {
			t.Errorf("%s: restore %s, shell %s", label, got.RestoreAllow.Rule, got.TerminalAllow.Rule)
		}
		told := len(got.Wrong) == 1 && strings.Contains(got.Wrong[0], label)
		if foreign := !strings.HasPrefix(strings.ToLower(label), "snapback.") && label != "snapback/restore.allow"; told == foreign {
			t.Errorf("%s: told %q", label, got.Wrong)
		}
		if denied := want[0] == none; denied != (got.RestoreAllow.Why != "") || denied && !strings.Contains(got.Wrong[0], "nobody may restore") {
			t.Errorf("%s: %q, %q", label, got.RestoreAllow.Why, got.Wrong)
		}
	}
}

func TestAMisspeltShellLabelLeavesRestoresAlone(t *testing.T) {
	t.Parallel()
	got := snapshot.ParseSettings(map[string]string{"snapback.restore.allow": "oncall", "snapback.terminal.alow": "none"})
	if got.RestoreAllow.Rule != "oncall" || got.TerminalAllow.Rule != "none" || !strings.Contains(got.Wrong[0], "snapback.terminal.allow?") {
		t.Errorf("%+v", got)
	}
}

func TestAnEmptyPermissionLabelLetsNobodyIn(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", " ", ","} {
		if got := snapshot.ParseSettings(map[string]string{"snapback.restore.allow": value}); got.RestoreAllow.Rule != "none" || len(got.Wrong) != 1 {
			t.Errorf("%q: %+v, %q", value, got.RestoreAllow, got.Wrong)
		}
	}
}

func TestLabelsThatKeepAContainerFromBeingEnabledAreTold(t *testing.T) {
	t.Parallel()
	for want, labels := range map[string]map[string]string{
		`snapback.enable="yes"`:        {"snapback.enable": "yes"},
		`snapback.enable=""`:           {"snapback.enable": ""},
		"did you mean snapback.enable": {"snapback.enabled": "true"},
		"no snapback.enable=true":      {"snapback.keep": "3", "snapback.service": "shop"},
	} {
		if got := snapshot.Mislabelled(labels); !strings.Contains(got, want) {
			t.Errorf("%v: %q", labels, got)
		}
	}
	for _, labels := range []map[string]string{
		nil, {"snapback.enable": "true", "snapback.kep": "3"}, {"snapback.enable": "false", "snapback.keep": "3"}, {"snapback.helper": "x"}, {"com.example": "x"},
	} {
		if got := snapshot.Mislabelled(labels); got != "" {
			t.Errorf("%v: %q", labels, got)
		}
	}
}
