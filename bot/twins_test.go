package bot_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// TestWhatHappensToOneOfTwinsIsToldInItsOwnChannel: their names are the same.
func TestWhatHappensToOneOfTwinsIsToldInItsOwnChannel(t *testing.T) {
	t.Parallel()
	n := setup(t)
	far := theContainer()
	far.Key, far.ID, far.Settings.SlackChannel = "far/api", strings.Repeat("3", 64), "C0OPS"
	n.do(func() { n.containers = []snapshot.Container{theContainer(), far} })
	for _, e := range []incidents.Entry{
		{Kind: incidents.KindRestoreVerified, Summary: "restored", Details: json.RawMessage(`{"container":"api","key":"k/api"}`)},
		{Kind: incidents.KindHoldOn, Summary: "held", Details: json.RawMessage(`{"container":"api","hold":{"key":"k/api"}}`)},
		{Kind: incidents.KindRestoreVerified, Summary: "restored far away", Details: json.RawMessage(`{"container":"api","key":"far/api"}`)},
	} {
		e.OccurredAt = at("03:46")
		n.write(t, e)
	}
	n.deliver(t, 0)
	n.shop.ExpectMessage(t, "✅ restored")
	n.shop.ExpectMessage(t, "held")
	n.ops.ExpectMessage(t, "✅ restored far away")
}
