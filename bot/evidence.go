package bot

import (
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/snapshot"
)

// evidenceLimit is how much of an error line an alert shows, in characters: about two lines of a phone. The details have more.
const evidenceLimit = 100

// evidence is the last errors in the log of the container that comes first. It stands below the buttons, which have to be in sight on a
// phone, and is left out where the message has no room for it.
func evidence(v View, above []slack.Block) []slack.Block {
	if !offering(v) || len(v.Containers) == 0 {
		return nil
	}
	text := lines(maxSection, lastErrors(v.Containers[0], v.Zone)...)
	if text == "" {
		return nil
	}
	block := section(text)
	if weight(append(above[:len(above):len(above)], block)...) > maxMessage {
		return nil
	}
	return []slack.Block{block}
}

// lastErrors are shown to a whole channel only when all of it may restore the container, since logs are for those who may. Others find
// them in the details.
func lastErrors(c ContainerView, zone *time.Location) []string {
	is := c.Condition
	if is == nil || is.Ordinary || len(is.Lines) == 0 || c.Container.Settings.RestoreAllow.Rule != access.Channel {
		return nil
	}
	out := []string{"Last errors in " + quote(c.Container.Called(), 100) + "'s log:"}
	for i := 0; i < len(is.Lines); {
		alike := 1
		for i+alike < len(is.Lines) && is.Lines[i+alike].Text == is.Lines[i].Text {
			alike++
		}
		i += alike
		line := logLine(is.Lines[i-1], is.At, zone, evidenceLimit)
		if alike > 1 {
			line += fmt.Sprintf(" (%d times)", alike)
		}
		out = append(out, line)
	}
	return out
}

// logLine is a line of a log with its time of day, and with the day when it was not written lately.
func logLine(l snapshot.LogLine, now time.Time, zone *time.Location, limit int) string {
	text := quote(l.Text, limit)
	switch {
	case l.At.IsZero():
		return "> " + text
	case now.Sub(l.At).Abs() < 24*time.Hour:
		return "> " + l.At.In(zone).Format("15:04:05") + " " + text
	}
	return "> " + l.At.In(zone).Format("Jan 2 15:04:05") + " " + text
}
