package bot_test

import (
	"bytes"
	"errors"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

// seen is a picture of errors until then.
func picturedUntil(clock string) *chart.Chart {
	c := &chart.Chart{Service: "api", To: at(clock), Events: []chart.Event{{At: at("03:42"), Kind: chart.Alert}}}
	for t := at("22:00"); t.Before(c.To); t = t.Add(time.Minute) {
		c.Minutes = append(c.Minutes, flat.Minute{At: t, Errors: 1, Seconds: 60, Share: 1})
	}
	return c
}

// pictured is a night with a picture.
func pictured(t *testing.T) (*night, slackfake.Message) {
	t.Helper()
	n := setup(t, func(_ *bot.Config, w *world) { w.picture = picturedUntil("03:42") })
	return n, n.alert(t)
}

// pictures are the files of a message's thread.
func pictures(m slackfake.Message) (out []slackfake.File) {
	for _, r := range m.Now().Replies {
		if !r.Deleted {
			out = append(out, r.Files...)
		}
	}
	return out
}

// onePicture is the only one in the thread.
func onePicture(t *testing.T, m slackfake.Message, title string) slackfake.File {
	t.Helper()
	all := pictures(m)
	if len(all) != 1 || all[0].Title != title {
		t.Fatalf("the thread has %d pictures: %+v; want one, %q", len(all), all, title)
	}
	return all[0]
}

// happens writes an entry, and has it told.
func (n *night) happens(t *testing.T, kind incidents.Kind, clock string) {
	t.Helper()
	n.do(func() { n.picture = picturedUntil(clock) })
	n.write(t, incidents.Entry{IncidentID: 7, Kind: kind, Summary: string(kind), OccurredAt: at(clock)})
	n.deliver(t, 7)
}

func TestThreadHasThePictureOfTheErrors(t *testing.T) {
	t.Parallel()
	n, alert := pictured(t)
	file := onePicture(t, alert, "Errors a minute, 03:42")
	drawn, err := png.Decode(bytes.NewReader(file.Data))
	if err != nil || drawn.Bounds().Dx() != 1170 || file.MIMEType != "image/png" || !strings.HasPrefix(file.Alt, "Errors a minute of api from 21:42 to 03:42.") {
		t.Errorf("%v, %s, %q: %v", drawn.Bounds(), file.MIMEType, file.Alt, err)
	}
	n.deliver(t, 7)
	n.happens(t, incidents.KindNote, "03:45")
	if again := onePicture(t, alert, "Errors a minute, 03:42"); again.ID != file.ID {
		t.Error("it was drawn anew although nothing has happened")
	}
	for _, step := range []struct {
		kind  incidents.Kind
		clock string
	}{{incidents.KindRestoreVerified, "03:46"}, {incidents.KindErrorsFalling, "03:47"}, {incidents.KindErrorsFlat, "03:49"}, {incidents.KindPagerDutyResolved, "03:55"}} {
		n.happens(t, step.kind, step.clock)
		onePicture(t, alert, "Errors a minute, "+step.clock)
	}
}

func TestThePictureMovesWithItsThread(t *testing.T) {
	t.Parallel()
	for name, closeIt := range map[string]func(*night){
		"an edit sees it": func(n *night) { n.shop.Archive() }, "a reply sees it": func(n *night) { n.shop.ReadOnly() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := pictured(t)
			closeIt(n)
			n.do(func() { n.incidents[7], n.picture = retitled(), picturedUntil("03:45") })
			n.write(t, note(7, 1))
			n.deliver(t, 7)
			moved := n.ops.ExpectMessage(t, "above 9 %", "<#C0SHOP> did not take this")
			file := onePicture(t, moved, "Errors a minute, 03:45")
			n.deliver(t, 7)
			if again := onePicture(t, moved, "Errors a minute, 03:45"); again.ID != file.ID {
				t.Error("it was drawn anew although nothing has happened")
			}
			n.happens(t, incidents.KindRestoreVerified, "03:46")
			onePicture(t, moved, "Errors a minute, 03:46")
		})
	}
}

func TestWithoutThePermissionToUploadAllElseIsTold(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.picture = picturedUntil("03:42") })
	n.slack.Refuse("files.getUploadURLExternal", 100, "missing_scope")
	alert := n.alert(t)
	n.happens(t, incidents.KindNote, "03:45")
	alert.ExpectReply(t, "note")
	if calls := n.slack.Calls("files.getUploadURLExternal"); len(pictures(alert)) > 0 || calls != 1 {
		t.Errorf("%d pictures, asked %d times", len(pictures(alert)), calls)
	}
	if err := n.bot.Lacks(t.Context()); err != nil {
		t.Errorf("Slack has not said which scopes there are: %v", err)
	}
}

