package logtail

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Oversteps says whether a container has written more in the last seconds than a Follower with the budget of its zero Config reads, so
// that its errors are counted from samples. It returns what e.ReadLog does.
func Oversteps(ctx context.Context, e Engine, id string) (bool, error) {
	p := newPace(Config{}.withDefaults().Budget)
	from, lately := time.Now().Add(-paceOver), false
	if _, err := e.ReadLog(ctx, id, snapshot.LogAsk{Last: 1}, func(l snapshot.RawLine) error {
		lately = l.At.After(from)
		return nil
	}); err != nil || !lately { // most write little, and all of their past need not be read
		return false, err
	}
	_, err := e.ReadLog(ctx, id, snapshot.LogAsk{Last: p.most + 1, Since: from}, func(l snapshot.RawLine) error {
		if l.At.Before(from) { // some drivers know no parts of a second
			return nil
		}
		if p.spend(len(l.Text)); p.spent > p.most {
			return errTooMuch
		}
		return nil
	})
	if errors.Is(err, errTooMuch) {
		return true, nil
	}
	return false, err
}
