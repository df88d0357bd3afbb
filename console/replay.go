package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/snapshot"
)

// Recordings plays what shells have shown.
type Recordings interface {
	// ShellOf is the key of the container that a recording's shell ran in. It returns incidents.ErrNoRecording.
	ShellOf(ctx context.Context, incident int64, recording string) (container string, err error)
	// Replay writes a page that plays one recording, or says why it can't.
	Replay(ctx context.Context, w io.Writer, in incidents.Incident, recording string) error
	// ScriptSource is what the policy of such a page has to let run.
	ScriptSource() string
}

// What a recording's page says instead of playing it.
var (
	errNoRecording = &saidError{http.StatusNotFound, "no_recording", "There is no such recording."}
	errShellGone   = &saidError{http.StatusForbidden, "container_gone", "The container that it is of is gone or not yours to see, so that its labels say no more who may see it. A token with the scope terminal has it by the HTTP API."}
)

// replayPolicy is readPolicy, but that the player runs: it reaches nothing of the console, and nothing outside its page.
func (c *Console) replayPolicy() string {
	return "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; script-src " + c.Recordings.ScriptSource() +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
}

// replay plays what a shell of an incident has shown, for whoever may have a shell in its container now: it is as good as one.
// With may it says only that they may: a refusal within a frame can't be shown by the page around it.
func (c *Console) replay(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	in, err := c.askedIncident(r, s)
	if err != nil {
		return err
	}
	id := r.URL.Query().Get("recording")
	if err := c.mayReplay(r.Context(), s, in, id); err != nil {
		return err
	}
	if r.URL.Query().Has("may") {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Security-Policy", c.replayPolicy())
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	return c.send(w, r, replayer{c.Recordings, id}, download.Request{For: "person " + s.SlackID, Incident: in, Format: "html", Inline: true})
}

func (c *Console) mayReplay(ctx context.Context, s signin.Session, in incidents.Incident, recording string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	key, err := c.Recordings.ShellOf(ctx, in.ID, recording)
	if errors.Is(err, incidents.ErrNoRecording) {
		return errNoRecording
	}
	if err != nil {
		return err
	}
	one, _, err := c.mine(ctx, s, key)
	if errors.Is(err, errUnseen) {
		return errShellGone
	}
	if err != nil {
		return err
	}
	if _, err := c.withinFor(ctx, s, one.is, true); err != nil {
		return c.denied(ctx, snapshot.By{Actor: actorOf(s), Incident: in.ID, Source: incidents.Source{System: "console"}}, "watch what a shell in "+one.is.Called()+" has shown", err)
	}
	return nil
}

// replayer makes the page as post-mortems are made: completely before the first byte is sent, and not too many at once.
type replayer struct {
	Recordings
	id string
}

func (p replayer) Export(ctx context.Context, w io.Writer, _ string, in incidents.Incident, _ bool) error {
	return p.Replay(ctx, w, in, p.id)
}
