package bot_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot"
)

func TestWhoMayRestore(t *testing.T) {
	t.Parallel()
	oncall := access.Allow{Rule: "oncall"}
	ann := access.Person{PagerDutyID: "PANN", Name: "Ann Lee", Email: "ANN@example.com"}
	for name, c := range map[string]struct {
		rule   access.Allow
		given  func(*night)
		denied string // "": Ann may
	}{
		"channel":                        {rule: access.Allow{Rule: "channel"}},
		"nobody":                         {rule: access.Allow{Rule: "none"}, denied: "nobody may restore api"},
		"a rule that is unknown":         {rule: access.Allow{Rule: "everyone"}, denied: "nobody may restore api"},
		"no rule":                        {denied: "nobody may restore api"},
		"on call, by e-mail in any case": {rule: oncall, given: func(n *night) { n.onCall["PSHOP"] = []access.Person{ann} }},
		"on call, by ID": {rule: oncall, given: func(n *night) {
			n.people["U0ANN"] = access.Person{SlackID: "U0ANN", PagerDutyID: "PANN"}
			n.onCall["PSHOP"] = []access.Person{{PagerDutyID: "PANN"}}
		}},
		"only the name is the same":    {rule: oncall, given: func(n *night) { n.onCall["PSHOP"] = []access.Person{{Name: "Ann Lee", Email: "other@example.com"}} }, denied: "ask Ann Lee"},
		"on call for another service":  {rule: oncall, given: func(n *night) { n.onCall["PELSE"] = []access.Person{ann} }, denied: "only who is on call may restore api"},
		"nobody has an e-mail address": {rule: oncall, given: func(n *night) { n.onCall["PSHOP"] = []access.Person{{Name: "Bob"}} }, denied: "only who is on call"},
		"PagerDuty is away":            {rule: oncall, given: func(n *night) { n.onCallErr = errors.New("away") }, denied: "PagerDuty does not tell me who that is"},
		"listed":                       {rule: access.Allow{Rule: "listed", IDs: []string{"U0BOB", "U0ANN"}}},
		"not listed":                   {rule: access.Allow{Rule: "listed", IDs: []string{"U0BOB"}}, denied: "only these may restore api: <@U0BOB>"},
		"nobody is listed":             {rule: access.Allow{Rule: "listed"}, denied: "only these may"},
		"in a group":                   {rule: access.Allow{Rule: "listed", IDs: []string{"S0SRE"}}, given: func(n *night) { n.slack.AddUserGroup("S0SRE", n.bob, n.ann) }},
		"not in the group":             {rule: access.Allow{Rule: "listed", IDs: []string{"S0SRE"}}, given: func(n *night) { n.slack.AddUserGroup("S0SRE", n.bob) }, denied: "group `S0SRE`"},
		"the group can't be looked up": {rule: access.Allow{Rule: "listed", IDs: []string{"S0SRE"}}, denied: "Slack does not tell me who is in the groups"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			if c.given != nil {
				c.given(n)
			}
			shown := n.alert(t).Button("Restore pre-deploy-2255")
			n.do(func() { n.containers[0].Settings.RestoreAllow = c.rule }) // what the button shows need not be so any more
			n.tap(t, n.ann, shown)
			if c.denied == "" {
				if len(n.asked()) != 1 {
					t.Fatalf("she may, and got %v", n.ann.Ephemerals(n.shop))
				}
				return
			}
			n.ann.ExpectEphemeral(t, n.shop, c.denied)
			n.wantRefusal(t, 7)
			if len(n.asked()) != 0 {
				t.Error("it was executed all the same")
			}
		})
	}
}

func TestCommandFromAnotherChannelMayNotRestore(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for _, other := range []*slackfake.Channel{n.slack.AddChannel("C0ELSE", "random"), n.ops} {
		n.ann.Command(other, "/snapback", "restore api pre-deploy-2255")
		n.work(t)
		n.ann.ExpectEphemeral(t, other, "to restore api, ask me in <#C0SHOP>")
	}
}

