package incidents

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"io"
	"slices"
)

// ErrNoRecording is for an ID by which the incident's timeline tells of no shell.
var ErrNoRecording = errors.New("no such recording")

// recordingTemplate needs nothing from elsewhere.
//
//go:embed recording.html.tmpl
var recordingTemplate string

// ShellOf is the key of the container in which the shell ran that a recording is of. It returns ErrUnknown and ErrNoRecording.
func (p Evidence) ShellOf(ctx context.Context, incident int64, recording string) (container string, err error) {
	found := false
	err = p.Timelines.ReadTimeline(ctx, incident, func(_ Incident, entries Entries) error {
		return entries.InOrder(func(e Entry) error {
			if recording == "" || e.Recording() != recording {
				return nil
			}
			var details struct {
				Container string `json:"container"`
			}
			readDetails(e, &details)
			container, found = details.Container, true
			return errEnough
		})
	})
	switch {
	case found:
		return container, nil
	case err != nil:
		return "", err
	}
	return "", ErrNoRecording
}

// ScriptSource is what the policy of a page has to let run, so that it plays recordings.
func (p Evidence) ScriptSource() string { return "'" + p.Player.inline().Hash + "' 'wasm-unsafe-eval'" }

// Replay writes a page that plays one recording of an incident's, with the moments of the night marked, or says why it can't.
func (p Evidence) Replay(ctx context.Context, w io.Writer, in Incident, recording string) error {
	list, err := p.Recorded.Recordings(ctx, in.ID)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r Recording) bool { return r.ID != recording })
	r := Report{Incident: in, Zone: p.Zone, Player: p.Player, Recordings: list}
	return p.Timelines.ReadTimeline(ctx, in.ID, func(_ Incident, entries Entries) error {
		r.Entries = entries
		return replay(w, r, recording)
	})
}

func replay(w io.Writer, r Report, recording string) (err error) {
	r = r.withDefaults()
	if r.moments, err = r.findMoments(); err != nil {
		return err
	}
	t, err := template.New("recording").Parse(recordingTemplate)
	if err != nil {
		return err
	}
	var data struct {
		Title, ID, Why string
		Player         *inline // nil: nothing is played
	}
	data.Title, data.ID, data.Why = "What a shell has shown", recording, r.unplayed()
	list := r.played()
	if len(list) == 1 {
		player := r.Player.inline()
		data.Player = &player
		data.Title += ", from " + list[0].StartedAt.In(r.Zone).Format("2 January, 15:04") + " on"
	}
	if err := t.Execute(w, data); err != nil {
		return err
	}
	if err := r.writeCasts(w, list); err != nil {
		return err
	}
	return t.ExecuteTemplate(w, "end", data)
}

// unplayed says why a recording is not played.
func (r Report) unplayed() string {
	switch {
	case len(r.Recordings) == 0:
		return "Nothing is kept of it: it was removed when its time was over, or nothing was shown."
	case len(r.Player.Script) == 0:
		return "This build has no player. The HTTP API has the recording, in the post-mortem's ZIP."
	}
	return "It is too large to be played here. The HTTP API has it, in the post-mortem's ZIP."
}
