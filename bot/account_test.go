package bot_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/internal/slackfake"
)

// onCallAs says what becomes of somebody with the on-call person's e-mail address who asks for a terminal, on a
// container of which oncall may have a shell and the channel the logs.
func onCallAs(t *testing.T, a slackfake.Account, guests bool) (shell, logs error) {
	t.Helper()
	n := setup(t, func(_ *bot.Config, w *world) { w.guests = guests })
	n.onCall["PSHOP"] = []access.Person{{PagerDutyID: "PANN", Name: "Ann Lee", Email: "ANN@example.com"}}
	n.slack.AddUser("U0EVE", "Eve", "ann@example.com").Becomes(a)
	c := theContainer()
	c.Settings.TerminalAllow = access.Allow{Rule: "oncall"}
	wish := access.Wish{Who: access.Person{SlackID: "U0EVE"}, Labels: c.Settings.Labels, Incident: theIncident()}
	_, logs = n.guard.MayBeNamed(t.Context(), wish)
	wish.Shell = true
	_, shell = n.guard.MayBeNamed(t.Context(), wish)
	return shell, logs
}

func TestOnlyConfirmedLivingHumansOfTheWorkspaceAreOnCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account     slackfake.Account
		guests      bool
		shell, logs bool
	}{
		"a member":                        {shell: true, logs: true},
		"deactivated":                     {account: slackfake.Account{Deleted: true}},
		"a bot":                           {account: slackfake.Account{Bot: true}},
		"of another workspace":            {account: slackfake.Account{Workspace: "T0OTHER"}},
		"of another organisation":         {account: slackfake.Account{Workspace: "T0OTHER", Enterprise: "E0OTHER"}},
		"unconfirmed":                     {account: slackfake.Account{Unconfirmed: true}, logs: true},
		"only invited":                    {account: slackfake.Account{Invited: true}, logs: true},
		"a guest":                         {account: slackfake.Account{Guest: true}, logs: true},
		"a guest of one channel":          {account: slackfake.Account{OneChannel: true}, logs: true},
		"a guest, where guests count":     {account: slackfake.Account{Guest: true}, guests: true, shell: true, logs: true},
		"a foreigner, where guests count": {account: slackfake.Account{Workspace: "T0OTHER", Guest: true}, guests: true},
		"an unconfirmed guest":            {account: slackfake.Account{OneChannel: true, Unconfirmed: true}, guests: true, logs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shell, logs := onCallAs(t, c.account, c.guests)
			for what, got := range map[string]struct {
				err error
				may bool
			}{"a shell": {shell, c.shell}, "the logs": {logs, c.logs}} {
				if (got.err == nil) != got.may || got.err != nil && !errors.Is(got.err, access.ErrDenied) {
					t.Errorf("%s: %v, want permission %v", what, got.err, got.may)
				}
			}
		})
	}
}

func TestLettersThatFoldIntoOthersAreNoOtherAddress(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.containers[0].Settings.RestoreAllow = access.Allow{Rule: "oncall"} })
	n.onCall["PSHOP"] = []access.Person{{Name: "Kim", Email: "kim@example.com"}}
	eve := n.slack.AddUser("U0EVE", "Eve", "\u212aim@example.com") // the sign for kelvin folds into k
	n.tap(t, eve, n.alert(t).Button("Restore pre-deploy-2255"))
	eve.ExpectEphemeral(t, n.shop, "only who is on call")
}

func TestGuestIsToldWhyTheAddressDoesNotCount(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.containers[0].Settings.RestoreAllow = access.Allow{Rule: "oncall"} })
	n.onCall["PSHOP"] = []access.Person{{Name: "Ann Lee", Email: "ann@example.com"}}
	n.ann.Becomes(slackfake.Account{Guest: true})
	n.tap(t, n.ann, n.alert(t).Button("Restore pre-deploy-2255"))
	n.ann.ExpectEphemeral(t, n.shop, "a guest's counts only with `SNAPBACK_SLACK_GUESTS=true`")
}

