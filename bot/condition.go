package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// conditionBudget is how long an alert waits for how its containers are, side by side with what else it looks up.
// Somebody who has asked for details waits longer.
const (
	conditionBudget = 800 * time.Millisecond
	wholeBudget     = 3500 * time.Millisecond
)

// examine asks how all are. The function that it returns waits for the answers and puts them in. While a restore runs nobody
// is asked: what runs then changes at any moment.
func (b *Bot) examine(ctx context.Context, v *View) (wait func()) {
	if b.Conditions == nil || v.Restore != nil && !v.Restore.State.Final() {
		return func() {}
	}
	limit := conditionBudget
	switch {
	case v.whole:
		limit = wholeBudget
	case v.calm:
		limit *= 3
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	found, errs := make([]*snapshot.Condition, len(v.Containers)), make([]error, len(v.Containers))
	var asked sync.WaitGroup
	for i, c := range v.Containers {
		if c.Container.Elsewhere || c.Container.ID == "" || c.Container.State == "gone" {
			continue
		}
		asked.Go(func() {
			is, err := b.Conditions.Condition(ctx, c.Container, v.whole)
			if errs[i] = err; err == nil {
				found[i] = &is
			}
		})
	}
	return func() {
		asked.Wait()
		cancel()
		for i := range found {
			v.Containers[i].Condition, v.Containers[i].Unexamined = found[i], errs[i]
		}
	}
}

// examineFor is how long after the alert it is asked again how a container is that did not answer in time. A machine that is busy
// answers by then, and a container that hangs never does.
const examineFor = 2 * time.Minute

// unexamined says whether it is to be asked again.
func (v View) unexamined(now time.Time) bool {
	return v.Incident.Open() && now.Sub(v.Incident.OpenedAt) < examineFor && slices.ContainsFunc(v.Containers, func(c ContainerView) bool {
		return errors.Is(c.Unexamined, context.DeadlineExceeded) || errors.Is(c.Unexamined, snapshot.ErrEngineAway)
	})
}

// conditionLines are what is not as it should be, in two short lines at most: how the container runs, and how it is doing.
func conditionLines(v View, c ContainerView) []string {
	if c.Condition == nil {
		out := []string{dueLine(c.Container)}
		if c.Unexamined != nil && v.Problem == "" { // which would say it already
			out = append(out, "How "+quote(c.Container.Called(), 100)+" is could not be looked up: "+quote(why(c.Unexamined), 200))
		}
		return out
	}
	is := *c.Condition
	if is.Tasks != nil {
		return taskLines(c.Container, *is.Tasks)
	}
	runs, does := unsteady(is), ailing(is)
	out := []string{}
	if len(runs) > 0 {
		out = append(out, fmt.Sprintf("⚠️ %s %s", quote(c.Container.Called(), 100), strings.Join(runs, " · ")))
	}
	if len(does) > 0 {
		out = append(out, "⚠️ "+capital(strings.Join(does, " · ")))
	}
	if n := len(is.Untimely); n > 0 {
		out = append(out, "Not looked up in time: "+quote(strings.Join(is.Untimely, ", "), 100))
	}
	return out
}

// unsteady is how a container runs that does not simply run.
func unsteady(c snapshot.Condition) []string {
	var out []string
	switch c.State {
	case "running":
	case "exited", "dead":
		out = append(out, "has ended: "+ending(c))
	case "restarting":
		out = append(out, "is restarting again and again: "+ending(c))
	default:
		out = append(out, "is "+quote(c.State, 20))
	}
	if n := c.Restarts.Times; n > 0 {
		text := restarts(c)
		if c.State == "running" {
			text = "restarted " + text
			if !c.EndedAt.IsZero() {
				text += ", last with " + ending(c)
			}
		}
		out = append(out, text)
	}
	if c.StartError != "" {
		out = append(out, "can't be started: "+quote(c.StartError, 150))
	}
	return out
}

// restarts is how often, and since when that is known.
func restarts(c snapshot.Condition) string {
	since := "the last hour"
	if known := c.At.Sub(c.Restarts.Since); known < 59*time.Minute {
		since = "the last " + span(max(known, time.Second))
	}
	if c.Restarts.Times == 1 {
		return "once in " + since
	}
	return fmt.Sprintf("%d times in %s", c.Restarts.Times, since)
}

// ending is an exit code with its meaning.
func ending(c snapshot.Condition) string {
	text := fmt.Sprintf("exit code %d", c.ExitCode)
	if meaning := snapshot.ExitMeaning(c.ExitCode, c.OutOfMemory); meaning != "" {
		text += " (" + meaning + ")"
	}
	return text
}

// capital begins a line with one.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// ailing is what says of a container that it is not well, or soon will not be.
func ailing(c snapshot.Condition) []string {
	var out []string
	if c.Health == "unhealthy" && c.State == "running" { // the engine also calls those so that were stopped
		out = append(out, checkSaid(c, 120))
	}
	if c.Memory.Scarce() {
		out = append(out, "memory "+memoryUse(c.Memory))
	}
	if c.CPU.Scarce() {
		out = append(out, "CPU "+cpuUse(c.CPU))
	}
	return out
}

func checkSaid(c snapshot.Condition, limit int) string {
	text := fmt.Sprintf("health check failed %d times in a row", c.HealthFails)
	if c.HealthFails < 2 {
		text = "health check failed"
	}
	if c.HealthOutput == "" {
		return text + ", without a word"
	}
	return text + ": " + quote(c.HealthOutput, limit)
}

func memoryUse(l snapshot.Load) string {
	switch {
	case l.Limit > 0:
		return fmt.Sprintf("%.0f %% of its limit (%s of %s)", 100*l.Share(), bytesOf(l.Used), bytesOf(l.Limit))
	case l.Host > 0:
		return fmt.Sprintf("%s, no limit; the host has %s", bytesOf(l.Used), bytesOf(l.Host))
	}
	return bytesOf(l.Used) + ", no limit"
}

// bytesOf is an amount of memory in the units that docker takes limits in.
func bytesOf(n float64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", n/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", n/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", n/(1<<10))
}

func cpuUse(l snapshot.Load) string {
	switch {
	case l.Limit > 0:
		return fmt.Sprintf("%.0f %% of its limit (%.2f of %.2g CPUs)", 100*l.Share(), l.Used, l.Limit)
	case l.Host > 0:
		return fmt.Sprintf("%.2f of the host's %.0f CPUs, no limit", l.Used, l.Host)
	}
	return fmt.Sprintf("%.2f CPUs, no limit", l.Used)
}

// conditionDetails is all of it. Its log is for those who may see it.
func conditionDetails(c ContainerView, zone *time.Location, logs bool) []string {
	if c.Unexamined != nil {
		return []string{"• How it is could not be looked up: " + quote(why(c.Unexamined), 300)}
	}
	if c.Condition == nil {
		return nil
	}
	is := *c.Condition
	out := append(lifeDetails(is, zone), loadDetails(is)...)
	if is.Tasks != nil {
		out = taskDetails(*is.Tasks, is.At, zone)
	}
	for _, m := range is.Missing {
		out = append(out, "• Not to be had: "+quote(m, 300))
	}
	if len(is.Untimely) > 0 {
		out = append(out, "• Not looked up in time: "+quote(strings.Join(is.Untimely, ", "), 100))
	}
	return append(out, logDetails(is, zone, logs)...)
}

func why(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, snapshot.ErrEngineAway) {
		return "the engine does not answer in time"
	}
	return err.Error()
}

