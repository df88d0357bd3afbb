package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	messages, errs := e.cli.Events(ctx, events.ListOptions{Since: stamp(since), Filters: e.eventFilter()})
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
	messages, errs := e.cli.Events(ctx, events.ListOptions{Since: stamp(in.CreatedAt), Until: stamp(in.StartedAt), Filters: about})
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

// Observations lists what List does and what other bots are for, from a single call and with no more than that tells: it serves to
// see at once whether something has changed, with hundreds of containers. What carries this bot is for others as well.
func (e *Engine) Observations(ctx context.Context) ([]snapshot.Observation, error) {
	engineID, err := e.ID(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := e.rows(ctx, filters.NewArgs(filters.Arg("label", enableLabel)))
	if err != nil {
		return nil, err
	}
	var out []snapshot.Observation
	for _, row := range rows {
		if name := nameOf(row); name != "" && !snapshot.OurName(name) {
			s := observation(engineID, name, row)
			s.Others = !enabledBy(row.Labels, e.only) || e.carries(ctx, rowCandidate(row)) != ""
			out = append(out, s)
		}
	}
	return out, e.tellApart(ctx, out)
}

// tellApart asks for the states of those that share an identity, since who of them runs has it.
func (e *Engine) tellApart(ctx context.Context, seen []snapshot.Observation) error {
	times := map[string]int{}
	for _, s := range seen {
		times[s.Key]++
	}
	var ids []string
	for _, s := range seen {
		if times[s.Key] > 1 {
			ids = append(ids, s.ID)
		}
	}
	states, err := e.states(ctx, ids)
	for i, s := range seen {
		if state := states[s.ID]; state != "" {
			seen[i].State = state
		}
	}
	return err
}

func observation(engineID, name string, row container.Summary) snapshot.Observation {
	settings := snapshot.ParseSettings(row.Labels)
	return snapshot.Observation{
		Key: Key(engineID, name, row.Labels), ID: row.ID, Name: name, State: string(row.State),
		CreatedAt: time.Unix(row.Created, 0).UTC(), Schedule: settings.Schedule, Volumes: settings.Volumes,
	}
}