func TestAddressIsForgottenOnceItDoesNotCount(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	n.tap(t, n.ann, m.Button("Acknowledge"))
	n.ann.Becomes(slackfake.Account{Unconfirmed: true})
	n.do(func() { n.now = n.now.Add(2 * time.Hour) })
	n.tap(t, n.ann, m.Overflow("Resolve"))
	if got := n.count(func() int { return len(n.acts) }); got != 2 {
		t.Fatalf("acted %d times", got)
	}
	if first, second := n.acts[0].email, n.acts[1].email; first != "ann@example.com" || second != "" {
		t.Errorf("acted in PagerDuty as %q, then %q", first, second)
	}
	if p, _, _ := n.Person(t.Context(), "U0ANN"); p.Email != "" {
		t.Errorf("remembered %+v", p)
	}
}

func TestTerminalEndsWithTheSlackAccount(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c, in := theContainer(), theIncident()
	n.tap(t, n.ann, n.alert(t).Button("Terminal"))
	still := func() error {
		return n.stillMay(t, c, in, "C0SHOP", true)
	}
	if err := still(); err != nil {
		t.Fatalf("a member: %v", err)
	}
	n.slack.Outage(true)
	n.do(func() { n.now = n.now.Add(10 * time.Minute) })
	if err := still(); err != nil {
		t.Errorf("ten minutes into an outage of Slack: %v", err)
	}
	n.do(func() { n.now = n.now.Add(time.Hour) })
	if err := still(); !errors.Is(err, access.ErrUnsure) || errors.Is(err, access.ErrDenied) {
		t.Errorf("an hour later: %v", err)
	}
	n.slack.Outage(false)
	if err := still(); err != nil {
		t.Errorf("Slack is back: %v", err)
	}
	n.ann.Becomes(slackfake.Account{Deleted: true})
	n.do(func() { n.now = n.now.Add(2 * time.Minute) })
	if err := still(); !errors.Is(err, access.ErrDenied) {
		t.Errorf("two minutes after the account was deactivated: %v", err)
	}
}

func TestAccountIsLookedUpOnceAMinute(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for range 20 { // a session asks every three seconds
		if err := n.stillMay(t, theContainer(), theIncident(), "C0SHOP", true); err != nil {
			t.Fatal(err)
		}
		n.do(func() { n.now = n.now.Add(3 * time.Second) })
	}
	if got := n.slack.Calls("users.info"); got != 1 {
		t.Errorf("asked %d times in a minute", got)
	}
}

// send brings everything that another workspace can send, and returns how it was answered.
func (n *night) send(t *testing.T, option slackfake.Option) map[string]slackfake.Answer {
	t.Helper()
	return map[string]slackfake.Answer{
		"tap":     n.ann.Tap(n.alert(t).Button("Acknowledge"), option),
		"command": n.ann.Command(n.shop, "/snapback", "restore api pre-deploy-2255", option),
		"event":   n.slack.SendEvent(map[string]any{"type": "app_uninstalled"}, option, slackfake.Header("X-Slack-No-Retry", "1")),
	}
}

func TestCallsOfAnotherWorkspaceAreRefused(t *testing.T) {
	t.Parallel()
	for name, org := range map[string]string{"a workspace": "", "a workspace of an organisation": "E0ORG"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(c *bot.Config, w *world) { w.enterprise = org })
			for what, a := range n.send(t, slackfake.FromWorkspace("T0OTHER")) {
				if a.Status != 403 {
					t.Errorf("the %s was answered %d, %v", what, a.Status, a.Err)
				}
			}
			if got := len(n.drain()); got != 0 || n.count(func() int { return n.observed["refused other_workspace"] }) != 3 {
				t.Errorf("kept %d, counted %v", got, n.observed)
			}
			for what, a := range n.send(t, slackfake.FromWorkspace("")) {
				if !a.OK() {
					t.Errorf("the own %s was answered %d, %v", what, a.Status, a.Err)
				}
			}
		})
	}
}

