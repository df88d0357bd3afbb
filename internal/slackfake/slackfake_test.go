package slackfake_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/snapback/snapback/internal/slackfake"
)

const (
	token  = "xoxb-test"
	secret = "signing-secret"
)

type world struct {
	*slackfake.Server
	api *slack.Client
	ops *slackfake.Channel
	ann *slackfake.User
}

func setup(t *testing.T, tweak ...func(*slackfake.Config)) world {
	t.Helper()
	cfg := slackfake.Config{BotToken: token, SigningSecret: secret}
	for _, f := range tweak {
		f(&cfg)
	}
	s := slackfake.Start(t, cfg)
	w := world{Server: s, api: slack.New(token, slack.OptionAPIURL(s.APIURL()), slack.OptionAppLevelToken(cfg.AppToken))}
	w.ops = s.AddChannel("C1", "ops")
	w.ann = s.AddUser("U1", "ann", "ann@example.com")
	return w
}

// listen is an app that hands each verified request to f.
func (w world) listen(t *testing.T, f http.HandlerFunc) {
	t.Helper()
	app := httptest.NewServer(f)
	t.Cleanup(app.Close)
	w.SetEndpoints(slackfake.Endpoints{Interactions: app.URL, Commands: app.URL, Events: app.URL})
}

func verified(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	v, err := slack.NewSecretsVerifier(r.Header, secret)
	if err != nil {
		return nil, err
	}
	_, _ = v.Write(body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return body, v.Ensure()
}

func alert(text string) slack.MsgOption {
	confirm := slack.NewConfirmationBlockObject(plain("Restore?"), plain("It will"), plain("Yes"), plain("No"))
	restore := slack.NewButtonBlockElement("restore", "snap-1", plain("Restore pre-deploy-2255"))
	restore.Style, restore.Confirm = slack.StyleDanger, confirm
	more := slack.NewOverflowBlockElement("more",
		slack.NewOptionBlockObject("resolve", plain("Resolve"), nil), slack.NewOptionBlockObject("runbook", plain("Runbook"), nil))
	return slack.MsgOptionBlocks(
		slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil),
		slack.NewActionBlock("act", restore, slack.NewButtonBlockElement("ack", "i1", plain("Acknowledge")), more))
}

func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTokensAreChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	got := map[string]string{}
	for _, tok := range []string{token, "", "xoxb-other"} {
		_, err := slack.New(tok, slack.OptionAPIURL(w.APIURL())).AuthTest()
		got[tok] = code(err)
	}
	want := map[string]string{token: "", "": "not_authed", "xoxb-other": "invalid_auth"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJSONAndFormBodiesAreTaken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := `{"channel":"C1","text":"from json","blocks":[{"type":"divider"}],"unfurl_links":false,"unfurl_media":false}`
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.APIURL()+"chat.postMessage", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	m := w.ops.ExpectMessage(t, "from json")
	if m.UnfurlLinks || m.UnfurlMedia {
		t.Error("the message may be unfurled although it said no")
	}
}

