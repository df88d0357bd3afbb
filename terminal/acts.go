package terminal

import (
	"context"
	"errors"
)

// actQueue is how much a page may ask for that takes longer, before the first of it is done.
const actQueue = 8

// aside does what takes longer beside the reading, behind what was asked for before.
func (v *viewer) aside(do func() error) error {
	return v.asideWith(func() {}, do)
}

// asideWith notes what was asked for when there is room for it, before it may be done. It is for the reader alone: nobody else fills the
// queue.
func (v *viewer) asideWith(note func(), do func() error) error {
	if len(v.acts) == cap(v.acts) {
		return v.sendMessage(toBrowser{Type: "notice", Text: "Snapback is still at what you tapped before. Tap again in a moment."})
	}
	note()
	v.acts <- do
	return nil
}

// act does what was put aside.
func (v *viewer) act(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case do := <-v.acts:
			if err := do(); err != nil {
				return err
			}
		}
	}
}

// ask does what the timeline need not know: somebody would like to have the keyboard, or would rather keep it.
func (v *viewer) ask(m said) error {
	if m.Type == "ask" {
		return v.noticed(v.shellOf().asks(v))
	}
	return v.noticed(v.shellOf().spares(v, m.Whom))
}

// handOver gives or takes the keyboard.
func (v *viewer) handOver(ctx context.Context, m said) error {
	host, err := v.shellOf(), error(nil)
	if m.Type == "give" {
		err = host.gives(ctx, v, m.Whom)
	} else {
		err = host.takes(ctx, v)
	}
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return v.noticed(err)
}

// noticed tells somebody why what they have tapped was not done; nil: it was.
func (v *viewer) noticed(err error) error {
	if err == nil {
		return nil
	}
	return v.sendMessage(toBrowser{Type: "notice", Text: words(err)})
}
