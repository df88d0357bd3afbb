package restore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot/restore"
)

// TestRestoredContainerKeepsTheNameOfItsImage by which updaters pull it, and where that means another image by now, it is said
// before the tap: nothing is ever made from another image.
func TestRestoredContainerKeepsTheNameOfItsImage(t *testing.T) {
	for what, moved := range map[string]bool{"the name still means it": false, "the name has moved on": true} {
		t.Run(what, func(t *testing.T) {
			k := setup(t)
			api, latest, newer := k.Name("api"), k.Server("shop"), k.Server("newer")
			k.Run(api, latest)
			snap := k.Take(api)
			want, losses := latest, []string(nil)
			if moved {
				k.Docker("tag", newer, latest)
				want, losses = snap.ImageRef, []string{"the name " + latest + " of its image, which leads to another image or to none by now: an updater can't pull " + snap.ImageRef}
			}
			k.Docker("rm", "-f", api)
			k.Run(api, newer)
			offer, err := k.Restorer.Offer(t.Context(), k.Container(api), snap)
			if diff := cmp.Diff(losses, slices.DeleteFunc(offer.Losses, func(l string) bool { return !strings.Contains(l, "image") })); err != nil || diff != "" {
				t.Errorf("said before the tap (-want +got), %v:\n%s", err, diff)
			}
			r := k.Restore(k.Container(api), snap.Name)
			if now := k.Container(api); r.State != restore.Verified || now.Image != want || now.ImageID != snap.ImageID || len(r.Unexpected()) > 0 {
				t.Errorf("%s %s: %s is made from %s, want %s; %+v", r.State, r.Error, api, now.Image, want, r.Unexpected())
			}
		})
	}
}
