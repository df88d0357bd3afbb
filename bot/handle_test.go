package bot_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func (n *night) asked() (out []restore.Ask) {
	n.do(func() { out = append(out, n.asks...) })
	return out
}

func (n *night) wantRefusal(t *testing.T, incident int64) {
	t.Helper()
	entries, _ := n.Entries(t.Context(), incident, 0)
	last := entries[len(entries)-1]
	if last.Kind != incidents.KindRefused || last.Actor.Name == "" || last.Source.NativeID == "" {
		t.Errorf("the last entry is %+v", last)
	}
}

func TestTapOnRestoreAsksForExactlyWhatWasSeen(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.tap(t, n.ann, n.alert(t).Button("Restore pre-deploy-2255"))
	asks := n.asked()
	if len(asks) != 1 {
		t.Fatalf("asked %d times", len(asks))
	}
	a := asks[0]
	got := []any{a.Container.Key, a.Snapshot, a.Seen, a.By.Incident, a.By.Actor}
	want := []any{"k/api", "pre-deploy-2255", apiID[:12], int64(7), incidents.Actor{Kind: incidents.Person, SlackID: "U0ANN", Name: "Ann Lee"}}
	if d := cmp.Diff(want, got); d != "" || a.Idempotency == "" || a.By.Source.System != "slack" {
		t.Errorf("asked for (-want +got):\n%s\n%+v", d, a)
	}
}

func TestConfirmDialogSaysWhatWillNotComeBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.losses = []string{"the volume shop-data stays as it is"} })
	c := n.alert(t).Button("Restore pre-deploy-2255")
	if c.Style != "danger" || c.Confirm == nil || !strings.Contains(c.Confirm.Text, "Does not come back: the volume shop-data stays as it is") {
		t.Errorf("%+v, %+v", c, c.Confirm)
	}
}

func TestTapDeliveredTwiceActsOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	first, second := n.ann.TapTwice(n.alert(t).Button("Acknowledge"))
	if !first.OK() || !second.OK() {
		t.Fatalf("answered %v, %v", first, second)
	}
	n.work(t)
	if got := n.count(func() int { return len(n.acts) }); got != 1 {
		t.Errorf("acted %d times", got)
	}
}

func TestTapHandledTwiceRestoresOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.ann.Tap(n.alert(t).Button("Restore pre-deploy-2255"))
	j := n.drain()[0]
	for range 2 {
		if err := n.bot.Handle(t.Context(), j.body, j.at); err != nil {
			t.Fatal(err)
		}
		n.do(func() { n.containers[0].ID = strings.Repeat("9", 64) }) // what the restore has put in its place
	}
	if len(n.asked()) != 1 || len(n.ann.Ephemerals(n.shop)) != 0 {
		t.Errorf("asked %d times, said %v", len(n.asked()), n.ann.Ephemerals(n.shop))
	}
}

func TestLateTapIsRefusedInWords(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.ann.Tap(n.alert(t).Button("Restore pre-deploy-2255"))
	n.do(func() { n.now = n.now.Add(61 * time.Second) })
	n.work(t)
	n.ann.ExpectEphemeral(t, n.shop, "That came too late", "tap again")
	if len(n.asked()) != 0 {
		t.Error("it was executed all the same")
	}
}

func TestTapOnAReplacedContainerIsRefusedAndTheMessageRefreshed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	old := m.Button("Restore pre-deploy-2255")
	n.do(func() { n.containers[0].ID = strings.Repeat("9", 64) })
	n.tap(t, n.ann, old)
	n.ann.ExpectEphemeral(t, n.shop, "the container was replaced after that message was posted")
	n.wantRefusal(t, 7)
	if len(n.asked()) != 0 {
		t.Error("it was executed all the same")
	}
	n.tap(t, n.ann, m.Now().Button("Restore pre-deploy-2255"))
	if len(n.asked()) != 1 {
		t.Errorf("the refreshed button does not work:\n%s", m.Now())
	}
}

func TestRestoreOfAContainerThatIsGoneNamesNone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.containers[0].State = "gone" })
	m := n.alert(t)
	n.tap(t, n.ann, m.Button("Restore pre-deploy-2255"))
	if a := n.asked(); len(a) != 1 || a[0].Seen != "" {
		t.Fatalf("asked %+v", a)
	}
	n.do(func() { n.containers[0].State, n.asks = "running", nil })
	n.tap(t, n.bob, m.Button("Restore pre-deploy-2255"))
	if len(n.asked()) != 0 {
		t.Error("a container that came back meanwhile was taken for the one that was seen")
	}
}

