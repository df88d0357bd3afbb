package incidents

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/outside"
)

// story is a report made ready to be read: what the Markdown and the HTML form share. Texts are one line each and
// otherwise as they came: each form escapes them in its own way. The timeline itself is not in it: see Report.lines.
type story struct {
	Title, Number, Service, Urgency, Priority, Status string
	URL                                               string // "" unless people can be sent there
	Opened, Acknowledged, Resolved                    string
	Spans                                             []namedSpan
	Deploys                                           []deploy
	Restores                                          []restore
	Chain, Generated, Zone                            string
	Questions                                         []string
}

type namedSpan struct{ Name, Took string }

// line is an entry.
type line struct {
	UTC, Local, Kind, Summary, Actor string
	Source, URL                      string
	shell                            string // the ID of what it has shown; "": it tells of no shell
	Played                           string // the same, where the page plays it
	Recording                        string // where what a shell has shown can be watched, or what became of it; "": there is none
}

type deploy struct {
	When, Summary string
	Changes       []string
}

type restore struct {
	When, Summary, Downtime string
	Phases                  []namedSpan
	Differences             []string
	Error                   string
}

// questions are what people answer in the morning.
func questions() []string { return []string{"What happened", "Why", "What we change"} }

func newStory(r Report) (story, error) {
	i, spans := r.Incident, Durations(r.Incident)
	s := story{
		Title: cmp.Or(outside.Line(i.Title), "untitled incident"), Service: outside.Line(i.Service), Urgency: outside.Line(i.Urgency),
		Priority: outside.Line(i.Priority), Status: outside.Line(string(i.Status)), URL: outside.URL(i.URL),
		Opened: r.moment(i.OpenedAt), Acknowledged: r.acknowledged(), Resolved: r.byWhom(i.ResolvedBy, i.ResolvedAt),
		Chain: cmp.Or(outside.Line(r.Chain), "not checked"), Generated: r.moment(r.Generated), Zone: r.Zone.String(), Questions: questions(),
		Spans: []namedSpan{
			{"To acknowledge", r.took(spans.ToAcknowledge, "never acknowledged")},
			{"To restore", r.took(spans.ToRestore, "nothing was restored")},
			{"To flat", r.took(spans.ToFlat, "not seen")},
			{"To resolve", r.took(spans.ToResolve, "not known")},
		},
	}
	s.Number = cmp.Or(outside.Line(i.PagerDutyID), "unknown")
	if i.Number != 0 {
		s.Number = fmt.Sprintf("#%d", i.Number)
	}
	err := r.Entries.AsItHappened(func(e Entry) error {
		s.add(e, r)
		return nil
	})
	return s, err
}

func (s *story) add(e Entry, r Report) {
	meaning, _ := e.Kind.Meaning()
	switch meaning.Section {
	case Deploys:
		s.Deploys = append(s.Deploys, r.deploy(e))
	case Restores:
		s.Restores = append(s.Restores, r.restore(e))
	}
}

// lines are the timeline for people, one entry at a time.
func (r Report) lines(each func(line) error) error {
	return r.Entries.AsItHappened(func(e Entry) error { return each(r.line(e)) })
}

func (r Report) line(e Entry) line {
	return line{
		shell: e.Recording(), Recording: r.recording(e), UTC: e.OccurredAt.UTC().Format(time.DateTime), Local: r.local(e.OccurredAt),
		Kind: outside.Line(string(e.Kind)), Summary: outside.Line(e.Summary), Actor: actorName(e.Actor),
		Source: cmp.Or(outside.Line(e.Source.System), "snapback"), URL: e.page(),
	}
}

// page is where a browser can read more of e; "" when there is only the HTTP API, which wants a token.
func (e Entry) page() string {
	if strings.HasSuffix(e.Source.URL, LinkOf("", e)) {
		return ""
	}
	return outside.URL(e.Source.URL)
}

// recording says where what the shell that e tells of has shown can be watched: a file within the zip.
func (r Report) recording(e Entry) string {
	id := e.Recording()
	if gone, is := r.removed[id]; is {
		return "the recording was removed after " + gone.keptFor + ", its hash is kept"
	}
	if file := recordingFile(id); file != "" {
		return "recorded: " + file
	}
	return ""
}

// Recording is the ID of what the shell that e tells of has shown; "" for other entries.
func (e Entry) Recording() string {
	var details struct {
		Recording string `json:"recording"`
	}
	if e.Kind == KindTerminalShell {
		readDetails(e, &details)
	}
	return details.Recording
}

// deployDetails are the details of a deploy entry that an export reads. Others, and details of another shape, are
// passed over: the summary says it too.
type deployDetails struct {
	Changes []struct {
		Attribute string `json:"attribute"`
		Before    string `json:"before"`
		After     string `json:"after"`
	} `json:"changes"`
}

