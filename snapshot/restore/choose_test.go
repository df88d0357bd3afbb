package restore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// moment is so many minutes into a story.
func moment(minutes int) time.Time {
	return time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

// kept is a state of the container of that ID.
func kept(name, of string, minutes int, reason snapshot.Reason) snapshot.Snapshot {
	return snapshot.Snapshot{Name: name, ContainerID: of, CreatedAt: moment(minutes), Reason: reason}
}

// deploys are those of a story: which container came at which minute, the newest first.
func deploys(of ...any) (out []snapshot.Deploy) {
	before := ""
	for i := 0; i < len(of); i += 2 {
		d := snapshot.Deploy{AfterID: of[i].(string), BeforeID: before, At: moment(of[i+1].(int))}
		out, before = append([]snapshot.Deploy{d}, out...), d.AfterID
	}
	return out
}

// noted has the newest of the deploys written down at that minute, by another clock.
func noted(list []snapshot.Deploy, minutes int) []snapshot.Deploy {
	list[0].Noted = moment(minutes)
	return list
}

func TestFirstButtonIsTheNewestStateThatDiffersAndWasGood(t *testing.T) {
	t.Parallel()
	unwell := kept("unwell", "good", 50, snapshot.PreDeploy)
	unwell.Unwell = "it was unhealthy"
	spiked := kept("spiked", "good", 50, snapshot.Baseline)
	spiked.Spiked = true
	missing := kept("missing", "good", 50, snapshot.PreDeploy)
	missing.MissingSince = moment(55)
	for name, c := range map[string]struct {
		scene   restore.Scene
		kept    []snapshot.Snapshot
		running string // what of it is what runs now, by name, separated by spaces
		want    string // the first button's; else why there is none
	}{
		"a bad deploy": {
			scene:   restore.Scene{Deploys: deploys("good", -600, "bad", 55), Opened: moment(340)},
			kept:    []snapshot.Snapshot{kept("baseline", "bad", 57, snapshot.Baseline), kept("pre-deploy-2255", "good", 55, snapshot.PreDeploy), kept("older", "old", -600, snapshot.PreDeploy)},
			running: "baseline", want: "pre-deploy-2255",
		},
		"a bad deploy on an engine whose clock is ahead": {
			scene:   restore.Scene{Deploys: noted(deploys("good", -600, "bad", 65), 55), Opened: moment(60)},
			kept:    []snapshot.Snapshot{kept("baseline", "bad", 57, snapshot.Baseline), kept("pre-deploy-2305", "good", 61, snapshot.PreDeploy), kept("older", "old", -600, snapshot.PreDeploy)},
			running: "baseline", want: "pre-deploy-2305",
		},
		"a bad deploy that was written down after the alert": {
			scene:   restore.Scene{Deploys: noted(deploys("good", -600, "bad", 55), 65), Opened: moment(60)},
			kept:    []snapshot.Snapshot{kept("baseline", "bad", 67, snapshot.Baseline), kept("pre-deploy-2255", "good", 64, snapshot.PreDeploy), kept("older", "old", -600, snapshot.PreDeploy)},
			running: "baseline", want: "pre-deploy-2255",
		},
		"two bad deploys, the second with nothing changed": {
			scene:   restore.Scene{Deploys: deploys("good", -600, "bad", 55, "same", 100), Opened: moment(340)},
			kept:    []snapshot.Snapshot{kept("pre-deploy-2340", "bad", 100, snapshot.PreDeploy), kept("pre-deploy-2255", "good", 55, snapshot.PreDeploy)},
			running: "pre-deploy-2340", want: "pre-deploy-2255",
		},
		"only the baseline of what runs": {
			scene:   restore.Scene{Opened: moment(340), Now: snapshot.Container{ID: "bad"}},
			kept:    []snapshot.Snapshot{kept("baseline", "bad", 57, snapshot.Baseline)},
			running: "baseline", want: "!Nothing is kept of shop that differs from what runs now and was good",
		},
		"bad, restored, and bad again": {
			scene: restore.Scene{Deploys: deploys("good", -600, "bad", 55, "bad2", 110), Left: []string{"bad"}, Opened: moment(340)},
			kept:  []snapshot.Snapshot{kept("pre-deploy-2350", "bad", 110, snapshot.PreDeploy), kept("pre-deploy-2255", "good", 55, snapshot.PreDeploy)},
			want:  "pre-deploy-2255",
		},
		"restored, and nothing else is kept": {
			scene: restore.Scene{Deploys: deploys("good", -600, "bad", 55), Left: []string{"bad"}, Opened: moment(80)},
			kept: []snapshot.Snapshot{
				kept("before-2318-4", "bad", 78, snapshot.Before), kept("baseline", "bad", 57, snapshot.Baseline), kept("pre-deploy-2255", "good", 55, snapshot.PreDeploy),
			},
			running: "pre-deploy-2255", want: "!Nothing is known to be a good state of shop: of baseline, a restore was made away from it",
		},
		"a fix since the alert did not help": {
			scene: restore.Scene{Deploys: deploys("good", -600, "bad", 55, "fix", 350), Opened: moment(340)},
			kept:  []snapshot.Snapshot{kept("pre-deploy-0350", "bad", 350, snapshot.PreDeploy), kept("scheduled", "bad", 120, snapshot.Scheduled), kept("pre-deploy-2255", "good", 55, snapshot.PreDeploy)},
			want:  "pre-deploy-2255",
		},
		"the alert came at once, and PagerDuty tells whole seconds": {
			scene: restore.Scene{Deploys: deploys("good", -600, "bad", 340), Opened: moment(340).Add(-900 * time.Millisecond)},
			kept:  []snapshot.Snapshot{kept("pre-deploy-0340", "good", 340, snapshot.PreDeploy)},
			want:  "pre-deploy-0340",
		},
		"the first deploy came since the alert": {
			scene: restore.Scene{Deploys: deploys("fix", 350)[:1], Opened: moment(340)},
			kept:  []snapshot.Snapshot{kept("older", "old", -600, snapshot.Manual)},
			want:  "older",
		},
		"taken when it was ill": {
			scene: restore.Scene{Deploys: deploys("old", -900, "good", -600, "bad", 55), Opened: moment(340)},
			kept:  []snapshot.Snapshot{missing, unwell, spiked, kept("older", "old", -600, snapshot.PreDeploy)},
			want:  "older",
		},
		"ill states only, the spike comes after a doubt": {
			scene: restore.Scene{Deploys: deploys("good", -600, "bad", 55), Opened: moment(340)},
			kept:  []snapshot.Snapshot{spiked, kept("scheduled", "bad", 54, snapshot.Scheduled)},
			want:  "!Nothing is known to be a good state of shop: of scheduled, it is what ran when the alert came",
		},
		"of a container that had only just come": {
			scene: restore.Scene{Deploys: deploys("good", -600, "bad", 55, "bad2", 56), Opened: moment(340), Proves: 2 * time.Minute},
			kept:  []snapshot.Snapshot{kept("by-pipeline", "bad", 56, snapshot.PreDeploy), kept("pre-deploy-2255", "good", 55, snapshot.PreDeploy)},
			want:  "pre-deploy-2255",
		},
		"it is gone, and was never deployed anew": {
			scene: restore.Scene{Opened: moment(340), Now: snapshot.Container{ID: "only", State: "gone"}},
			kept:  []snapshot.Snapshot{kept("baseline", "only", 57, snapshot.Baseline)},
			want:  "baseline",
		},
		"it had gone before the alert, and nothing came for it": {
			scene: restore.Scene{Deploys: deploys("older", -6000, "good", -600), Opened: moment(340), Now: snapshot.Container{ID: "good", State: "gone", GoneAt: moment(338)}},
			kept:  []snapshot.Snapshot{kept("baseline", "good", 57, snapshot.Baseline), kept("pre-deploy-1200", "older", -600, snapshot.PreDeploy)},
			want:  "baseline",
		},
		"what was replaced before the alert is copied after it": {
			scene:   restore.Scene{Deploys: deploys("good", -600, "bad", 339), Opened: moment(340)},
			kept:    []snapshot.Snapshot{kept("baseline", "bad", 343, snapshot.Baseline), kept("pre-deploy-0339", "good", 341, snapshot.PreDeploy)},
			running: "baseline", want: "pre-deploy-0339",
		},
		"a pipeline was a moment before the baseline": {
			scene: restore.Scene{Deploys: deploys("older", -6000, "good", -600, "bad", 55), Opened: moment(340)},
			kept: []snapshot.Snapshot{
				kept("baseline", "good", 54, snapshot.Baseline), kept("pre-deploy-2254", "good", 53, snapshot.PreDeploy), kept("pre-deploy-1200", "older", -600, snapshot.PreDeploy),
			},
			want: "pre-deploy-2254",
		},
		"nothing": {want: "!No snapshot of shop is kept"},
		"images are gone": {
			kept: []snapshot.Snapshot{missing}, want: "!No good state of shop is kept",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var offers []restore.Offer
			for _, s := range c.kept {
				offers = append(offers, restore.Offer{Snapshot: s, Doubt: c.scene.Doubt(s), Running: strings.Contains(c.running, s.Name)})
			}
			restore.Sort(offers)
			got := "!" + restore.WhyNone("shop", offers)
			if len(offers) > 0 && offers[0].WayOut() {
				got = offers[0].Snapshot.Name
			}
			if got != c.want {
				t.Errorf("got %q, want %q; in this order: %+v", got, c.want, offers)
			}
		})
	}
}

func TestStateCountsAsProvenAgainAfterAnHour(t *testing.T) {
	t.Parallel()
	s := restore.Scene{Deploys: deploys("long", 0, "short", 70, "now", 80)}
	for id, want := range map[string]bool{"long": true, "short": false, "unknown": true} {
		if got := s.Proven(id, moment(90)); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}
