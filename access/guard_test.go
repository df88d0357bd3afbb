package access_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// world is everything that the guard and the gate ask.
type world struct {
	present   map[string][]string // who is in which channel
	now       time.Time
	account   access.Account // of everybody
	accounts  int            // how often one was looked up
	slackErr  error
	silent    bool // Slack, when it is asked who is in a channel
	groups    map[string][]string
	onCall    map[string][]access.Person
	onCallErr error
	people    map[string]access.Person
	stands    string // where the incident's message is
	claimed   bool
	incident  incidents.Incident
	labels    access.Labels
	labelled  bool
	labelsErr error
	tokens    map[string]access.Token
}

func (w *world) Account(context.Context, string) (access.Account, error) {
	w.accounts++
	return w.account, w.slackErr
}

func (w *world) Members(_ context.Context, group string) ([]string, error) {
	return w.groups[group], w.slackErr
}

func (w *world) ChannelMembers(ctx context.Context, channel string) ([]string, error) {
	if w.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return w.present[channel], w.slackErr
}

func (w *world) OnCall(_ context.Context, service string) ([]access.Person, error) {
	return w.onCall[service], w.onCallErr
}

func (w *world) Person(_ context.Context, id string) (access.Person, bool, error) {
	p, ok := w.people[id]
	return p, ok, nil
}

func (w *world) SavePerson(_ context.Context, p access.Person) error {
	w.people[p.SlackID] = p
	return nil
}

func (w *world) MessageChannel(context.Context, int64) (string, error) { return w.stands, nil }

func (w *world) Claimed(context.Context, string) (bool, error) { return w.claimed, nil }

func (w *world) LabelsOf(context.Context, string, string) (access.Labels, bool, error) {
	return w.labels, w.labelled, w.labelsErr
}

func (w *world) Incident(context.Context, int64) (incidents.Incident, error) { return w.incident, nil }

func (w *world) FindToken(_ context.Context, id string) (access.Token, error) {
	t, ok := w.tokens[id]
	if !ok {
		return t, access.ErrUnknownToken
	}
	return t, nil
}

func setup(guests bool) (*world, *access.Guard) {
	w := &world{
		now: time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC), people: map[string]access.Person{}, labelled: true,
		account:  access.Account{Name: "Ann", Email: "Ann@example.com", Confirmed: true},
		incident: incidents.Incident{ID: 7, ServiceID: "PSHOP", Status: incidents.Triggered},
	}
	return w, access.New(access.Config{
		Slack: w, People: w, Messages: w, Containers: w, Rota: w, Channel: "C0OPS", Guests: guests, Now: func() time.Time { return w.now },
	})
}

// verdict is what an answer says.
func verdict(err error) string {
	switch {
	case err == nil:
		return "may"
	case errors.Is(err, access.ErrDenied) && !errors.Is(err, access.ErrUnsure):
		return "denied"
	case errors.Is(err, access.ErrUnsure) && !errors.Is(err, access.ErrDenied):
		return "unsure"
	}
	return err.Error()
}

func TestWhereSomebodyTapsDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service string // of the incident
		stands  string
		tapped  string
		claimed bool
		logs    string
		shell   string
	}{
		"the container's own channel":                {"PSHOP", "C0OPS", "C0SHOP", true, "may", "may"},
		"where the alert of its service stands":      {"PSHOP", "C0OPS", "C0OPS", true, "may", "may"},
		"another channel":                            {"PSHOP", "C0OPS", "C0ELSE", true, "denied", "denied"},
		"no channel at all":                          {"PSHOP", "", "", true, "denied", "denied"},
		"where an alert of another service stands":   {"PPAY", "C0OPS", "C0OPS", true, "denied", "denied"},
		"where an alert that is nobody's stands":     {"PNEW", "C0OPS", "C0OPS", false, "may", "denied"},
		"where an alert of no service at all stands": {"", "C0OPS", "C0OPS", true, "may", "denied"},
		"the alert stands elsewhere":                 {"PNEW", "C0ELSE", "C0OPS", false, "denied", "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, g := setup(false)
			w.stands, w.claimed, w.incident.ServiceID = c.stands, c.claimed, c.service
			channel := access.Allow{Rule: access.Channel}
			wish := access.Wish{
				Labels:   access.Labels{PagerDutyServices: []string{"PSHOP"}, SlackChannel: "C0SHOP", RestoreAllow: channel, TerminalAllow: channel},
				Incident: w.incident, Channel: c.tapped,
			}
			if got := verdict(g.May(t.Context(), wish)); got != c.logs {
				t.Errorf("a restore: %s, want %s", got, c.logs)
			}
			wish.Shell = true
			if got := verdict(g.May(t.Context(), wish)); got != c.shell {
				t.Errorf("a shell: %s, want %s", got, c.shell)
			}
		})
	}
}

func TestARuleThatIsUnknownPermitsNobody(t *testing.T) {
	t.Parallel()
	_, g := setup(false)
	for _, rule := range []access.Rule{"", access.Nobody, "everyone", "Channel"} {
		wish := access.Wish{Labels: access.Labels{SlackChannel: "C0SHOP", RestoreAllow: access.Allow{Rule: rule}}, Channel: "C0SHOP"}
		if got := verdict(g.May(t.Context(), wish)); got != "denied" {
			t.Errorf("%q: %s", rule, got)
		}
	}
}

