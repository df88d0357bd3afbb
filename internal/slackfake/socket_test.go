package slackfake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/snapback/snapback/internal/slackfake"
)

func TestSocketModeDeliversAndWantsAcknowledgements(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *slackfake.Config) { c.AppToken, c.AckTimeout = "xapp-1", 5*time.Second })
	if _, _, err := w.api.PostMessage("C1", alert("socket")); err != nil {
		t.Fatal(err)
	}
	msg := w.ops.ExpectMessage(t, "socket")
	if a := w.ann.Tap(msg.Button("Acknowledge")); !errors.Is(a.Err, slackfake.ErrNotConnected) {
		t.Errorf("without a socket: %+v", a)
	}
	client := socketmode.New(w.api)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = client.RunContext(ctx) }()
	defer func() { cancel(); <-done }()
	kinds := make(chan string, 10)
	go func() {
		for evt := range client.Events {
			switch evt.Type {
			case socketmode.EventTypeInteractive:
				cb := evt.Data.(slack.InteractionCallback)
				if cb.ActionCallback.BlockActions[0].ActionID == "ack" {
					_ = client.Ack(*evt.Request)
				}
			case socketmode.EventTypeSlashCommand:
				_ = client.Ack(*evt.Request, map[string]any{"text": "all quiet"})
			case socketmode.EventTypeEventsAPI:
				_ = client.Ack(*evt.Request)
			}
			kinds <- string(evt.Type)
		}
	}()
	for kind := <-kinds; kind != string(socketmode.EventTypeHello); kind = <-kinds {
		t.Logf("before hello: %s", kind)
	}
	if a := w.ann.Tap(msg.Button("Acknowledge")); !a.OK() {
		t.Errorf("tap: %+v", a)
	}
	if a := w.ann.Command(w.ops, "/snapback", "status"); !a.OK() {
		t.Errorf("command: %+v", a)
	}
	w.ann.ExpectEphemeral(t, w.ops, "all quiet")
	if a := w.ann.Say(w.ops, "hello"); !a.OK() {
		t.Errorf("event: %+v", a)
	}
	if a := w.ann.Tap(msg.Button("Restore")); !a.TimedOut || w.ann.Notices()[1].Code != "operation_timeout" {
		t.Errorf("unacknowledged tap: %+v, %v", a, w.ann.Notices())
	}
}
