package bot

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// phases say what each state of a restore means to somebody who is waiting: while it lasts, and once it is over.
var phases = map[restore.State]struct{ doing, done string }{
	restore.Requested: {"starting", ""},
	restore.Preflight: {"checking", "checked"},
	restore.Prepared:  {"preparing the replacement", "replacement ready"},
	restore.Swapping:  {"swapping", "swapped"},
	restore.Started:   {"making sure that it stays up", "stays up"},
	restore.Reverting: {"putting the container from before back", "container from before is back"},
}

// servicePhases are those that are another matter with a service of a Swarm.
var servicePhases = map[restore.State]struct{ doing, done string }{
	restore.Prepared:  {"keeping the spec of now", "spec of now kept"},
	restore.Swapping:  {"telling the Swarm", "Swarm told"},
	restore.Started:   {"replacing its tasks", "tasks replaced"},
	restore.Reverting: {"putting the spec from before back", "spec from before is back"},
}

func phaseOf(r restore.Restore, s restore.State) struct{ doing, done string } {
	words := phases[s]
	if of, ok := servicePhases[s]; ok && r.Plan.Service {
		words = of
	}
	if s == restore.Preflight && r.Plan.Doubt != "" {
		words.done += ", but not " + quote(r.Plan.Doubt, 200)
	}
	return words
}

// progress is the restore in two lines: what and for whom, and how far it is or how it ended.
func progress(v View) string {
	r := *v.Restore
	if !r.State.Final() {
		return lines(maxSection, "⏳ *"+doing(r)+"*"+forWhom(r), steps(r)+tasksOf(v)+volumesOf(v))
	}
	return lines(maxSection, outcome(v, r), steps(r), undone(r), runsNow(v, r))
}

func doing(r restore.Restore) string {
	if r.Kind == restore.Undoing {
		return "Undoing: putting " + quote(r.Snapshot, 120) + " back as " + quote(r.Container, 120)
	}
	return "Restoring " + quote(r.Container, 120) + " to " + quote(r.Snapshot, 64)
}

func forWhom(r restore.Restore) string {
	if r.By.Actor.Name == "" {
		return ""
	}
	return " for " + quote(r.By.Actor.Name, 80)
}

// outcome is who, what, how long, and the downtime.
func outcome(v View, r restore.Restore) string {
	who := strings.Replace(forWhom(r), " for ", " · by ", 1)
	sentence := quote(r.Sentence(r.State), 1500)
	switch r.State {
	case restore.Verified:
		return success(v, r) + who
	case restore.Refused:
		return "✋ " + sentence + who
	case restore.Reverted:
		return "↩️ *The restore did not work.* " + sentence + who
	}
	return "🆘 *" + quote(r.Container, 120) + " needs you.* " + withCommands(r.Error, 1500) + who
}

// withCommands is a text for people as mrkdwn, with the commands for the engine's host, if there are any, as a block to copy from.
func withCommands(text string, limit int) string {
	before, commands, after := restore.ByHand(text)
	if len(commands) == 0 {
		return quote(text, limit)
	}
	var rows []string
	for _, command := range commands {
		rows = append(rows, fit(strings.ReplaceAll(oneLine(command), "`", "ˋ"), 200))
	}
	block := "On the engine's host:\n```\n" + lines(limit, append(rows, "docker ps -a")...) + "\n```"
	return quote(before, limit) + "\n" + block + quote(after, 400)
}

func success(v View, r restore.Restore) string {
	what := fmt.Sprintf("✅ *%s is back on %s*", quote(r.Container, 120), quote(r.Snapshot, 120))
	if v.over(r) {
		what = fmt.Sprintf("*%s was put back on %s*", quote(r.Container, 120), quote(r.Snapshot, 120))
	}
	if r.Kind == restore.Undoing {
		what = "↩️ " + quote(r.Undone(), 500)
	}
	took := " · " + span(r.VerifiedAt.Sub(r.RequestedAt))
	if r.Downtime > 0 {
		took += ", down for " + span(r.Downtime)
	}
	if r.Proof != "" {
		took += " · " + quote(r.Proof, 200)
	}
	if n := len(r.Unexpected()); n > 0 {
		took += fmt.Sprintf(" · ⚠️ not as it was in %d ways: see Details", n)
	}
	for _, more := range []string{r.Unheld(), r.Unretired(), r.Left()} {
		if more != "" {
			took += "\n⚠️ " + quote(more, 400)
		}
	}
	return what + took
}

// steps are the phases that are over, with their times, and the one that lasts.
func steps(r restore.Restore) string {
	var out []string
	for i, p := range r.Phases {
		if done := phaseOf(r, p.State).done; done != "" && passed(r, i) {
			out = append(out, fmt.Sprintf("✓ %s %d ms", done, p.Ms))
		}
	}
	if !r.State.Final() {
		out = append(out, "⏳ "+phaseOf(r, r.State).doing+" …")
	}
	return strings.Join(out, " · ")
}

// passed says whether the phase with index i ended well. The one that led to a refusal or to reverting did not, and a
// restore that failed could not even revert.
func passed(r restore.Restore, i int) bool {
	last := len(r.Phases) - 1
	switch r.State {
	case restore.Refused, restore.Reverting:
		return i != last
	case restore.Reverted:
		return i != last-1
	case restore.Failed:
		return i < last-1
	}
	return true
}

// over says that it is no longer known, or no longer so, that what a restore has put back runs.
func (v View) over(r restore.Restore) bool {
	return !v.Incident.Open() || r.UndoneByID != 0 || v.deployedSince(r) != nil
}

// deployedSince is what was deployed in the place of what a restore or an undo has put back; nil: nothing is known to have been.
func (v View) deployedSince(r restore.Restore) *snapshot.Deploy {
	for _, c := range v.Containers {
		last := cmp.Or(c.Since, c.Deploy)
		if c.Container.Key == r.Key && last != nil && last.AfterID == c.Container.ID && r.ReplacedBy(*last) {
			return last
		}
	}
	return nil
}

// runsNow says what runs in the place of what a restore or an undo has put back.
func runsNow(v View, r restore.Restore) string {
	d := v.deployedSince(r)
	if d == nil {
		return ""
	}
	return fmt.Sprintf("Since the deploy at %s it runs %s", clock(d.Came(), v.Incident.OpenedAt, v.Zone), quote(d.After, 200))
}

func undone(r restore.Restore) string {
	if r.UndoneByID == 0 {
		return ""
	}
	if r.Plan.Service {
		return "Undone since: the spec from before runs again"
	}
	return "Undone since: the container from before runs again"
}