func TestWhatCannotBeFoundOutIsUnsureAndNeverAPermission(t *testing.T) {
	t.Parallel()
	w, g := setup(false)
	w.onCallErr, w.slackErr = errors.New("away"), errors.New("away")
	for name, allow := range map[string]access.Allow{
		"on call": {Rule: access.OnCall}, "a group": {Rule: access.Listed, IDs: []string{"S0SRE"}},
	} {
		wish := access.Wish{Who: access.Person{SlackID: "U0ANN"}, Labels: access.Labels{PagerDutyServices: []string{"PSHOP"}, RestoreAllow: allow}}
		if got := verdict(g.May(t.Context(), wish)); got != "unsure" {
			t.Errorf("%s: %s", name, got)
		}
		if got := verdict(g.StillMay(t.Context(), wish)); got != "unsure" {
			t.Errorf("%s, of an account that nobody has seen: %s", name, got)
		}
	}
}

func TestAnAccountIsGoodForWhatItsStandingAllows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account       access.Account
		guests        bool
		logs, onCalls string
	}{
		"a member":                    {access.Account{Confirmed: true}, false, "may", "may"},
		"unconfirmed":                 {access.Account{}, false, "may", "denied"},
		"a guest":                     {access.Account{Confirmed: true, Standing: access.Guest}, false, "may", "denied"},
		"a guest, where guests count": {access.Account{Confirmed: true, Standing: access.Guest}, true, "may", "may"},
		"an unconfirmed guest":        {access.Account{Standing: access.Guest}, true, "may", "denied"},
		"a program":                   {access.Account{Confirmed: true, Standing: access.Program}, true, "denied", "denied"},
		"of another workspace":        {access.Account{Confirmed: true, Standing: access.Foreign}, true, "denied", "denied"},
		"deactivated":                 {access.Account{Confirmed: true, Standing: access.Deactivated}, true, "denied", "denied"},
		"unknown":                     {access.Account{Confirmed: true, Standing: access.Unknown}, true, "denied", "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, g := setup(c.guests)
			c.account.Email = "ann@example.com"
			w.account = c.account
			w.onCall = map[string][]access.Person{"PSHOP": {{PagerDutyID: "PANN", Email: "ANN@example.com"}}}
			wish := access.Wish{Who: access.Person{SlackID: "U0ANN"}, Labels: access.Labels{
				PagerDutyServices: []string{"PSHOP"}, SlackChannel: "C0SHOP",
				RestoreAllow: access.Allow{Rule: access.Channel}, TerminalAllow: access.Allow{Rule: access.OnCall},
			}}
			channel, err := g.MayBeNamed(t.Context(), wish)
			if got := verdict(err); got != c.logs || channel != "C0SHOP" {
				t.Errorf("logs: %s in %s, want %s", got, channel, c.logs)
			}
			wish.Shell = true
			if _, err := g.MayBeNamed(t.Context(), wish); verdict(err) != c.onCalls {
				t.Errorf("a shell: %v, want %s", err, c.onCalls)
			}
		})
	}
}

func TestAnAnswerAboutAnAccountIsRememberedForAMinute(t *testing.T) {
	t.Parallel()
	w, g := setup(false)
	wish := access.Wish{Who: access.Person{SlackID: "U0ANN"}, Labels: access.Labels{RestoreAllow: access.Allow{Rule: access.Listed, IDs: []string{"U0ANN"}}}}
	for range 40 {
		if err := g.StillMay(t.Context(), wish); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(3 * time.Second)
	}
	if w.accounts != 2 {
		t.Errorf("asked %d times in two minutes", w.accounts)
	}
}

func TestWhoeverSignsInCountsWhereTheyAreAMember(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for name, c := range map[string]struct {
		rule  access.Allow
		given func(*world)
		want  string
	}{
		"in the container's channel": {access.Allow{Rule: access.Channel}, func(w *world) { w.present["C0SHOP"] = []string{"U0ANN"} }, "may"},
		"in another channel":         {access.Allow{Rule: access.Channel}, func(w *world) { w.present["C0ELSE"] = []string{"U0ANN"} }, "denied"},
		"where the alert stands":     {access.Allow{Rule: access.Channel}, func(w *world) { w.stands, w.present["C0OPS"] = "C0OPS", []string{"U0ANN"} }, "may"},
		"Slack does not tell":        {access.Allow{Rule: access.Channel}, func(w *world) { w.slackErr = away }, "unsure"},
		"listed":                     {access.Allow{Rule: access.Listed, IDs: []string{"U0ANN"}}, func(*world) {}, "may"},
		"not listed, in the channel": {access.Allow{Rule: access.Listed, IDs: []string{"U0BOB"}}, func(w *world) { w.present["C0SHOP"] = []string{"U0ANN"} }, "denied"},
		"the account is over": {access.Allow{Rule: access.Channel}, func(w *world) {
			w.present["C0SHOP"], w.account.Standing = []string{"U0ANN"}, access.Deactivated
		}, "denied"},
		"nobody may": {access.Allow{Rule: access.Nobody}, func(w *world) { w.present["C0SHOP"] = []string{"U0ANN"} }, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, g := setup(false)
			w.present = map[string][]string{}
			c.given(w)
			wish := access.Wish{
				Who: access.Person{SlackID: "U0ANN"}, Incident: w.incident, Channel: "C0SHOP", // which is what a client may say
				Labels: access.Labels{PagerDutyServices: []string{"PSHOP"}, SlackChannel: "C0SHOP", RestoreAllow: c.rule},
			}
			if got := verdict(g.MayFromConsole(t.Context(), wish)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