// What a button carries has been through the client of whoever taps it.
func TestButtonMadeUpForAContainerOfAnotherChannelDoesNothing(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) {
		pay := theContainer()
		pay.Key, pay.Name, pay.Settings.SlackChannel, pay.Settings.PagerDutyServices = "k/pay", "pay", "C0PAY", []string{"PPAY"}
		w.containers = append(w.containers, pay)
		theirs := theIncident()
		theirs.ID, theirs.ServiceID = 8, "PPAY"
		w.incidents[8], w.messages[8] = theirs, incidents.Message{IncidentID: 8, Channel: "C0PAY", TS: "1.1"}
		w.snapshots["k/pay"] = []snapshot.Snapshot{{ID: 3, Key: "k/pay", Container: "pay", Name: "good", Reason: snapshot.Manual, CreatedAt: at("00:00")}}
	})
	sum := sha256.Sum256([]byte("k/pay"))
	alert := n.alert(t)
	made := func(button string, incident int, key []byte) {
		c := alert.Button(button)
		c.Value = fmt.Sprintf(`{"i":%d,"k":"%x","c":"%s","s":"good"}`, incident, key[:8], apiID[:12])
		n.tap(t, n.ann, c)
	}
	own := sha256.Sum256([]byte("k/api"))
	for _, button := range []string{"Restore pre-deploy-2255", "Terminal"} {
		if made(button, 8, own[:]); len(n.entries[8]) != 0 {
			t.Errorf("%s has come onto another incident's timeline: %v", button, n.entries[8])
		}
	}
	for _, button := range []string{"Restore pre-deploy-2255", "Terminal"} {
		for _, incident := range []int{0, 7, 8} {
			made(button, incident, sum[:])
		}
	}
	n.ann.ExpectEphemeral(t, n.shop, "to restore pay, ask me in <#C0PAY>")
	n.ann.ExpectEphemeral(t, n.shop, "to see the logs of pay, ask me in <#C0PAY>")
	n.ann.ExpectEphemeral(t, n.shop, "a terminal belongs to an incident")
	for _, action := range []string{"acknowledge", "details", "resolve"} {
		c := alert.Button("Acknowledge")
		c.ActionID, c.Value = action, `{"i":8}`
		n.tap(t, n.ann, c)
	}
	n.do(func() {
		theirs := n.incidents[8]
		theirs.Status, theirs.ResolvedBy = incidents.Resolved, "Pat"
		n.incidents[8] = theirs
	})
	made("Acknowledge", 8, own[:])
	for _, m := range n.ann.Ephemerals(n.shop) {
		if strings.Contains(m.String(), "Pat") {
			t.Errorf("another channel's incident was told of: %s", m)
		}
	}
	if n.ann.ExpectEphemeral(t, n.shop, "that incident's message is in <#C0PAY>"); len(n.acts) != 0 {
		t.Errorf("PagerDuty was asked: %v", n.acts)
	}
	if len(n.asked()) != 0 || len(n.mints) != 0 {
		t.Errorf("restores %v, links %v", n.asked(), n.mints)
	}
}

// The default channel restores suspects of other channels, and sees their logs. A shell in them is the affair of their own.
func TestSuspectOfAnotherChannelHasNoShellForTheDefaultOne(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) {
		in := theIncident()
		in.ServiceID = "PELSE"
		w.incidents[7] = in
	})
	n.deliver(t, 7)
	m := n.ops.ExpectMessage(t, "Deployed last:")
	n.tap(t, n.ann, m.Button("Terminal"))
	n.tap(t, n.ann, m.Button("Restore pre-deploy-2255 (api)"))
	n.ann.ExpectEphemeral(t, n.ops, "The logs of api", "No shell: only from <#C0SHOP> may one open a shell", "Logs and restores work from here")
	if len(n.mints) != 1 || !strings.HasSuffix(n.mints[0], "logs") || len(n.asked()) != 1 {
		t.Errorf("links %v, restores %v", n.mints, n.asked())
	}
}

func TestWithoutPermissionForTheLogsThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) {
		w.containers[0].Settings.RestoreAllow, w.containers[0].Settings.TerminalAllow = access.Allow{Rule: "none"}, access.Allow{Rule: "none"}
	})
	n.tap(t, n.ann, n.alert(t).Button("Terminal"))
	n.ann.ExpectEphemeral(t, n.shop, "nobody may see the logs of api")
	if len(n.mints) != 0 {
		t.Errorf("minted %v", n.mints)
	}
}

func TestUserGroupsAreRememberedForAMinute(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) {
		w.containers[0].Settings.RestoreAllow = access.Allow{Rule: "listed", IDs: []string{"S0SRE"}}
	})
	n.slack.AddUserGroup("S0SRE", n.bob)
	tap := func(m slackfake.Message) { n.tap(t, n.ann, m.Button("Restore pre-deploy-2255")) }
	m := n.alert(t)
	tap(m)
	tap(m)
	if got := n.slack.Calls("usergroups.users.list"); got != 1 {
		t.Errorf("asked %d times", got)
	}
}

// stillMay asks whether Ann would be let into a terminal for which she has tapped in a channel.
func (n *night) stillMay(t *testing.T, c snapshot.Container, in incidents.Incident, channel string, shell bool) error {
	t.Helper()
	return n.guard.StillMay(t.Context(), access.Wish{Who: access.Person{SlackID: "U0ANN"}, Labels: c.Settings.Labels, Incident: in, Channel: channel, Shell: shell})
}

