package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/snapback/snapback/api/wire"
)

// errSilent says that the bot, or what is between us and it, has let a call wait for too long.
var errSilent = errors.New("nothing came")

// patience is how long a silence may be.
type patience struct {
	usual  time.Duration // before an answer begins; the bot gives up earlier by itself
	work   time.Duration // before one that comes when something was committed
	take   time.Duration // before one that comes when a snapshot was taken, with the contents of volumes if its container is labelled so
	export time.Duration // before one that comes when a post-mortem was made
	stall  time.Duration // between two pieces of an answer
}

func defaultPatience() patience {
	const onTheWay = 2 * time.Minute
	return patience{
		usual: 90 * time.Second, work: wire.CommitLimit + onTheWay, take: wire.ArchiveLimit + wire.CommitLimit + onTheWay, export: 12 * time.Minute, stall: time.Minute,
	}
}

// watch ends a call when nothing was heard for a while: of a server that is stuck, or of one that is gone without a word,
// a connection tells nothing by itself.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// watched returns a context that ends with errSilent when heard is not called for as long as patience.
func watched(ctx context.Context, patience time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{cancel: cancel}
	w.expect(patience)
	return ctx, w
}

func (w *watch) expect(patience time.Duration) {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.timer = time.AfterFunc(patience, func() { w.cancel(fmt.Errorf("%w for %v", errSilent, patience)) })
}

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// body is an answer's body that is watched. Reading it tells a silence as such.
type body struct {
	io.ReadCloser
	ctx   context.Context
	watch *watch
	stall time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.timer.Reset(b.stall)
	}
	if cause := context.Cause(b.ctx); err != nil && errors.Is(cause, errSilent) {
		err = cause
	}
	return n, err
}

func (b *body) Close() error {
	b.watch.end()
	return b.ReadCloser.Close()
}
