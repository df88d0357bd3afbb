package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/snapback/snapback/api"
)

// errDeaf says that nothing can reach the bot any more. It ends, so that whatever watches over it starts another one.
var errDeaf = errors.New("the bot can't be reached any more")

// deafness is the errDeaf that ctx was ended with; nil when it was something else.
func deafness(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errDeaf) {
		return err
	}
	return nil
}

// listen serves handler on addr until it is stopped. It calls fail with an errDeaf if it can't go on.
func listen(ctx context.Context, addr string, handler http.Handler, log *slog.Logger, stop *stops, fail context.CancelCauseFunc) (net.Addr, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	serveOn(l, api.Server(handler, log), log, stop, fail)
	return l.Addr(), nil
}

func serveOn(l net.Listener, server *http.Server, log *slog.Logger, stop *stops, fail context.CancelCauseFunc) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) { // which tries again by itself what may pass
			log.Error("serving", "addr", l.Addr().String(), "err", err)
			fail(fmt.Errorf("%w: listening on %s: %w", errDeaf, l.Addr(), err))
		}
	}()
	stop.add(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if err != nil {
			err = server.Close() // what still runs after five seconds waits for a restore, which goes on without it
		}
		<-done
		return err
	})
}
