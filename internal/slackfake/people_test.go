package slackfake_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/snapback/snapback/internal/slackfake"
)

func TestATapIsWhatSlackSends(t *testing.T) {
	t.Parallel()
	w := setup(t)
	taps := make(chan slack.InteractionCallback, 4)
	w.listen(t, func(rw http.ResponseWriter, r *http.Request) {
		if _, err := verified(r); err != nil {
			http.Error(rw, err.Error(), http.StatusUnauthorized)
			return
		}
		cb, err := slack.InteractionCallbackParse(r)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		taps <- cb
	})
	_, ts, err := w.api.PostMessage("C1", alert("down"))
	if err != nil {
		t.Fatal(err)
	}
	msg := w.ops.ExpectMessage(t, "down")
	restore := msg.Button("Restore pre-deploy-2255")
	if restore.Confirm == nil || restore.Confirm.Title != "Restore?" || restore.Style != "danger" {
		t.Errorf("the dialog is %+v", restore.Confirm)
	}
	first, second := w.ann.TapTwice(restore)
	if !first.OK() || !second.OK() {
		t.Fatalf("two taps: %+v, %+v", first, second)
	}
	one, two := <-taps, <-taps
	if one.ActionCallback.BlockActions[0].ActionTs != two.ActionCallback.BlockActions[0].ActionTs {
		t.Errorf("two taps: %+v, %+v", first, second)
	}
	act := one.ActionCallback.BlockActions[0]
	got := []string{
		one.User.ID, one.Channel.ID, one.Container.MessageTs, one.Message.Timestamp, act.ActionID, act.BlockID, act.Value, act.Text.Text, one.ResponseURL,
	}
	want := []string{"U1", "C1", ts, ts, "restore", "act", "snap-1", "Restore pre-deploy-2255", first.ResponseURL}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a := w.ann.Tap(msg.Overflow("Resolve")); !a.OK() {
		t.Fatalf("overflow: %+v", a)
	}
	if cb := <-taps; cb.ActionCallback.BlockActions[0].SelectedOption.Value != "resolve" {
		t.Errorf("overflow chose %+v", cb.ActionCallback.BlockActions[0])
	}
}

func TestForgedAndLateTapsAreMade(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.listen(t, func(rw http.ResponseWriter, r *http.Request) {
		if _, err := verified(r); err != nil {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, err := slack.InteractionCallbackParse(r); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
		}
	})
	if _, _, err := w.api.PostMessage("C1", alert("down")); err != nil {
		t.Fatal(err)
	}
	ack := w.ops.ExpectMessage(t, "down").Button("Acknowledge")
	got := map[string]int{
		"good":     w.ann.Tap(ack).Status,
		"wrong":    w.ann.Tap(ack, slackfake.WrongSignature()).Status,
		"unsigned": w.ann.Tap(ack, slackfake.Unsigned()).Status,
		"late":     w.ann.Tap(ack, slackfake.SentAt(time.Now().Add(-6*time.Minute))).Status,
		"rubbish":  w.ann.Tap(ack, slackfake.RawPayload([]byte("{"))).Status,
	}
	want := map[string]int{"good": 200, "wrong": 401, "unsigned": 401, "late": 401, "rubbish": 400}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a := w.ann.Tap(w.ops.ExpectMessage(t, "down").Button("Explode")); a.Err == nil || !strings.Contains(a.Err.Error(), "[Acknowledge]") {
		t.Errorf("a button that isn't there: %v", a.Err)
	}
}

func TestASlowAppShowsOperationTimeout(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *slackfake.Config) { c.AckTimeout = 50 * time.Millisecond })
	w.listen(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = verified(r) // the end of the connection is only noticed once the body is read
		<-r.Context().Done()
	})
	if _, _, err := w.api.PostMessage("C1", alert("down")); err != nil {
		t.Fatal(err)
	}
	a := w.ann.Tap(w.ops.ExpectMessage(t, "down").Button("Acknowledge"))
	if !a.TimedOut || len(w.ann.Notices()) != 1 || w.ann.Notices()[0].Code != "operation_timeout" {
		t.Errorf("got %+v and %v", a, w.ann.Notices())
	}
}