func TestErrorsAreSentencesThatTellWhatToDo(t *testing.T) {
	t.Parallel()
	running := restore.Restore{Container: "api", Snapshot: "pre-deploy-2255", RequestedAt: at("03:45"), By: snapshot.By{Actor: incidents.Actor{Name: "Bob"}}}
	for want, err := range map[string]error{
		"Bob is restoring api to pre-deploy-2255 already, since 03:45:00": &restore.InProgressError{Running: running},
		"It can't be restored now: port 80 is taken. Nothing was changed": &restore.RefusedError{Reasons: []string{"port 80 is taken"}},
		"that snapshot has been removed":                                  snapshot.ErrUnknownSnapshot,
		"does not have the image of that snapshot any more":               snapshot.ErrGone,
		"the container engine does not answer":                            snapshot.ErrEngineAway,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.do(func() { n.askErr = err })
			n.tap(t, n.ann, n.alert(t).Button("Restore pre-deploy-2255"))
			n.ann.ExpectEphemeral(t, n.shop, want)
		})
	}
}

func TestUnknownErrorIsTriedAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.askErr = errors.New("the database is away") })
	n.ann.Tap(n.alert(t).Button("Restore pre-deploy-2255"))
	j := n.drain()[0]
	if err := n.bot.Handle(t.Context(), j.body, j.at); err == nil {
		t.Error("nobody would try again")
	}
}

func TestAcknowledgeAndResolveAskPagerDutyAsThatPerson(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	n.tap(t, n.ann, m.Button("Acknowledge"))
	n.tap(t, n.bob, m.Overflow("Resolve"))
	var got []string
	n.do(func() {
		for _, a := range n.acts {
			got = append(got, map[incidents.Call]string{incidents.CallAcknowledge: "acknowledge", incidents.CallResolve: "resolve"}[a.call]+" "+a.by.Name+" "+a.email)
		}
	})
	if d := cmp.Diff([]string{"acknowledge Ann Lee ann@example.com", "resolve Bob bob@example.com"}, got); d != "" {
		t.Error(d)
	}
}

func TestAcknowledgementUnderWayShowsAndComesBackWhenPagerDutyRefuses(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindAcknowledgeAsked, OccurredAt: n.clock(), Actor: incidents.Actor{Name: "Ann Lee"}})
	n.deliver(t, 7)
	if m = m.ExpectUpdate(t, "⏳ Acknowledging for Ann Lee"); m.Button("Acknowledge").Exists() {
		t.Error("it can be tapped again")
	}
	n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindAcknowledgeFailed, Summary: "PagerDuty does not know Ann Lee"})
	n.deliver(t, 7)
	m.ExpectReply(t, "⚠️ PagerDuty does not know Ann Lee")
	if !m.Now().Button("Acknowledge").Exists() {
		t.Error("the button has not come back")
	}
}

func TestSecondAcknowledgeSaysWhoHasIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	for name, acknowledge := range map[string]func(*incidents.Incident){
		"Bob": func(in *incidents.Incident) {
			in.AcknowledgedAt, in.AcknowledgedBy = at("03:43"), "Ann Lee"
			in.LastAcknowledgedAt, in.LastAcknowledgedBy = at("03:44"), "Bob"
		},
		"Cem": func(in *incidents.Incident) { in.AcknowledgedAt, in.AcknowledgedBy = at("03:43"), "Cem" }, // of an older release
	} {
		in := theIncident()
		in.Status = incidents.Acknowledged
		acknowledge(&in)
		n.do(func() { n.incidents[7] = in })
		n.tap(t, n.ann, m.Button("Acknowledge"))
		n.ann.ExpectEphemeral(t, n.shop, "It is acknowledged already, by "+name+".")
		n.ann.Command(n.shop, "/snapback", "status")
		n.work(t)
		n.ann.ExpectEphemeral(t, n.shop, "acknowledged, by "+name)
	}
}

func TestRestoreOnAResolvedIncidentIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	in := theIncident()
	in.Status = incidents.Resolved
	n.do(func() { n.incidents[7] = in })
	n.tap(t, n.ann, m.Button("Restore pre-deploy-2255"))
	n.ann.ExpectEphemeral(t, n.shop, "the incident is resolved")
	if len(n.asked()) != 0 {
		t.Error("it was executed all the same")
	}
}

