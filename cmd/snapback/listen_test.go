package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/internal/testkit"
)

func TestABotThatNobodyCanReachEnds(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{true, false} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		testkit.OK(t, err)
		ctx, fail := context.WithCancelCause(t.Context())
		var stop stops
		serveOn(l, api.Server(http.NotFoundHandler(), nil), slog.New(slog.DiscardHandler), &stop, fail)
		if dies {
			testkit.OK(t, l.Close())
			<-ctx.Done()
		}
		stop.all(slog.New(slog.DiscardHandler))
		fail(nil)
		if err := deafness(ctx); errors.Is(err, errDeaf) != dies || dies && exitCode(err) != 1 {
			t.Errorf("a listener that dies (%v) ends the bot with %v", dies, err)
		}
	}
}