func TestMessagesThreadsAndEdits(t *testing.T) {
	t.Parallel()
	w := setup(t)
	meta := slack.SlackMetadata{EventType: "snapback", EventPayload: map[string]any{"incident": "i1"}}
	_, ts, err := w.api.PostMessage("C1", slack.MsgOptionText("High error rate", false), alert("*High error rate*"), slack.MsgOptionMetadata(meta))
	if err != nil {
		t.Fatal(err)
	}
	_, reply, err := w.api.PostMessage("C1", slack.MsgOptionText("restored", false), slack.MsgOptionTS(ts))
	if err != nil || reply <= ts {
		t.Fatalf("reply %s after %s: %v", reply, ts, err)
	}
	if _, _, _, err := w.api.UpdateMessage("C1", ts, slack.MsgOptionText("flat", false), alert("*Flat*")); err != nil {
		t.Fatal(err)
	}
	m := w.ops.ExpectMessage(t, "Flat", "Acknowledge", "Resolve")
	if m.Edits != 1 || len(m.Replies) != 1 || !m.Replies[0].Contains("restored") {
		t.Errorf("got %d edits and the thread %v", m.Edits, m.Replies)
	}
	history, err := w.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C1", IncludeAllMetadata: true})
	if err != nil || len(history.Messages) != 1 {
		t.Fatalf("history: %v, %v", history, err)
	}
	if got := history.Messages[0]; got.Metadata.EventType != "snapback" || got.ReplyCount != 1 || got.Edited == nil {
		t.Errorf("history shows %+v", got.Msg)
	}
	thread, _, _, err := w.api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: "C1", Timestamp: ts})
	if err != nil || len(thread) != 2 || thread[1].Timestamp != reply {
		t.Errorf("replies: %v, %v", thread, err)
	}
	if _, err := w.api.GetPermalink(&slack.PermalinkParameters{Channel: "C1", Ts: ts}); err != nil {
		t.Error(err)
	}
	if _, _, err := w.api.DeleteMessage("C1", ts); err != nil {
		t.Error(err)
	}
	if _, _, _, err := w.api.UpdateMessage("C1", ts, slack.MsgOptionText("x", false)); code(err) != "message_not_found" {
		t.Errorf("updating a deleted message: %v", err)
	}
	if !m.Now().Deleted {
		t.Error("the message is still there")
	}
}

func TestHistoryIsPagedAndBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var stamps []string
	for range 5 {
		_, ts, err := w.api.PostMessage("C1", slack.MsgOptionText("m", false))
		if err != nil {
			t.Fatal(err)
		}
		stamps = append([]string{ts}, stamps...)
	}
	var got []string
	params := slack.GetConversationHistoryParameters{ChannelID: "C1", Limit: 2}
	for {
		page, err := w.api.GetConversationHistory(&params)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			got = append(got, m.Timestamp)
		}
		if !page.HasMore {
			break
		}
		params.Cursor = page.ResponseMetaData.NextCursor
	}
	if diff := cmp.Diff(stamps, got); diff != "" {
		t.Error(diff)
	}
	bounded, err := w.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C1", Oldest: stamps[3], Latest: stamps[1]})
	if err != nil || len(bounded.Messages) != 1 || bounded.Messages[0].Timestamp != stamps[2] {
		t.Errorf("bounded: %v, %v", bounded, err)
	}
}

func TestRefusalsHaveSlacksNames(t *testing.T) {
	t.Parallel()
	w := setup(t)
	gone := w.AddChannel("C2", "old")
	gone.Archive()
	out := w.AddChannel("C3", "private")
	out.RemoveApp()
	stranger := w.AddUser("U2", "bob", "bob@example.com")
	stranger.Leave(w.ops)
	w.ann.Say(w.ops, "mine")
	theirs := w.ops.ExpectMessage(t, "mine")
	hello := slack.MsgOptionText("hello", false)
	post := func(ch string, o ...slack.MsgOption) string {
		_, _, err := w.api.PostMessage(ch, o...)
		return code(err)
	}
	_, ephemeral := w.api.PostEphemeral("C1", "U2", hello)
	_, _, _, update := w.api.UpdateMessage("C1", theirs.TS, hello)
	_, _, del := w.api.DeleteMessage("C1", theirs.TS)
	_, email := w.api.GetUserByEmail("nobody@example.com")
	_, group := w.api.GetUserGroupMembers("S9")
	_, direct, err := w.api.PostMessage("U1", hello)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, person := w.api.UpdateMessage("U1", direct, hello)
	got := map[string]string{
		"person": code(person), "no channel": post("C9", hello), "archived": post("C2", hello), "not in": post("C3", hello), "empty": post("C1"),
		"metadata":  post("C1", hello, slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "x"})),
		"ephemeral": code(ephemeral), "update": code(update), "delete": code(del), "email": code(email), "group": code(group),
	}
	want := map[string]string{
		"person": "channel_not_found", "no channel": "channel_not_found", "archived": "is_archived", "not in": "not_in_channel", "empty": "no_text",
		"metadata":  "invalid_metadata_format",
		"ephemeral": "user_not_in_channel", "update": "cant_update_message", "delete": "cant_delete_message",
		"email": "users_not_found", "group": "no_such_subteam",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPeopleGroupsReactionsAndPins(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.AddUserGroup("S1", w.ann)
	u, err := w.api.GetUserByEmail("ANN@example.com")
	if err != nil || u.ID != "U1" || u.Profile.Email != "ann@example.com" {
		t.Errorf("by e-mail: %v, %v", u, err)
	}
	if members, err := w.api.GetUserGroupMembers("S1"); err != nil || !cmp.Equal(members, []string{"U1"}) {
		t.Errorf("group: %v, %v", members, err)
	}
	if ch, err := w.api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C1"}); err != nil || ch.Name != "ops" {
		t.Errorf("info: %v, %v", ch, err)
	}
	if ids, _, err := w.api.GetUsersInConversation(&slack.GetUsersInConversationParameters{ChannelID: "C1"}); err != nil || len(ids) != 2 {
		t.Errorf("members: %v, %v", ids, err)
	}
	w.ops.RemoveApp()
	if _, _, _, err := w.api.JoinConversation("C1"); err != nil {
		t.Errorf("join: %v", err)
	}
	_, ts, err := w.api.PostMessage("C1", slack.MsgOptionText("hi", false))
	if err != nil {
		t.Fatal(err)
	}
	item := slack.NewRefToMessage("C1", ts)
	if err := errors.Join(w.api.AddReaction("eyes", item), w.api.AddPin("C1", item)); err != nil {
		t.Fatal(err)
	}
	if err := w.api.AddReaction("eyes", item); code(err) != "already_reacted" {
		t.Errorf("again: %v", err)
	}
	m := w.ops.ExpectMessage(t, "hi")
	if !m.Pinned || len(m.Reactions) != 1 {
		t.Errorf("got %+v", m)
	}
}

