package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/snapback/snapback/snapshot"
)

// followed are the events by which a deploy, a restart or a change of health shows.
var followed = []string{"create", "start", "oom", "die", "destroy", "rename", "health_status"}

// Follow hands what happens to enabled containers to see, one event after another, from since on (zero: from now on).
// The engine remembers only its last few hundred events: whoever was away for longer has to look as well. Follow returns
// when ctx is over, and an error that wraps snapshot.ErrEngineAway when the engine has gone.
func (e *Engine) Follow(ctx context.Context, since time.Time, see func(snapshot.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the client's own goroutine
	messages, errs := e.events(ctx, events.ListOptions{Since: stamp(since), Filters: e.eventFilter()})
	for {
		select {
		case m := <-messages:
			see(event(m))
		case err := <-errs:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("following the engine's events: %w", known(err, nil))
		}
	}
}

// LastExit is the exit code with which a container ended last before the start of the run that in shows. The engine writes 0
// into the document of one that it has restarted; its events tell, as long as it remembers them. Only times of its own clock
// are asked for, since it would wait for one that lies ahead.
func (e *Engine) LastExit(ctx context.Context, in snapshot.Inspection) (code int, told bool, err error) {
	if in.State != "running" && in.State != "paused" {
		return in.ExitCode, true, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the client's own goroutine
	about := filters.NewArgs(filters.Arg("type", "container"), filters.Arg("container", in.ID), filters.Arg("event", "die"))
	messages, errs := e.events(ctx, events.ListOptions{Since: stamp(in.CreatedAt), Until: stamp(in.StartedAt), Filters: about})
	for {
		select {
		case m := <-messages:
			if said, err := strconv.Atoi(m.Actor.Attributes["exitCode"]); err == nil {
				code, told = said, true
			}
		case err := <-errs:
			if errors.Is(err, io.EOF) {
				return code, told, nil
			}
			return 0, false, fmt.Errorf("asking how %s ended: %w", in.Name, known(err, nil))
		}
	}
}

// events are those that the engine tells. The client looks at the version that it speaks before it has settled on one with the engine,
// which another call may be about: so that comes first.
func (e *Engine) events(ctx context.Context, which events.ListOptions) (<-chan events.Message, <-chan error) {
	if _, err := e.version(ctx); err != nil {
		errs := make(chan error, 1)
		errs <- err
		return nil, errs
	}
	return e.cli.Events(ctx, which)
}

func (e *Engine) eventFilter() filters.Args {
	args := e.ours()
	args.Add("type", "container")
	for _, action := range followed {
		args.Add("event", action)
	}
	return args
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// event drops what the engine writes after the colon, which is a health check's verdict.
func event(m events.Message) snapshot.Event {
	action, _, _ := strings.Cut(string(m.Action), ":")
	code, _ := strconv.Atoi(m.Actor.Attributes["exitCode"]) // only die has one
	return snapshot.Event{
		ContainerID: m.Actor.ID, Name: m.Actor.Attributes["name"], Action: action, At: time.Unix(0, m.TimeNano).UTC(), ExitCode: code,
	}
}

// Observations is what Observe shows, but for those that wait.
func (e *Engine) Observations(ctx context.Context) ([]snapshot.Observation, error) {
	engineID, err := e.ID(ctx)
	if err != nil {
		return nil, err
	}
	all, err := e.Observe(ctx, e.seats(ctx, engineID))
	return slices.DeleteFunc(all, func(s snapshot.Observation) bool { return s.Waits }), err
}

// Observe lists what List does, those that wait, and what other bots are for, from a single call and with no more than that
// tells: it serves to see at once whether something has changed, with hundreds of containers. What carries this bot is for
// others as well. Record is who was seen in which place.
func (e *Engine) Observe(ctx context.Context, record []snapshot.Seat) ([]snapshot.Observation, error) {
	engineID, err := e.ID(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := e.rows(ctx, filters.NewArgs(filters.Arg("label", enableLabel)))
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r container.Summary) bool { return !stands(nameOf(r), r.Labels) })
	members := make([]snapshot.Member, 0, len(rows))
	for _, row := range rows {
		members = append(members, memberOf(engineID, row))
	}
	if err := e.tellApart(ctx, members, record); err != nil {
		return nil, err
	}
	standings := e.standFor(members, record, true)
	var out []snapshot.Observation
	for i, row := range rows {
		if st := standings[row.ID]; st.Shown || st.Waits {
			s := observation(members[i], st, row)
			s.Others = !enabledBy(row.Labels, e.only) || e.carries(ctx, rowCandidate(row)) != ""
			out = append(out, s)
		}
	}
	return out, nil
}

// tellApart asks for the states of those that may stand for the same, since who of them runs does. One about which
// the engine does not answer keeps the state that the list shows: the watch has to go on.
func (e *Engine) tellApart(ctx context.Context, members []snapshot.Member, record []snapshot.Seat) error {
	ids := snapshot.Contested(members, withLineage(record))
	states, err := statesBy(ctx, ids, e.lookPatiently)
	for i, m := range members {
		if state := states[m.ID]; state != "" {
			members[i].State = state
		}
	}
	return err
}

func memberOf(engineID string, row container.Summary) snapshot.Member {
	key := Key(engineID, nameOf(row), row.Labels)
	return snapshot.Member{
		ID: row.ID, Name: nameOf(row), State: string(row.State), CreatedAt: time.Unix(row.Created, 0).UTC(),
		Key: key, Lineage: lineage(key), Config: row.Labels[composeHash],
	}
}

func observation(m snapshot.Member, st snapshot.Standing, row container.Summary) snapshot.Observation {
	settings := snapshot.ParseSettings(row.Labels)
	return snapshot.Observation{
		Key: st.Key, ID: m.ID, Name: m.Name, State: m.State, Waits: st.Waits, Leaves: st.Leaves, Beside: len(st.Beside),
		CreatedAt: m.CreatedAt, Schedule: settings.Schedule, Volumes: settings.Volumes,
		Pattern: settings.ErrorsPattern, Query: settings.ErrorsQuery, Requests: settings.ErrorsRequests,
	}
}
