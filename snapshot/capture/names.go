package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/snapback/snapback/snapshot"
)

// free returns ErrNameTaken when a container has a snapshot of that name.
func (t *Taker) free(ctx context.Context, key, name string) error {
	_, err := t.Store.Snapshot(ctx, key, name)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s", snapshot.ErrNameTaken, name)
	case errors.Is(err, snapshot.ErrUnknownSnapshot):
		return nil
	}
	return err
}

// nameLock is what is held for as long as a name is being taken.
func nameLock(key, name string) string { return "name " + key + " " + name }

// named runs do with a name that is free and that nobody else takes until it is over, in this bot or another. The tag on
// the engine follows from the name. Two snapshots of one name would share a tag, and the first one's image would be left to
// the next prune. The lock ends with the bot. It holds a connection of the database, so few callers may be here at a time.
func (t *Taker) named(ctx context.Context, key string, ask snapshot.TakeRequest, do func(ctx context.Context, name string) error) error {
	for n := 1; n < 1000; n++ {
		name := ask.Name
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		err := t.Lock.Alone(ctx, nameLock(key, name), func(ctx context.Context) error {
			if err := t.free(ctx, key, name); err != nil {
				return err
			}
			return do(ctx, name)
		})
		if errors.Is(err, snapshot.ErrElsewhere) {
			err = fmt.Errorf("%w, or is just being taken: %s", snapshot.ErrNameTaken, name)
		}
		if !ask.Numbered || !errors.Is(err, snapshot.ErrNameTaken) {
			return err
		}
	}
	return fmt.Errorf("%w: %s, and 999 more of it", snapshot.ErrNameTaken, ask.Name)
}
