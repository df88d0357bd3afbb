package demo

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"github.com/slack-go/slack"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

// The demo fails when one of the places does not tell that errors are flat.
func TestFlatIsReadWhereverItIsToBeTold(t *testing.T) {
	t.Parallel()
	const line = "Flat since 03:49, 2 min 40 s after the restore: 1.0 a minute, baseline 1.1"
	ann := pagerdutyfake.User{ID: "PANN", Name: "Ann", Email: "ann@example.com"}
	for _, missing := range []string{"nothing", "line", "reply", "note", "picture"} {
		t.Run("without "+missing, func(t *testing.T) {
			t.Parallel()
			s := slackfake.Start(t, slackfake.Config{BotToken: "xoxb-test", SigningSecret: "s"})
			pd := pagerdutyfake.Start(t, pagerdutyfake.Config{APIToken: "t", Users: []pagerdutyfake.User{ann}})
			n := &night{opts: Options{Stdout: io.Discard}, channel: s.AddChannel("C1", "ops"), incident: pd.AddService("P1", "shop").Trigger(alertTitle)}
			api := slack.New("xoxb-test", slack.OptionAPIURL(s.APIURL()))
			told := func(what, text string) string {
				if what == missing {
					return "nothing"
				}
				return text
			}
			_, ts, err := api.PostMessage("C1", slack.MsgOptionText(alertTitle+"\n✅ "+told("line", line), false))
			testkit.OK(t, err)
			_, _, err = api.PostMessage("C1", slack.MsgOptionText("✅ "+told("reply", line), false), slack.MsgOptionTS(ts), slack.MsgOptionBroadcast())
			testkit.OK(t, err)
			if missing != "picture" {
				_, err = api.UploadFile(slack.UploadFileParameters{Content: "PNG!", FileSize: 4, Filename: "errors.png", AltTxt: "a curve", Channel: "C1", ThreadTimestamp: ts})
				testkit.OK(t, err)
			}
			client := pagerduty.NewClient("t", pagerduty.WithAPIEndpoint(pd.URL()))
			_, err = client.CreateIncidentNoteWithContext(t.Context(), n.incident.ID(), pagerduty.IncidentNote{Content: told("note", line), User: pagerduty.APIObject{Summary: ann.Email}})
			testkit.OK(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if missing != "nothing" {
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			if err := n.readFlat(ctx); (err == nil) != (missing == "nothing") {
				t.Errorf("got %v", err)
			}
		})
	}
}
