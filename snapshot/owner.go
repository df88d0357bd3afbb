package snapshot

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Identified is something that belongs to an engine. ID is the engine's own; what was told once is told again without asking.
type Identified interface {
	ID(ctx context.Context) (string, error)
}

// idPatience is how long an engine may take to say who it is where others can be asked.
const idPatience = 2 * time.Second

// KeyOwner picks the one of all whose engine a container's key begins with. The only one is not asked. It returns ErrEngineAway
// when nobody fits and not all know who they are, and ErrUnknownContainer when nobody fits.
func KeyOwner[T Identified](ctx context.Context, all []T, key string) (T, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	over, cancel := context.WithCancel(ctx)
	cancel() // whoever would have to ask fails at once
	if one, err := keyOwner(over, all, key); err == nil {
		return one, nil
	}
	ctx, cancel = context.WithTimeout(ctx, idPatience)
	defer cancel()
	return keyOwner(ctx, all, key)
}

func keyOwner[T Identified](ctx context.Context, all []T, key string) (none T, err error) {
	err = fmt.Errorf("%w: it is on none of the engines", ErrUnknownContainer)
	for _, one := range all {
		engine, away := identify(ctx, one)
		if away == nil && strings.HasPrefix(key, engine+"/") {
			return one, nil
		}
		if away != nil {
			err = fmt.Errorf("%w: one of several has not told yet who it is: %w", ErrEngineAway, away)
		}
	}
	return none, err
}

func identify(ctx context.Context, one Identified) (string, error) {
	if ctx.Err() != nil {
		return one.ID(ctx)
	}
	return InTime(ctx, one.ID)
}

// Called is what people call the container: its name, and before it the engine's where several have one of that name.
func (c Container) Called() string {
	switch {
	case !c.Twin:
		return c.Name
	case c.On != "":
		return c.On + "/" + c.Name
	}
	return fmt.Sprintf("%.12s/%s", c.Engine, c.Name)
}

// Bare is the name alone of what Called has returned. A container's name has no slash.
func Bare(called string) string { return called[strings.LastIndex(called, "/")+1:] }

// Answers says whether ref is the container's name, alone or after its engine's.
func (c Container) Answers(ref string) bool {
	return c.Name == ref || c.On != "" && c.On+"/"+c.Name == ref || c.Twin && c.Called() == ref
}

// AwayError names the engines that do not answer, of several.
type AwayError struct {
	Engines []string // as people call them
	All     bool     // there are no others
}

func (e *AwayError) Error() string { return "no answer from " + strings.Join(e.Engines, ", ") }

// Unwrap makes errors.Is(err, ErrEngineAway) hold.
func (e *AwayError) Unwrap() error { return ErrEngineAway }