func TestUndoIsOfferedAfterARestoreAndUndoesThatOne(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	r := restored()
	n.do(func() { n.restores = []restore.Restore{r} })
	n.deliver(t, 7)
	m = m.ExpectUpdate(t, "✅ *api is back on pre-deploy-2255* · 2.1 s, down for 0.8 s", "by Ann Lee")
	if m.Button("Restore").Exists() {
		t.Error("Restore is still offered")
	}
	n.tap(t, n.bob, m.Button("Undo"))
	if d := cmp.Diff([]int64{31}, n.undos); d != "" {
		t.Error(d)
	}
	n.do(func() { n.undoErr = snapshot.ErrNothingToUndo })
	n.tap(t, n.bob, m.Button("Undo"))
	n.bob.ExpectEphemeral(t, n.shop, "There is nothing to undo")
}

func TestTerminalLinkIsForThatPersonAlone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	n.tap(t, n.ann, m.Button("Terminal"))
	e := n.ann.ExpectEphemeral(t, n.shop, "The logs and a shell of api", "until 03:47")
	if c := e.Button("Open terminal"); c.URL != "https://snapback.example.com/t#very-secret" {
		t.Errorf("the button is %+v", c)
	}
	if strings.Contains(e.Text, "very-secret") || len(n.bob.Ephemerals(n.shop)) != 0 || strings.Contains(n.shop.String(), "very-secret") {
		t.Error("the link can be seen elsewhere")
	}
	if d := cmp.Diff([]string{"7 api U0ANN shell"}, n.mints); d != "" {
		t.Error(d)
	}
	if a := n.ann.Tap(e.Button("Open terminal")); !a.OK() || len(n.drain()) != 0 {
		t.Error("a tap on a link is not acknowledged, or is kept")
	}
}

func TestWithoutAShellTheTerminalShowsLogs(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.containers[0].Settings.TerminalAllow = access.Allow{Rule: "none"} })
	n.tap(t, n.ann, n.alert(t).Button("Terminal"))
	n.ann.ExpectEphemeral(t, n.shop, "The logs of api")
	if d := cmp.Diff([]string{"7 api U0ANN logs"}, n.mints); d != "" {
		t.Error(d)
	}
}

func TestOtherSnapshotsAskFirst(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.tap(t, n.ann, n.alert(t).Overflow("Restore scheduled-0000"))
	e := n.ann.ExpectEphemeral(t, n.shop, "Restore api to `scheduled-0000`?")
	if len(n.asked()) != 0 {
		t.Fatal("a menu's option acted at once")
	}
	n.tap(t, n.ann, e.Button("Restore scheduled-0000"))
	if a := n.asked(); len(a) != 1 || a[0].Snapshot != "scheduled-0000" || a[0].By.Incident != 7 {
		t.Errorf("asked %+v", a)
	}
	n.ann.ExpectEphemeral(t, n.shop, "Restoring api to `scheduled-0000`")
}

// TestWhoHasTypedARestoreHearsWhereItIsTold: where the message of the incident is that it is part of, or in the container's channel.
func TestWhoHasTypedARestoreHearsWhereItIsTold(t *testing.T) {
	t.Parallel()
	for channel, open := range map[string]bool{"C0OPS": true, "C0SHOP": false} {
		n := setup(t)
		n.do(func() {
			if n.messages[7] = (incidents.Message{IncidentID: 7, Channel: "C0OPS", TS: "1.1"}); !open {
				delete(n.incidents, 7)
			}
		})
		n.ann.Command(n.shop, "/snapback", "restore api scheduled-0000")
		n.work(t)
		n.tap(t, n.ann, n.ann.ExpectEphemeral(t, n.shop, "Restore api to `scheduled-0000`?").Button("Restore scheduled-0000"))
		n.ann.ExpectEphemeral(t, n.shop, "Restoring api to `scheduled-0000`. How it goes is told in <#"+channel+">")
	}
}

func TestDetailsShowAllChangesAndEverySnapshot(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() {
		n.losses, n.whyNot["scheduled-0000"] = []string{"tmpfs /tmp is empty"}, []string{"its image is gone"}
	})
	n.tap(t, n.ann, n.alert(t).Overflow("Details"))
	e := n.ann.ExpectEphemeral(t, n.shop, "env API_KEY: changed", "image: shop:1.41 → shop:1.42", "Does not come back: tmpfs /tmp is empty", "Can't be restored: its image is gone")
	n.tap(t, n.ann, e.Button("Restore"))
	if a := n.asked(); len(a) != 1 || a[0].Snapshot != "pre-deploy-2255" {
		t.Errorf("asked %+v", a)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                       {"What I understand"},
		"nonsense":               {"What I understand"},
		"status":                 {"#1234 Checkout error rate above 5 %", "triggered"},
		"list":                   {"`api` shop:1.42 · running"},
		"snapshots api":          {"`pre-deploy-2255` pre-deploy · 22:55 (4 h 47 min ago)"},
		"snapshots nothing":      {"I know no container nothing", "`api`"},
		"restore api no-such":    {"api has no snapshot no-such. There are: `scheduled-0000`, `pre-deploy-2255`."},
		"restore api <!channel>": {"api has no snapshot &lt;!channel&gt;. There are: "},
		"snapshots <!channel>":   {"I know no container &lt;!channel&gt;"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			if a := n.ann.Command(n.shop, "/snapback", text); !a.OK() || len(a.Body) != 0 {
				t.Fatalf("answered %d %q %v", a.Status, a.Body, a.Err)
			}
			n.work(t)
			n.ann.ExpectEphemeral(t, n.shop, want...)
		})
	}
}