// Whatever Slack does with a picture, the next delivery ends with one, and the alert is there all along.
func TestAPictureThatFailedIsThereOnceInTheEnd(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*slackfake.Server){
		"no address":                   func(s *slackfake.Server) { s.RateLimit("files.getUploadURLExternal", 1, time.Second) },
		"an address without an answer": func(s *slackfake.Server) { s.DropResponse("files.getUploadURLExternal", 1) },
		"not shown":                    func(s *slackfake.Server) { s.RateLimit("files.completeUploadExternal", 1, time.Second) },
		"shown without an answer":      func(s *slackfake.Server) { s.DropResponse("files.completeUploadExternal", 1) },
		"perhaps shown":                func(s *slackfake.Server) { s.Refuse("files.completeUploadExternal", 1, "internal_error") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(_ *bot.Config, w *world) { w.picture = picturedUntil("03:42") })
			fail(n.slack)
			testkit.OK(t, n.bot.Deliver(t.Context(), 7))
			if err := n.bot.Draw(t.Context(), 7); err == nil {
				t.Error("nobody is told to try again")
			}
			alert := n.shop.ExpectMessage(t, "Checkout error rate")
			n.deliver(t, 7)
			onePicture(t, alert, "Errors a minute, 03:42")
		})
	}
}

// A picture that can't be drawn is tried a few times, and then let be until the next one is due.
func TestAPictureThatCannotBeDrawnIsGivenUp(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.unpictured = errors.New("a minute of errors is not a number") })
	testkit.OK(t, n.bot.Deliver(t.Context(), 7))
	alert := n.shop.ExpectMessage(t, "Checkout error rate")
	for try := 1; try < 5; try++ {
		if err := n.bot.Draw(t.Context(), 7); err == nil {
			t.Fatalf("after try %d nobody is told to try again", try)
		}
	}
	testkit.OK(t, n.bot.Draw(t.Context(), 7))
	n.do(func() { n.unpictured, n.picture = nil, picturedUntil("03:45") })
	n.deliver(t, 7)
	if all := pictures(alert); len(all) != 0 {
		t.Errorf("it was tried once more: %+v", all)
	}
	n.happens(t, incidents.KindRestoreVerified, "03:46")
	onePicture(t, alert, "Errors a minute, 03:46")
}

func TestTheOldPictureGoesEvenIfThatFailsOnce(t *testing.T) {
	t.Parallel()
	n, alert := pictured(t)
	n.slack.RateLimit("files.delete", 1, time.Second)
	n.do(func() { n.picture = picturedUntil("03:46") })
	n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindRestoreVerified, Summary: "verified", OccurredAt: at("03:46")})
	testkit.OK(t, n.bot.Deliver(t.Context(), 7))
	if err := n.bot.Draw(t.Context(), 7); err == nil {
		t.Error("nobody is told to try again")
	}
	n.deliver(t, 7)
	onePicture(t, alert, "Errors a minute, 03:46")
}

// A bot that dies after Slack has shown a picture, and before that is noted, leaves no second one behind.
func TestPictureOfABotThatDiedIsNotThereTwice(t *testing.T) {
	t.Parallel()
	n, alert := pictured(t)
	n.do(func() {
		m := n.messages[7]
		m.Picture = incidents.ThreadPicture{Due: m.Picture.Due, Old: []string{m.Picture.File}} // as it stood before it was shown
		n.messages[7] = m
	})
	n.deliver(t, 7)
	onePicture(t, alert, "Errors a minute, 03:42")
}

func TestAPictureThatNeverGetsThereIsGivenUp(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.picture = picturedUntil("03:42") })
	n.slack.Refuse("files.completeUploadExternal", 100, "internal_error")
	testkit.OK(t, n.bot.Deliver(t.Context(), 7))
	tries := 0
	for n.bot.Draw(t.Context(), 7) != nil {
		if tries++; tries > 20 {
			t.Fatal("it is tried for ever")
		}
	}
}

// TestPictureIsDrawnAnewAtEveryOutcome: also when errors stay up, nothing can be told, or what was rolled back returns.
func TestPictureIsDrawnAnewAtEveryOutcome(t *testing.T) {
	t.Parallel()
	n, alert := pictured(t)
	for _, c := range []struct {
		kind incidents.Kind
		at   string
	}{
		{incidents.KindErrorsNotFlat, "03:51"}, {incidents.KindErrorsUnknown, "03:56"}, {incidents.KindDeployBack, "03:58"},
	} {
		n.happens(t, c.kind, c.at)
		onePicture(t, alert, "Errors a minute, "+c.at)
	}
}
