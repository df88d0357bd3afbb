package bot_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/slackfake"
)

// TestAnswersThatSlackDidNotTakeAreTriedAgain however a person is answered.
func TestAnswersThatSlackDidNotTakeAreTriedAgain(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*slackfake.Server){
		"put off": func(s *slackfake.Server) {
			s.RateLimit("chat.postEphemeral", 1, time.Second)
			s.RateLimit("response_url", 1, time.Second)
		},
		"refused once": func(s *slackfake.Server) {
			s.Refuse("chat.postEphemeral", 1, "internal_error")
			s.RateLimit("response_url", 1, time.Second)
		},
	} {
		for by, ask := range map[string]func(*testing.T, *night){
			"a command": func(t *testing.T, n *night) {
				n.ann.Command(n.shop, "/snapback", "status")
				n.work(t)
			},
			"a tap": func(t *testing.T, n *night) { n.tap(t, n.ann, n.alert(t).Button("Terminal")) },
		} {
			t.Run(name+" after "+by, func(t *testing.T) {
				t.Parallel()
				n := setup(t)
				n.alert(t)
				fail(n.slack)
				ask(t, n)
				n.ann.ExpectEphemeral(t, n.shop)
				if got := n.slack.Calls("chat.postEphemeral") + n.slack.Calls("response_url"); got != 3 {
					t.Errorf("Slack was called %d times", got)
				}
			})
		}
	}
}

// TestAnAnswerThatNobodyCanTakeIsGivenUp since no other try helps.
func TestAnAnswerThatNobodyCanTakeIsGivenUp(t *testing.T) {
	t.Parallel()
	n := setup(t)
	button := n.alert(t).Button("Terminal")
	n.slack.Refuse("chat.postEphemeral", 1000, "user_not_in_channel")
	n.slack.Refuse("response_url", 1000, "expired_url")
	n.tap(t, n.ann, button)
	if got := n.count(func() int { return n.observed["answer user_not_in_channel"] }); got != 1 {
		t.Errorf("given up %d times: %v", got, n.observed)
	}
}

// TestALinkAfterARestoreThatMayHaveGotLostIsShownAgain with the same link: no second one is made.
func TestALinkAfterARestoreThatMayHaveGotLostIsShownAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	r := n.restoredBy(t, "verified")
	n.slack.Refuse("chat.postEphemeral", 1, "internal_error")
	if err := n.bot.HandOver(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	n.ann.ExpectEphemeral(t, n.shop, "from the restore on")
	if len(n.mints) != 1 {
		t.Errorf("links: %v", n.mints)
	}
}
