package bot_test

import (
	"testing"

	"github.com/snapback/snapback/snapshot"
)

// TestListsSayWhatTheyLeaveOut: nobody takes ten holds for all there are.
func TestListsSayWhatTheyLeaveOut(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() {
		for id := int64(100); id < 121; id++ { // with the night's own, 22
			in := theIncident()
			in.ID = id
			n.incidents[id] = in
		}
		for range 12 {
			n.holds = append(n.holds, snapshot.Hold{Key: "k/api", Container: "api", Snapshot: "good", Since: at("03:46"), Ref: "shop:1.42"})
		}
		for range 30 { // with the night's own, 32
			n.snapshots["k/api"] = append(n.snapshots["k/api"], snapshot.Snapshot{Key: "k/api", Container: "api", Name: "another", CreatedAt: at("22:00")})
		}
	})
	for command, want := range map[string][]string{
		"status":        {"… and 2 more open incidents", "… and 2 more holds"},
		"snapshots api": {"… and 2 more snapshots"},
	} {
		n.ann.Command(n.shop, "/snapback", command)
		n.work(t)
		for _, one := range want {
			n.ann.ExpectEphemeral(t, n.shop, one)
		}
	}
}