func lifeDetails(c snapshot.Condition, zone *time.Location) []string {
	var out []string
	if !c.EndedAt.IsZero() {
		out = append(out, fmt.Sprintf("• Ended last at %s with %s", clock(c.EndedAt, c.At, zone), ending(c)))
	}
	if c.StartError != "" {
		out = append(out, "• Can't be started: "+quote(c.StartError, 300))
	}
	if c.Restarts.Times > 0 {
		out = append(out, "• Restarted "+restarts(c))
	} else {
		out = append(out, "• Not restarted in "+strings.TrimPrefix(restarts(c), "0 times in "))
	}
	if c.ByEngine > c.Restarts.Times {
		out = append(out, fmt.Sprintf("• Restarted by the engine %d times since it was started by hand", c.ByEngine))
	}
	switch c.Health {
	case "":
		out = append(out, "• It has no health check")
	case "unhealthy":
		out = append(out, "• Unhealthy: "+checkSaid(c, 400))
	default:
		line := "• " + capital(quote(c.Health, 20)) + " by its own check"
		if c.HealthOutput != "" {
			line += ", which said last: " + quote(c.HealthOutput, 400)
		}
		out = append(out, line)
	}
	return out
}

func loadDetails(c snapshot.Condition) []string {
	var out []string
	if c.Memory.Measured {
		out = append(out, "• Memory: "+memoryUse(c.Memory))
	}
	if c.CPU.Measured {
		out = append(out, "• CPU: "+cpuUse(c.CPU))
	}
	return out
}

// logDetails are the last errors. Lines of a log are for those who may restore the container, as in the terminal.
func logDetails(c snapshot.Condition, zone *time.Location, allowed bool) []string {
	switch {
	case !allowed && (len(c.Lines) > 0 || c.Quiet):
		return []string{"• Its log is for those who may restore it"}
	case c.Quiet:
		return []string{"• Its log is empty"}
	case len(c.Lines) == 0:
		return nil
	}
	out := []string{"Last errors in its log:"}
	if c.Ordinary {
		out = []string{"No errors at the end of its log. The last lines:"}
	}
	for _, l := range c.Lines {
		out = append(out, logLine(l, c.At, zone, 300))
	}
	return out
}

// mayReadLog says whether somebody may see a container's log.
func (h *handling) mayReadLog(ctx context.Context, v View, c ContainerView) bool {
	return h.Access.May(ctx, h.wish(c.Container, v.Incident)) == nil
}
