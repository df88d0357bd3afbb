package terminal

import (
	"context"
	"time"
)

// beat lets the page know that there is contact while there is nothing to say. Its script can't see pings.
func (v *viewer) beat(ctx context.Context) error {
	tick := time.NewTicker(v.l.svc.cfg.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if err := v.sendMessage(toBrowser{Type: "beat"}); err != nil {
			return err
		}
	}
}