func (r Report) deploy(e Entry) deploy {
	var details deployDetails
	readDetails(e, &details)
	d := deploy{When: r.moment(e.OccurredAt), Summary: outside.Line(e.Summary)}
	for _, c := range details.Changes {
		d.Changes = append(d.Changes, difference(c.Attribute, c.Before, c.After))
	}
	return d
}

// difference is one changed attribute for people. Masked values come empty.
func difference(attribute, before, after string) string {
	attribute, before, after = outside.Line(attribute), outside.Line(before), outside.Line(after)
	switch {
	case before == "" && after == "":
		return attribute + ": changed"
	case before == "":
		return attribute + ": added " + after
	case after == "":
		return attribute + ": removed " + before
	}
	return attribute + ": " + before + " → " + after
}

// restoreDetails are the details of a finished restore that an export reads.
type restoreDetails struct {
	DowntimeMs *int64 `json:"downtime_ms"`
	Error      string `json:"error"`
	Service    bool   `json:"is_service"` // of a Swarm
	Phases     []struct {
		State string `json:"state"`
		Ms    int64  `json:"ms"`
	} `json:"phases"`
	Differences []struct {
		Attribute string `json:"attribute"`
		Want      string `json:"want"`
		Got       string `json:"got"`
		Expected  string `json:"expected"` // why it can't be the same: nothing to report then
	} `json:"differences"`
}

func (r Report) restore(e Entry) restore {
	var details restoreDetails
	readDetails(e, &details)
	out := restore{When: r.moment(e.OccurredAt), Summary: outside.Line(e.Summary), Error: outside.Line(details.Error)}
	if details.DowntimeMs != nil {
		out.Downtime = fmt.Sprintf("%d ms", *details.DowntimeMs)
	}
	for _, p := range details.Phases {
		out.Phases = append(out.Phases, namedSpan{phase(p.State, details.Service), fmt.Sprintf("%d ms", p.Ms)})
	}
	for _, d := range details.Differences {
		if d.Expected == "" {
			out.Differences = append(out.Differences, difference(d.Attribute, d.Want, d.Got))
		}
	}
	return out
}

// phase is what a restore does in a state, for people.
func phase(state string, service bool) string {
	ofService := map[string]string{
		"prepared": "Keeping the spec from before", "swapping": "Telling the Swarm of the spec", "started": "Waiting for its tasks", "reverting": "Putting the spec from before back",
	}
	if word := ofService[state]; word != "" && service {
		return word
	}
	words := map[string]string{
		"requested": "Taking it up", "preflight": "Checking that it can be done", "prepared": "Preparing the replacement beside what ran",
		"swapping": "Putting the replacement in its place", "started": "Watching whether it stays up",
		"reverting": "Putting the container from before back",
	}
	return cmp.Or(words[state], outside.Line(state))
}

// readDetails reads what it can: an export must not fail because an entry of last year has another shape.
func readDetails(e Entry, into any) {
	if len(e.Details) > 0 {
		_ = json.Unmarshal(e.Details, into)
	}
}

func (r Report) moment(t time.Time) string {
	if t.IsZero() {
		return "not yet"
	}
	utc := t.UTC().Format(time.DateTime) + " UTC"
	if _, offset := t.In(r.Zone).Zone(); offset == 0 {
		return utc
	}
	return utc + " (" + r.local(t) + t.In(r.Zone).Format(" MST") + ")"
}

// local is t in r's zone, beside the same moment in UTC: with the day only when that is another one.
func (r Report) local(t time.Time) string {
	local := t.In(r.Zone)
	if local.Format(time.DateOnly) == t.UTC().Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format(time.DateTime)
}

// took is a duration. Once the incident is over, what has not happened is told as never.
func (r Report) took(s Span, never string) string {
	if !s.Done && !r.Incident.Open() {
		return never
	}
	return s.String()
}

// acknowledged is who did so first, and who did so last when that was somebody else or another time.
func (r Report) acknowledged() string {
	i := r.Incident
	if i.AcknowledgedAt.IsZero() && !i.Open() {
		return "never: it was resolved without"
	}
	first := r.byWhom(i.AcknowledgedBy, i.AcknowledgedAt)
	if !i.LastAcknowledgedAt.After(i.AcknowledgedAt) {
		return first
	}
	return first + "; last " + r.byWhom(i.LastAcknowledgedBy, i.LastAcknowledgedAt)
}

func (r Report) byWhom(who string, at time.Time) string {
	if at.IsZero() {
		return "not yet"
	}
	return cmp.Or(outside.Line(who), "somebody") + ", " + r.moment(at)
}

func actorName(a Actor) string {
	return cmp.Or(outside.Line(a.Name), outside.Line(a.SlackID), outside.Line(a.PagerDutyID), outside.Line(string(a.Kind)))
}
