package bot_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// archived is the offer of volumes that were archived at 22:54.
func archived(whyNot ...string) *restore.VolumeOffer {
	return &restore.VolumeOffer{WhyNot: whyNot, Set: snapshot.VolumeSet{
		ID: "s", TakenAt: at("22:54"), Consistency: snapshot.Frozen,
		Archives: []snapshot.Archive{{Mount: snapshot.Mount{Path: "/data", Type: "volume", Source: "shop-data"}}},
	}}
}

func labels(m slackfake.Message) (all []string) {
	for _, c := range m.Controls() {
		all = append(all, c.Label)
	}
	return all
}

func TestRestoreWithVolumesAsksInAMessageAndAButtonOfItsOwn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() {
		n.volumes, n.losses = archived(), []string{"/data keeps what is in it now", "/cache keeps what is in it now"}
	})
	m := n.alert(t)
	if c := m.Button("Restore pre-deploy-2255"); !strings.Contains(c.Confirm.Text, "/data keeps what is in it now") {
		t.Errorf("the button without volumes says %q", c.Confirm.Text)
	}
	if all := labels(m); !slices.Contains(all, "Resolve") || !slices.Contains(all, "Runbook") {
		t.Errorf("something has no place any more: %q", all)
	}
	n.tap(t, n.ann, m.Overflow("Restore pre-deploy-2255 with volumes"))
	if len(n.asked()) != 0 {
		t.Fatal("it was done without asking")
	}
	ask := n.ann.ExpectEphemeral(t, n.shop, "with volumes?", "/data as of Nov 23 22:54", "paused while they were read", "kept for Undo", "/cache keeps")
	if ask.Contains("/data keeps") {
		t.Errorf("it says that the volume stays as it is:\n%s", ask)
	}
	yes := ask.Button("Restore pre-deploy-2255 with volumes")
	if yes.Style != "danger" || !strings.Contains(yes.Confirm.Text, "What was written since Nov 23 22:54 is replaced") {
		t.Errorf("%+v, %+v", yes, yes.Confirm)
	}
	n.tap(t, n.ann, yes)
	if asks := n.asked(); len(asks) != 1 || !asks[0].Volumes || asks[0].Snapshot != "pre-deploy-2255" {
		t.Errorf("asked for %+v", asks)
	}
}

func TestRestoreLeavesVolumesAloneUnlessAskedTo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.volumes = archived() })
	n.tap(t, n.ann, n.alert(t).Button("Restore pre-deploy-2255"))
	if asks := n.asked(); len(asks) != 1 || asks[0].Volumes {
		t.Errorf("asked for %+v", asks)
	}
}

func TestVolumesThatCannotBeRestoredAreNotOffered(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.volumes = archived() })
	old := n.alert(t).Overflow("Restore pre-deploy-2255 with volumes")
	n.do(func() { n.volumes = archived("the archive is damaged") })
	n.tap(t, n.ann, old)
	n.ann.ExpectEphemeral(t, n.shop, "It can't be restored now", "the archive is damaged")
	n.deliver(t, 7)
	if all := labels(n.alert(t)); slices.ContainsFunc(all, func(l string) bool { return strings.Contains(l, "with volumes") }) {
		t.Errorf("offered: %q", all)
	}
}

// TestARunningRestoreSaysHowFarItIsWithVolumes: the message is told anew as long as it may be at them, and no longer.
func TestARunningRestoreSaysHowFarItIsWithVolumes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	is := restore.Restore{
		ID: 1, Kind: restore.Restoring, Key: theContainer().Key, Container: "api", Snapshot: "pre-deploy-2255", State: restore.Swapping,
		By: snapshot.By{Incident: 7}, RequestedAt: at("03:43"), Plan: restore.Plan{Volumes: &restore.VolumePlan{}},
	}
	for _, c := range []struct {
		at    *snapshot.Progress
		state restore.State
		says  string
		again bool
	}{
		{nil, restore.Swapping, "⏳ swapping …", true},
		{&snapshot.Progress{Doing: snapshot.FillingVolume, Volume: 2, Of: 3, Path: "/data", Bytes: 412e6, Total: 12e8}, restore.Swapping, "⏳ swapping … filling volume 2 of 3, /data: 412.0 MB of 1.2 GB", true},
		{nil, restore.Started, "⏳ making sure that it stays up …", false},
	} {
		is.State = c.state
		n.do(func() { n.moves, n.restores = c.at, []restore.Restore{is} })
		err := n.bot.Deliver(t.Context(), 7)
		var later *bot.Error
		if again := errors.As(err, &later) && later.Retry && later.Reason == "restoring"; again != c.again || err != nil && !again {
			t.Errorf("%s: %v, want that it is told again: %v", c.says, err, c.again)
		}
		m = m.ExpectUpdate(t, c.says)
		if c.at == nil && m.Contains("filling volume") {
			t.Errorf("of no volume it says:\n%s", m)
		}
	}
}