func TestFilesAreUploadedInThreeSteps(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, ts, _ := w.api.PostMessage("C1", slack.MsgOptionText("alert", false))
	f, err := w.api.UploadFile(slack.UploadFileParameters{
		Content: "PNG!", FileSize: 4, Filename: "chart.png", Title: "Error rate", Channel: "C1", ThreadTimestamp: ts, InitialComment: "flat",
	})
	if err != nil {
		t.Fatal(err)
	}
	reply := w.ops.ExpectMessage(t, "alert").ExpectReply(t, "flat", "Error rate")
	if got := reply.Files[0]; got.ID != f.ID || string(got.Data) != "PNG!" || got.MIMEType != "image/png" {
		t.Errorf("got %+v", got)
	}
	_, err = w.api.UploadFile(slack.UploadFileParameters{Content: "short", FileSize: 99, Filename: "x.txt", Channel: "C1"})
	if err == nil {
		t.Error("a file of the wrong length was taken")
	}
}

func TestAFileThatIsDeletedTakesItsMessageAlong(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, ts, _ := w.api.PostMessage("C1", slack.MsgOptionText("alert", false))
	upload := func(comment string) string {
		t.Helper()
		f, err := w.api.UploadFile(slack.UploadFileParameters{
			Content: "PNG!", FileSize: 4, Filename: "chart.png", Title: "Errors", AltTxt: "a curve", Channel: "C1", ThreadTimestamp: ts, InitialComment: comment,
		})
		if err != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	bare, told := upload(""), upload("look")
	alert := w.ops.ExpectMessage(t, "alert")
	if alert.Replies[0].Files[0].Alt != "a curve" {
		t.Errorf("got %+v", alert.Replies[0])
	}
	if err := errors.Join(w.api.DeleteFile(bare), w.api.DeleteFile(told)); err != nil {
		t.Fatal(err)
	}
	if all := alert.Now().Replies; !all[0].Deleted || all[1].Deleted || len(all[1].Files) != 0 {
		t.Errorf("got %+v", all)
	}
	if err := w.api.DeleteFile(bare); code(err) != "file_not_found" {
		t.Errorf("again: %v", err)
	}
	long := slack.GetUploadURLExternalParameters{FileName: "x", FileSize: 1, AltTxt: strings.Repeat("a", 1001)}
	if _, err := w.api.GetUploadURLExternalContext(t.Context(), long); code(err) != "alt_txt_too_large" {
		t.Errorf("a description that is too long: %v", err)
	}
}

func TestATokenWithoutAScopeIsRefused(t *testing.T) {
	t.Parallel()
	s := slackfake.Start(t, slackfake.Config{BotToken: token, SigningSecret: secret, Scopes: []string{"chat:write"}})
	api := slack.New(token, slack.OptionAPIURL(s.APIURL()))
	who, err := api.AuthTest()
	if err != nil || who.Header.Get("X-OAuth-Scopes") != "chat:write" {
		t.Errorf("%v: %v", who, err)
	}
	if _, err := api.GetUploadURLExternalContext(t.Context(), slack.GetUploadURLExternalParameters{FileName: "x", FileSize: 1}); code(err) != "missing_scope" {
		t.Errorf("an upload: %v", err)
	}
}

func TestFaultsOnRequest(t *testing.T) {
	t.Parallel()
	w := setup(t)
	hello := slack.MsgOptionText("hello", false)
	w.RateLimit("chat.postMessage", 1, 1500*time.Millisecond)
	_, _, err := w.api.PostMessage("C1", hello)
	var limited *slack.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 2*time.Second {
		t.Errorf("rate limit: %v", err)
	}
	w.Outage(true)
	var status slack.StatusCodeError
	if _, _, err = w.api.PostMessage("C1", hello); !errors.As(err, &status) || status.Code != 503 {
		t.Errorf("outage: %v", err)
	}
	w.Outage(false)
	w.DropResponse("chat.postMessage", 1)
	if _, _, err = w.api.PostMessage("C1", hello); err == nil {
		t.Error("an answer came although it was to be dropped")
	}
	if n := len(w.ops.Messages()); n != 1 {
		t.Errorf("%d messages stored, want the one whose answer was dropped", n)
	}
	w.Delay("auth.test", time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.api.AuthTestContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("delay: %v", err)
	}
	if n := w.Calls("chat.postMessage"); n != 2 {
		t.Errorf("%d calls counted, want 2: an outage reaches nothing", n)
	}
}

func TestLinksAreCrawledUnlessUnfurlingIsOff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var seen atomic.Value
	site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen.Store(r.Method + " " + r.URL.Path + " " + strings.Fields(r.UserAgent())[0])
	}))
	defer site.Close()
	_, _, err1 := w.api.PostMessage("C1", slack.MsgOptionText("<"+site.URL+"/quiet|t>", false),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	_, _, err2 := w.api.PostMessage("C1", slack.MsgOptionText("see <"+site.URL+"/loud|t>", false))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	want := []slackfake.Crawl{{URL: site.URL + "/loud", Status: 200}}
	if diff := cmp.Diff(want, w.CrawlLinks(t.Context())); diff != "" {
		t.Error(diff)
	}
	if seen.Load() != "GET /loud Slackbot-LinkExpanding" {
		t.Errorf("the site saw %v", seen.Load())
	}
}

func TestSnapshotAndWaitFollowChanges(t *testing.T) {
	t.Parallel()
	w := setup(t)
	before := w.Snapshot()
	got := make(chan slackfake.State, 1)
	go func() {
		state, _ := w.Wait(t.Context(), before.Version)
		got <- state
	}()
	if _, _, err := w.api.PostMessage("C1", alert("now")); err != nil {
		t.Fatal(err)
	}
	state := <-got
	raw, err := json.Marshal(state)
	if err != nil || state.Version <= before.Version || !strings.Contains(string(raw), `"action_id":"restore"`) {
		t.Errorf("got %s, %v", raw, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Wait(ctx, state.Version+1); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain: %v", err)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.Delay("auth.test", time.Hour)
	sent, done := make(chan struct{}), make(chan struct{})
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}
	go func() {
		defer close(done)
		_, _ = w.api.AuthTestContext(httptrace.WithClientTrace(t.Context(), trace))
	}()
	<-sent
	w.Close()
	w.Close()
	<-done
	if _, err := w.api.AuthTest(); err == nil {
		t.Error("it answers after Close")
	}
}
