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
	// Replay writes a page that plays one recording, of an incident or of the zero one, or says why it can't.
	Replay(ctx context.Context, w io.Writer, in incidents.Incident, recording string) error
	// ScriptSource is what the policy of such a page has to let run.
	ScriptSource() string
}

// What a recording's page says instead of playing it.
var (
	errNoRecording = &saidError{http.StatusNotFound, "no_recording", "There is no such recording."}
	errShellGone   = &saidError{http.StatusForbidden, "container_gone", shellGone + " A token with the scope terminal has it by the HTTP API."}
	errLooseGone   = &saidError{http.StatusForbidden, "container_gone", shellGone}
)

const shellGone = "The container that it is of is gone or not yours to see, so that its labels say no more who may see it."

// replayPolicy is readPolicy, but that the player runs: it reaches nothing of the console, and nothing outside its page.
func (c *Console) replayPolicy() string {
	return "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; script-src " + c.Recordings.ScriptSource() +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
}

// replay plays what a shell has shown, for whoever may have a shell in its container now: it is as good as one. One of an incident's is
// for those of them who see the incident. With may it says only that they may: a refusal within a frame can't be shown by the page around
// it.
func (c *Console) replay(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	shell, err := c.Data.Shell(r.Context(), r.URL.Query().Get("recording"))
	if errors.Is(err, incidents.ErrNoRecording) {
		return errNoRecording
	}
	if err != nil {
		return err
	}
	in, err := c.mayReplay(r.Context(), s, shell)
	if err != nil {
		return err
	}
	if r.URL.Query().Has("may") {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Security-Policy", c.replayPolicy())
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	return c.send(w, r, replayer{c.Recordings, shell.Recording}, download.Request{For: "person " + s.SlackID, Incident: in, Format: "html", Inline: true})
}

// mayReplay returns the incident within which the shell was opened; the zero one: outside of any.
func (c *Console) mayReplay(ctx context.Context, s signin.Session, shell incidents.Shell) (in incidents.Incident, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	seen, err := c.board.look(ctx, c)
	if err != nil {
		return in, err
	}
	gone := errLooseGone
	if shell.Incident != 0 {
		gone = errShellGone
		if in, _, err = c.myIncident(ctx, s, seen, shell.Incident); err != nil {
			return in, err
		}
	}
	one, _, err := c.mine(ctx, s, shell.Container)
	if errors.Is(err, errUnseen) {
		return in, gone
	}
	if err != nil {
		return in, err
	}
	if _, err := c.withinFor(ctx, s, one.is, true); err != nil {
		by := snapshot.By{Actor: actorOf(s), Incident: in.ID, Source: incidents.Source{System: "console"}}
		return in, c.denied(ctx, by, "watch what a shell in "+one.is.Called()+" has shown", err)
	}
	return in, nil
}

// replayer makes the page as post-mortems are made: completely before the first byte is sent, and not too many at once.
type replayer struct {
	Recordings
	id string
}

func (p replayer) Export(ctx context.Context, w io.Writer, _ string, in incidents.Incident, _ bool) error {
	return p.Replay(ctx, w, in, p.id)
}
