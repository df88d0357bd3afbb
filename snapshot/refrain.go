package snapshot

import (
	"errors"
	"log/slog"
)

// Refrain is what is tried again and again. That it fails is logged once, and that it does not any more. It is for one goroutine; the
// zero value is ready.
type Refrain struct{ said error }

// Log takes note of how a try has ended. Another fault is logged as well; of an engine that is away, only the first.
func (r *Refrain) Log(l *slog.Logger, what string, err error) {
	was := r.said
	r.said = err
	switch {
	case err == nil && was != nil:
		l.Info(what + ": it works again")
	case err == nil, was != nil && was.Error() == err.Error(), errors.Is(was, ErrEngineAway) && errors.Is(err, ErrEngineAway):
	default:
		l.Warn(what, "err", err)
	}
}