func TestWhoeverGoesOffCallLosesTheTerminal(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c, in := theContainer(), theIncident()
	c.Settings.TerminalAllow = access.Allow{Rule: "oncall"}
	may := func(shell bool) error {
		return n.stillMay(t, c, in, "C0SHOP", shell)
	}
	n.do(func() {
		n.people["U0ANN"] = access.Person{SlackID: "U0ANN", Email: "ann@example.com"}
		n.onCall["PSHOP"] = []access.Person{{Email: "ann@example.com"}}
	})
	if err := may(true); err != nil {
		t.Errorf("on call: %v", err)
	}
	n.do(func() { n.onCall, n.now = nil, n.now.Add(2*time.Minute) })
	if err := may(true); !errors.Is(err, access.ErrDenied) {
		t.Errorf("off call: %v", err)
	}
	if err := may(false); err != nil {
		t.Errorf("logs, which are the channel's: %v", err)
	}
	n.do(func() { n.onCallErr, n.now = errors.New("away"), n.now.Add(2*time.Minute) })
	if err := may(true); !errors.Is(err, access.ErrUnsure) || errors.Is(err, access.ErrDenied) {
		t.Errorf("PagerDuty is away: %v", err)
	}
	c.Settings.TerminalAllow = access.Allow{Rule: "channel"}
	if err := n.stillMay(t, c, in, "C0OPS", true); !errors.Is(err, access.ErrDenied) {
		t.Errorf("a shell from the default channel: %v", err)
	}
}

// Slack shows a message before the bot has written down that it is there, and a thumb may be quicker.
func TestTapThatComesBeforeItsMessageIsWrittenDownWaits(t *testing.T) {
	t.Parallel()
	n := setup(t)
	m := n.alert(t)
	var written incidents.Message
	n.do(func() { written = n.messages[7]; delete(n.messages, 7) })
	if answer := n.ann.Tap(m.Button("Acknowledge")); !answer.OK() {
		t.Fatalf("the tap: %+v", answer)
	}
	taps := n.drain()
	var later *bot.Error
	if err := n.bot.Handle(t.Context(), taps[0].body, taps[0].at); !errors.As(err, &later) || !later.Retry {
		t.Errorf("before it is written down: %v", err)
	}
	if said := n.ann.Ephemerals(n.shop); len(said) != 0 {
		t.Errorf("told %v", said)
	}
	n.do(func() { n.messages[7] = written })
	if err := n.bot.Handle(t.Context(), taps[0].body, taps[0].at); err != nil {
		t.Error(err)
	}
	if n.do(func() {}); len(n.acts) != 1 {
		t.Errorf("acts %+v", n.acts)
	}
}

func TestADenialOfTheEngineIsToldWithTheCall(t *testing.T) {
	t.Parallel()
	n := setup(t)
	button := n.alert(t).Button("Restore pre-deploy-2255")
	n.do(func() {
		n.askErr = fmt.Errorf("asking: %w", &snapshot.DeniedError{Call: "POST /containers/{id}/stop", Status: 403})
	})
	n.tap(t, n.ann, button)
	n.ann.ExpectEphemeral(t, n.shop, "Nothing was done", "denies POST /containers/{id}/stop (403)", "allow that call")
	n.do(func() { n.engineErr = &snapshot.DeniedError{Call: "GET /info", Status: 403} })
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || e.Reason != "incomplete" {
		t.Fatalf("got %v", err)
	}
	n.shop.ExpectMessage(t, "Checkout error rate", "denies GET /info (403)")
}

func TestAMisspeltLabelIsToldInTheMessageByStatusAndToWhoIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t)
	shown := n.alert(t).Button("Restore pre-deploy-2255")
	n.do(func() {
		labels := map[string]string{
			"snapback.enable": "true", "snapback.pagerduty.service": "PSHOP", "snapback.slack.channel": "C0SHOP", "snapback.restor.allow": "oncall",
		}
		n.containers[0].Settings = snapshot.ParseSettings(labels)
		n.misnamed = []string{`worker: label snapback.enable="yes": want true or false`}
	})
	n.deliver(t, 7)
	const told = "did you mean snapback.restore.allow?"
	alert := n.shop.ExpectMessage(t, "⚠️ api: label snapback.restor.allow", told, "No Restore button: nobody may restore api from Slack until a label is put right")
	if alert.Button("Restore pre-deploy-2255").Exists() {
		t.Errorf("what nobody may is offered:\n%s", alert)
	}
	n.tap(t, n.ann, shown)
	n.ann.ExpectEphemeral(t, n.shop, "nobody may restore api until a label of the container is put right: label snapback.restor.allow")
	n.wantRefusal(t, 7)
	n.ann.Command(n.shop, "/snapback", "status")
	n.work(t)
	n.ann.ExpectEphemeral(t, n.shop, "⚠️ api: label snapback.restor.allow", told, "worker: label snapback.enable")
}
