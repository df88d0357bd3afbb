package docker

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/snapback/snapback/snapshot"
)

// An engine may be a manager of a Swarm. What is done with services is package swarm's; it speaks through these.

// Get reads the answer to a path of the engine's API into out, unless that is nil. What is not there is snapshot.ErrGone.
func (e *Engine) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return leaderless(known(e.get(ctx, path, out), snapshot.ErrGone))
}

// Post sends body as JSON to a path of the engine's API, and reads the answer into out, unless that is nil.
func (e *Engine) Post(ctx context.Context, path string, query url.Values, body, out any) error {
	return leaderless(known(e.post(ctx, path, query, body, out), snapshot.ErrGone))
}

// noLeader are the words of a manager while its Swarm has no leader, as when one has just gone: it is no verdict on a call.
var noLeader = []string{"does not have a leader", "no elected cluster leader", "lost leader status", "code = DeadlineExceeded", "code = Unavailable"}

func leaderless(err error) error {
	if err != nil && slices.ContainsFunc(noLeader, func(words string) bool { return strings.Contains(err.Error(), words) }) {
		return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	}
	return err
}

// serviceActions are a Swarm's words for what happens to a service, as those for a container. An update tells of its steps.
var serviceActions = map[events.Action]string{"create": "create", "update": "start", "remove": "destroy"}

// FollowServices hands what happens to services to see, from since on (zero: from now on). It returns when ctx is over, and an
// error that wraps snapshot.ErrEngineAway when the engine has gone.
func (e *Engine) FollowServices(ctx context.Context, since time.Time, see func(snapshot.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the client's own goroutine
	about := filters.NewArgs(filters.Arg("type", "service"), filters.Arg("scope", "swarm"))
	messages, errs := e.events(ctx, events.ListOptions{Since: stamp(since), Filters: about})
	for {
		select {
		case m := <-messages:
			if action, told := serviceActions[m.Action]; told {
				see(snapshot.Event{ContainerID: m.Actor.ID, Name: m.Actor.Attributes["name"], Action: action, At: time.Unix(0, m.TimeNano).UTC()})
			}
		case err := <-errs:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("following the Swarm's events: %w", known(err, nil))
		}
	}
}
