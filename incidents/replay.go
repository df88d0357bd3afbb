package incidents

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"io"
	"time"
)

// ErrNoRecording is for an ID that no recording has.
var ErrNoRecording = errors.New("no such recording")

// Shell is one that was recorded. Times are UTC.
type Shell struct {
	Recording string // its ID
	Incident  int64  // within which it was opened; 0: outside of any
	Container string // that it ran in, by its key
	By        string // who opened it, for people
	StartedAt time.Time
	EndedAt   time.Time // zero: it runs
}

// recordingTemplate needs nothing from elsewhere.
//
//go:embed recording.html.tmpl
var recordingTemplate string

// ScriptSource is what the policy of a page has to let run, so that it plays recordings.
func (p Evidence) ScriptSource() string { return "'" + p.Player.inline().Hash + "' 'wasm-unsafe-eval'" }

// Replay writes a page that plays a recording, or says why it can't. One of an incident has the moments of the night marked. What else
// happened outside of incidents is not: that timeline has the whole history in it.
func (p Evidence) Replay(ctx context.Context, w io.Writer, in Incident, recording string) error {
	r := Report{Incident: in, Zone: p.Zone, Player: p.Player, Entries: List(nil)}
	switch one, err := p.Recorded.Recording(ctx, recording); {
	case err == nil:
		r.Recordings = []Recording{one}
	case !errors.Is(err, ErrNoRecording):
		return err
	}
	if in.ID == 0 {
		return replay(w, r, recording)
	}
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
	why := "It is too large to be played here."
	switch {
	case len(r.Recordings) == 0:
		return "Nothing is kept of it: it was removed when its time was over, or nothing was shown."
	case len(r.Player.Script) == 0:
		why = "This build has no player."
	}
	if r.Incident.ID != 0 {
		why += " The HTTP API has it, in the post-mortem's ZIP."
	}
	return why
}