// Phones capitalise the first word, curl quotes, join dashes, and put a narrow space before a colon; Slack makes a link of what
// looks like a host.
func TestCommandsAreUnderstoodAsPhonesTypeThem(t *testing.T) {
	t.Parallel()
	const list, proposal = "Snapshots of *api*", "Restore api to `pre-deploy-2255`?"
	for text, want := range map[string]string{
		"snapshots “api”":                      list,
		"Snapshots Api":                        list,
		"snapshots ‘API’.":                     list,
		"snapshots `api`":                      list,
		"snapshots *api*":                      list,
		"snapshots _api_":                      list,
		"snapshots «\u202fapi\u202f»":          list,
		"snapshots\u00a0api\u200b":             list,
		"snapshots <http://api|api>":           list,
		"snapshots \"api\"":                    list,
		"snapshot api":                         list,
		"Containers":                           "`api` shop:1.42",
		"Status!":                              "#1234",
		"RESTORE api Pre–Deploy—2255":          proposal,
		"restore “api” “pre-deploy-2255”":      proposal,
		"restore `api` `pre-deploy-2255`.":     proposal,
		"Restore api to pre-deploy-2255":       proposal,
		"restore api pre - deploy - 2255":      proposal,
		"restore api pre deploy 2255":          proposal,
		"restore api pre‑deploy‑2255":          proposal,
		"snapshots apy":                        "I know no container apy. Did you mean `api`? There are: ",
		"restore api predeploy-2255":           "has no snapshot predeploy-2255. Did you mean `pre-deploy-2255`? There are: ",
		"snapshots checkout-of-another-planet": "I know no container checkout-of-another-planet. There are: ",
		"snapshosts api":                       "Did you mean `/snapback snapshots api`?",
		"Retsore api pre-deploy-2255":          "Did you mean `/snapback restore api pre-deploy-2255`?",
		"stauts":                               "Did you mean `/snapback status`?",
		"“”":                                   "What I understand",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.ann.Command(n.shop, "/snapback", text)
			n.work(t)
			n.ann.ExpectEphemeral(t, n.shop, want)
			if len(n.asked()) != 0 {
				t.Error("a command acted by itself")
			}
		})
	}
}

func TestRestoreCommandAsksAndThenRestoresWithinTheIncident(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.ann.Command(n.shop, "/snapback", "restore api pre-deploy-2255")
	n.work(t)
	e := n.ann.ExpectEphemeral(t, n.shop, "Restore api to `pre-deploy-2255`?", "Changes: image 1.42 → 1.41 · env DB_POOL: 2 → 20 · env API_KEY: changed")
	if len(n.asked()) != 0 {
		t.Fatal("a command acted by itself")
	}
	n.tap(t, n.ann, e.Button("Restore pre-deploy-2255"))
	if a := n.asked(); len(a) != 1 || a[0].By.Incident != 7 {
		t.Errorf("asked %+v", a)
	}
}

func restored() restore.Restore {
	start := at("03:46")
	return restore.Restore{
		ID: 31, Kind: restore.Restoring, Key: "k/api", Container: "api", Snapshot: "pre-deploy-2255", State: restore.Verified,
		By: snapshot.By{Actor: incidents.Actor{Kind: incidents.Person, Name: "Ann Lee"}, Incident: 7}, RequestedAt: start,
		VerifiedAt: start.Add(2100 * time.Millisecond), Downtime: 800 * time.Millisecond, KeptUntil: start.Add(24 * time.Hour),
		Proof: "running for 1s without a restart (it has no health check)", Plan: restore.Plan{KeptName: "api.before-0346"},
		Phases: []restore.Phase{
			{State: restore.Requested, At: start, Ms: 4}, {State: restore.Preflight, At: start, Ms: 120}, {State: restore.Prepared, At: start, Ms: 210},
			{State: restore.Swapping, At: start, Ms: 801}, {State: restore.Started, At: start, Ms: 1002},
		},
	}
}
