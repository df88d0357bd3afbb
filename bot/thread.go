package bot

import (
	"encoding/json"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot/restore"
)

// posting says whether an entry is posted, and with which mark. What only moves a restore along is shown in the message
// itself, and what one person was told stays with them.
func posting(e incidents.Entry) (mark string, ok bool) {
	meaning, _ := e.Kind.Meaning()
	switch {
	case e.Kind == incidents.KindSnapshotTaken && aboutOf(e).Volumes.Problem != "":
		return "⚠️", true
	case e.Kind == incidents.KindRestoreVerified && aboutOf(e).Kind == restore.Undoing: // no success: the bad state may be back
		return "↩️", true
	case e.Kind == incidents.KindHoldOn && e.IncidentID != 0: // the incident's message has a line for it
		return "", false
	case e.IncidentID == 0 && !meaning.Outside:
		return "", false
	}
	return meaning.Mark, meaning.Mark != ""
}

// loud entries are also shown in the channel: people look there.
func loud(e incidents.Entry) bool {
	meaning, _ := e.Kind.Meaning()
	return e.IncidentID != 0 && meaning.Loud
}

// reply draws an entry.
func reply(e incidents.Entry, mark string) Rendering {
	text := mark + " " + quote(e.Summary, 2000)
	if e.Actor == incidents.Self() { // nobody else has commands shown to copy from
		text = mark + " " + withCommands(e.Summary, 2000)
	}
	if e.Source.System == "pagerduty" && linkable(e.Source.URL) && size(e.Source.URL) < 400 {
		text += " · " + link(e.Source.URL, "PagerDuty")
	}
	r := Rendering{Text: text}
	r.Blocks = append(r.Blocks, section(text))
	if actions := holdActions(e); len(actions) > 0 {
		r.Blocks = append(r.Blocks, slack.NewActionBlock("", actions...))
	}
	return r
}

// about is what an entry's details tell of a restore or a container.
type about struct {
	Container string       `json:"container"`
	Key       string       `json:"key"` // the container's; "": an earlier release has written it, or it is that of Hold
	Restore   int64        `json:"restore_id"`
	Kind      restore.Kind `json:"kind"`
	Hold      struct {
		Key      string `json:"key"`
		Snapshot string `json:"snapshot"`
		What     string `json:"what"`
	} `json:"hold"` // what it has to do with
	Volumes struct {
		Problem string `json:"problem"`
	} `json:"volumes"` // of a snapshot: why it is without their contents
}

func aboutOf(e incidents.Entry) about {
	var a about
	_ = json.Unmarshal(e.Details, &a) // details without these members are about nothing in particular
	return a
}
