package bot

import (
	"encoding/json"
	"strings"

	"github.com/snapback/snapback/incidents"
)

// replies are the entries that are told in an incident's thread. What only moves a restore along is shown in the
// message itself, and what one person was told stays with them.
var replies = map[string]string{
	incidents.KindRestoreRequested:     "▶️",
	incidents.KindRestoreVerified:      "✅",
	incidents.KindRestoreReverted:      "↩️",
	incidents.KindRestoreFailed:        "🆘",
	incidents.KindRestoreRefused:       "✋",
	incidents.KindRestoreWaiting:       "⏳",
	incidents.KindRestoreMended:        "⚠️",
	incidents.KindDeployReturned:       "⚠️",
	incidents.KindNote:                 "📝",
	incidents.KindErrorsFlat:           "📉",
	incidents.KindPagerDutyAcked:       "👀",
	incidents.KindPagerDutyResolved:    "✅",
	incidents.KindPagerDutyNoted:       "📝",
	"incident.status_update_published": "📣",
	"incident.unacknowledged":          "🚨",
	"incident.reopened":                "🚨",
	"incident.escalated":               "🚨",
}

// outside are those that are posted although no incident is concerned.
var outside = map[string]bool{
	incidents.KindRestoreRequested: true, incidents.KindRestoreVerified: true, incidents.KindRestoreReverted: true,
	incidents.KindRestoreFailed: true, incidents.KindRestoreRefused: true, incidents.KindRestoreWaiting: true, incidents.KindRestoreMended: true,
	incidents.KindRestoreMendFailed: true, incidents.KindDeployReturned: true,
}

// told says whether an entry is posted, and with which mark.
func told(e incidents.Entry) (mark string, ok bool) {
	mark, ok = replies[e.Kind]
	switch {
	case strings.HasSuffix(e.Kind, ".failed") && !ok, troubled(e.Kind), e.Kind == incidents.KindSnapshotTaken && aboutOf(e).Volumes.Problem != "":
		mark, ok = "⚠️", true
	case e.IncidentID == 0 && !outside[e.Kind]:
		return "", false
	}
	return mark, ok
}

// troubled says that something is wrong with a snapshot or an engine: everything about them but what is routine.
func troubled(kind string) bool {
	switch kind {
	case incidents.KindSnapshotAsked, incidents.KindSnapshotTaken, incidents.KindSnapshotDeleted:
		return false
	}
	return strings.HasPrefix(kind, "snapshot.") || strings.HasPrefix(kind, "engine.")
}

// shouted are also shown in the channel: people look there.
func shouted(e incidents.Entry) bool {
	return e.IncidentID != 0 && (e.Kind == incidents.KindRestoreFailed || e.Kind == incidents.KindErrorsFlat)
}

// reply draws an entry.
func reply(e incidents.Entry, mark string) Rendering {
	text := mark + " " + quote(e.Summary, 2500)
	if e.Source.System == "pagerduty" && linkable(e.Source.URL) && size(e.Source.URL) < 400 {
		text += " · " + link(e.Source.URL, "PagerDuty")
	}
	r := Rendering{Text: text}
	r.Blocks = append(r.Blocks, section(text))
	return r
}

// about is what an entry's details tell of a restore or a container.
type about struct {
	Container string `json:"container"`
	Restore   int64  `json:"restore_id"`
	Volumes   struct {
		Problem string `json:"problem"`
	} `json:"volumes"` // of a snapshot: why it is without their contents
}

func aboutOf(e incidents.Entry) about {
	var a about
	_ = json.Unmarshal(e.Details, &a) // details without these members are about nothing in particular
	return a
}