func TestResponseURLsEndAfterFiveUsesOrThirtyMinutes(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := setup(t, func(c *slackfake.Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	w.listen(t, func(http.ResponseWriter, *http.Request) {})
	if _, _, err := w.api.PostMessage("C1", alert("down")); err != nil {
		t.Fatal(err)
	}
	msg := w.ops.ExpectMessage(t, "down")
	link := w.ann.Tap(msg.Button("Acknowledge")).ResponseURL
	say := func(to string, m slack.WebhookMessage) error { return slack.PostWebhook(to, &m) }
	steps := []slack.WebhookMessage{
		{Text: "only you"},
		{Text: "everyone", ResponseType: "in_channel"},
		{Text: "replaced", ReplaceOriginal: true, Blocks: &slack.Blocks{BlockSet: []slack.Block{slack.NewDividerBlock()}}},
		{DeleteOriginal: true},
		{Text: "fifth"},
	}
	for i, m := range steps {
		if err := say(link, m); err != nil {
			t.Fatalf("use %d: %v", i+1, err)
		}
	}
	w.ann.ExpectEphemeral(t, w.ops, "only you")
	w.ops.ExpectMessage(t, "everyone")
	if now := msg.Now(); !now.Deleted {
		t.Errorf("the original is still there: %v", now)
	}
	if err := say(link, slack.WebhookMessage{Text: "sixth"}); err == nil {
		t.Error("a sixth use was taken")
	}
	late := w.ann.Command(w.ops, "/snapback", "status").ResponseURL
	ahead.Store(int64(31 * time.Minute))
	if err := say(late, slack.WebhookMessage{Text: "late"}); err == nil {
		t.Error("a use after 31 minutes was taken")
	}
}

func TestTriggersOpenOneModalWithinThreeSeconds(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := setup(t, func(c *slackfake.Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	values := make(chan string, 1)
	w.listen(t, func(rw http.ResponseWriter, r *http.Request) {
		cb, err := slack.InteractionCallbackParse(r)
		if err == nil && cb.Type == slack.InteractionTypeViewSubmission {
			v := cb.View.State.Values["note"]["text"].Value
			values <- v
			if v == "" {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprint(rw, `{"response_action":"errors","errors":{"note":"say something"}}`)
			}
		}
	})
	input := slack.NewInputBlock("note", plain("Note"), nil, slack.NewPlainTextInputBlockElement(nil, "text"))
	modal := slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain("Add a note"), Submit: plain("Add"), PrivateMetadata: "i1",
		Blocks: slack.Blocks{BlockSet: []slack.Block{input}},
	}
	tap := w.ann.Command(w.ops, "/snapback", "note")
	opened, err := w.api.OpenView(tap.TriggerID, modal)
	if err != nil {
		t.Fatal(err)
	}
	if v := w.ann.ExpectView(t, "Add a note", "Note"); v.ID != opened.View.ID || v.Metadata != "i1" {
		t.Errorf("open: %+v", v)
	}
	_, used := w.api.OpenView(tap.TriggerID, modal)
	late := w.ann.Command(w.ops, "/snapback", "note")
	ahead.Store(int64(4 * time.Second))
	_, expired := w.api.OpenView(late.TriggerID, modal)
	_, forged := w.api.OpenView("1.2.3", modal)
	if got := []string{code(used), code(expired), code(forged)}; !cmp.Equal(got, []string{"exchanged_trigger_id", "expired_trigger_id", "invalid_trigger_id"}) {
		t.Errorf("got %v", got)
	}
	modal.Title = plain("Another note")
	if _, err := w.api.UpdateView(modal, "", opened.Hash, opened.View.ID); err != nil {
		t.Errorf("update: %v", err)
	}
	w.ann.ExpectView(t, "Another note")
	empty := w.ann.Submit(nil)
	if <-values; empty.FieldErrors["note"] != "say something" {
		t.Errorf("empty: %+v", empty)
	}
	full := w.ann.Submit(map[string]map[string]any{"note": {"text": map[string]any{"type": "plain_text_input", "value": "hi"}}})
	if got := <-values; got != "hi" || !full.OK() {
		t.Errorf("sent %q: %+v", got, full)
	}
	if _, open := w.ann.View(); open {
		t.Error("the modal is still open")
	}
}

func TestEventsAreRepeatedUntilTaken(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *slackfake.Config) { c.EventRetries = []time.Duration{0, time.Millisecond} })
	seen := make(chan string, 10)
	var calls atomic.Int32
	w.listen(t, func(rw http.ResponseWriter, r *http.Request) {
		body, err := verified(r)
		if err != nil {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.Contains(string(body), "url_verification") {
			_, rest, _ := strings.Cut(string(body), `"challenge":"`)
			_, _ = fmt.Fprint(rw, rest[:strings.Index(rest, `"`)])
			return
		}
		seen <- r.Header.Get("X-Slack-Retry-Num") + r.Header.Get("X-Slack-Retry-Reason")
		if calls.Add(1) < 3 {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	})
	if err := w.VerifyEventsURL(); err != nil {
		t.Error(err)
	}
	if a := w.ann.Say(w.ops, "hello"); a.Status != 500 {
		t.Fatalf("first: %+v", a)
	}
	if diff := cmp.Diff([]string{"", "1http_error", "2http_error"}, []string{<-seen, <-seen, <-seen}); diff != "" {
		t.Error(diff)
	}
}

func TestBlockLimits(t *testing.T) {
	t.Parallel()
	w := setup(t)
	long := func(n int) string { return strings.Repeat("é", n) }
	button := func(text, value, id string) *slack.ButtonBlockElement {
		return slack.NewButtonBlockElement(id, value, plain(text))
	}
	section := func(n int) slack.Block {
		return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, long(n), false, false), nil, nil)
	}
	fields := func(n, length int) slack.Block {
		var list []*slack.TextBlockObject
		for range n {
			list = append(list, plain(long(length)))
		}
		return slack.NewSectionBlock(nil, list, nil)
	}
	actions := func(n int) slack.Block {
		var list []slack.BlockElement
		for i := range n {
			list = append(list, button("b", "v", fmt.Sprint("a", i)))
		}
		return slack.NewActionBlock("", list...)
	}
	context := func(n int) slack.Block {
		var list []slack.MixedElement
		for range n {
			list = append(list, plain("c"))
		}
		return slack.NewContextBlock("", list...)
	}
	overflow := func(n, length int) slack.Block {
		var list []*slack.OptionBlockObject
		for range n {
			list = append(list, slack.NewOptionBlockObject("v", plain(long(length)), nil))
		}
		return slack.NewActionBlock("", slack.NewOverflowBlockElement("o", list...))
	}
	confirm := func(title, text int) slack.Block {
		b := button("b", "v", "a")
		b.Confirm = slack.NewConfirmationBlockObject(plain(long(title)), plain(long(text)), plain("y"), plain("n"))
		return slack.NewActionBlock("", b)
	}
	dividers := func(n int) []slack.Block {
		var list []slack.Block
		for range n {
			list = append(list, slack.NewDividerBlock())
		}
		return list
	}
	one := func(b slack.Block) []slack.Block { return []slack.Block{b} }
	act := func(e ...slack.BlockElement) []slack.Block { return one(slack.NewActionBlock("", e...)) }
	unknown := slack.NewRichTextBlock("x")
	unknown.Type = "hologram"
	tests := []struct {
		name     string
		fit, too []slack.Block
	}{
		{"blocks", dividers(50), dividers(51)},
		{"section text", one(section(3000)), one(section(3001))},
		{"fields", one(fields(10, 1200)), one(fields(11, 1))},
		{"field text", one(fields(1, 2000)), one(fields(1, 2001))},
		{"actions", one(actions(25)), one(actions(26))},
		{"no actions", one(actions(1)), one(actions(0))},
		{"context", one(context(10)), one(context(11))},
		{"button text", act(button(long(75), "v", "a")), act(button(long(76), "v", "a"))},
		{"button value", act(button("b", long(2000), "a")), act(button("b", long(2001), "a"))},
		{"action_id", act(button("b", "v", long(255))), act(button("b", "v", long(256)))},
		{"action_id twice", act(button("b", "v", "a"), button("b", "v", "b")), act(button("b", "v", "a"), button("b", "v", "a"))},
		{"block_id", one(slack.NewActionBlock(long(255), button("b", "v", "a"))), one(slack.NewActionBlock(long(256), button("b", "v", "a")))},
		{
			"block_id twice",
			[]slack.Block{slack.NewActionBlock("x", button("b", "v", "a")), slack.NewActionBlock("y", button("b", "v", "a"))},
			[]slack.Block{slack.NewActionBlock("x", button("b", "v", "a")), slack.NewActionBlock("x", button("b", "v", "a"))},
		},
		{"confirm title", one(confirm(100, 300)), one(confirm(101, 300))},
		{"confirm text", one(confirm(100, 300)), one(confirm(100, 301))},
		{"overflow", one(overflow(5, 75)), one(overflow(6, 75))},
		{"overflow option", one(overflow(1, 75)), one(overflow(1, 76))},
		{"empty overflow", one(overflow(1, 1)), one(overflow(0, 1))},
		{"header", one(slack.NewHeaderBlock(plain(long(150)))), one(slack.NewHeaderBlock(plain(long(151))))},
		{"type", dividers(1), one(unknown)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := w.api.PostMessage("C1", slack.MsgOptionBlocks(tt.fit...)); err != nil {
				t.Errorf("at the limit: %v %+v", err, err)
			}
			_, _, err := w.api.PostMessage("C1", slack.MsgOptionBlocks(tt.too...))
			refused, ok := err.(slack.SlackErrorResponse)
			if !ok || refused.Err != "invalid_blocks" || len(refused.ResponseMetadata.Messages) == 0 {
				t.Errorf("over the limit: %#v", err)
			}
		})
	}
}

func TestBlocksTogetherAreLimitedAsWell(t *testing.T) {
	w := setup(t)
	fit := func(n int) []slack.Block {
		var list []slack.Block
		for range 4 {
			list = append(list, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, strings.Repeat("x", n), false, false), nil, nil))
		}
		return list
	}
	if _, _, err := w.api.PostMessage("C1", slack.MsgOptionBlocks(fit(3000)...)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	more := append(fit(3000), slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, "x", false, false)))
	_, _, err := w.api.PostMessage("C1", slack.MsgOptionBlocks(more...))
	if refused, ok := err.(slack.SlackErrorResponse); !ok || refused.Err != "msg_blocks_too_long" {
		t.Errorf("over the limit: %#v", err)
	}
}