func TestSocketModeRefusesAnotherWorkspace(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, w *world) { c.AppToken = "xapp-1" })
	n.connected(t)
	answers := n.send(t, slackfake.FromWorkspace("T0OTHER"))
	if answers["tap"].OK() || answers["command"].OK() || !answers["event"].OK() {
		t.Errorf("answered %+v", answers)
	}
	if got := len(n.drain()); got != 0 || n.count(func() int { return n.observed["refused other_workspace"] }) != 3 {
		t.Errorf("kept %d, counted %v", got, n.observed)
	}
}

// connected waits for Socket Mode.
func (n *night) connected(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); n.slack.Sockets() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no socket was opened")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// In a channel that is shared by Slack Connect, a tap names the bot's workspace, and the person's own beside it.
func TestForeignersInASharedChannelDoNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	eve := n.slack.AddUser("U0EVE", "Eve", "eve@example.net").Becomes(slackfake.Account{Workspace: "T0OTHER"})
	if a := eve.Tap(n.alert(t).Button("Restore pre-deploy-2255")); a.Status != 403 {
		t.Errorf("the tap was answered %d, %v", a.Status, a.Err)
	}
	if a := eve.Command(n.shop, "/snapback", "list"); !a.OK() { // a command names no workspace but the bot's
		t.Errorf("the command was answered %d, %v", a.Status, a.Err)
	}
	n.work(t)
	eve.ExpectEphemeral(t, n.shop, "belongs to another workspace")
	if len(n.asked()) != 0 {
		t.Error("it was executed all the same")
	}
}

func TestPeopleOfTheOrganisationAreTheWorkspacesWhenTheyAreInIt(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.enterprise = "E0ORG" })
	m := n.alert(t).Button("Restore pre-deploy-2255")
	for id, c := range map[string]struct {
		account slackfake.Account
		may     bool
	}{
		"U0IN":    {slackfake.Account{Workspace: "T0SISTER", MemberOf: []string{"T0SNAPBACK"}}, true},
		"U0OUT":   {slackfake.Account{Workspace: "T0SISTER", Enterprise: "E0ORG"}, false},
		"U0OTHER": {slackfake.Account{Workspace: "T0OTHER", Enterprise: "E0OTHER"}, false},
	} {
		before := len(n.asked())
		who := n.slack.AddUser(id, id, id+"@example.com").Becomes(c.account)
		n.tap(t, who, m)
		if got := len(n.asked()) > before; got != c.may {
			t.Errorf("%s restored: %v, want %v", id, got, c.may)
		}
	}
	n.slack.AddUser("U0NEW", "New", "new@example.com").Becomes(slackfake.Account{Workspace: "T0OTHER"})
	n.slack.Refuse("users.info", 1, "internal_error")
	n.tap(t, n.slack.User("U0NEW"), m)
	n.slack.User("U0NEW").ExpectEphemeral(t, n.shop, "whose account that is")
}

// A tap that comes before Slack has said which workspace is the bot's own is kept, and looked at when it is known.
func TestTapIsKeptUntilTheOwnWorkspaceIsKnown(t *testing.T) {
	t.Parallel()
	n := setup(t)
	button := n.alert(t).Button("Restore pre-deploy-2255")
	n.slack.Refuse("auth.test", 3, "internal_error")
	for _, option := range []slackfake.Option{slackfake.FromWorkspace("T0OTHER"), slackfake.FromWorkspace("")} {
		if a := n.ann.Tap(button, option); !a.OK() {
			t.Fatalf("answered %d, %v", a.Status, a.Err)
		}
	}
	jobs := n.drain()
	if err := n.bot.Handle(t.Context(), jobs[0].body, jobs[0].at); err == nil {
		t.Error("it was handled without knowing where it comes from")
	}
	for _, j := range jobs {
		if err := n.bot.Handle(t.Context(), j.body, j.at); err != nil {
			t.Error(err)
		}
	}
	if got := len(n.asked()); got != 1 {
		t.Errorf("restored %d times", got)
	}
}
