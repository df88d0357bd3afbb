package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

const (
	cpuSpan   = 200 * time.Millisecond // between the two looks that tell how much CPU is used
	saidLimit = 500                    // characters of what a health check has said
	lineLimit = 4000                   // characters of each line of a log
	readLimit = 4 << 20                // bytes of a log that are read
)

// vitals is the part of an inspect document that says how a container is.
type vitals struct {
	State struct {
		OOMKilled bool
		Error     string
		Health    *struct {
			FailingStreak int
			Log           []struct{ Output string }
		}
	}
	HostConfig struct {
		Memory              int64
		NanoCpus            int64
		CpuPeriod, CpuQuota int64
		CpusetCpus          string
	}
}

// Condition is snapshot.ConditionEngine's. Load and log are asked for side by side, as soon as it is known that the
// container is enabled.
func (e *Engine) Condition(ctx context.Context, id string, lines int, cpu bool) (snapshot.Condition, error) {
	if err := checkID(id); err != nil {
		return snapshot.Condition{}, err
	}
	d, raw, err := e.look(ctx, id)
	if err != nil {
		return snapshot.Condition{}, err
	}
	if !e.enabled(d) {
		return snapshot.Condition{}, fmt.Errorf("%w: %s", snapshot.ErrNotEnabled, d.Name)
	}
	var v vitals
	if err := json.Unmarshal(raw, &v); err != nil {
		return snapshot.Condition{}, fmt.Errorf("reading how %s is: %w", d.Name, err)
	}
	out := v.condition(d)
	var loadErr, logErr error
	var log sync.WaitGroup
	log.Go(func() { out.Lines, logErr = e.lastLines(ctx, d, lines) })
	loadErr = e.load(ctx, d, v, cpu, &out)
	log.Wait()
	out.Quiet = logErr == nil && len(out.Lines) == 0
	for _, part := range []struct {
		what string
		err  error
	}{{"load", loadErr}, {"log", logErr}} {
		switch {
		case part.err == nil:
		case ctx.Err() != nil:
			out.Untimely = append(out.Untimely, part.what)
		default:
			out.Missing = append(out.Missing, part.what+": "+part.err.Error())
		}
	}
	return out, nil
}

func (v vitals) condition(d document) snapshot.Condition {
	secrets := mask.Secrets(d.Config.Env)
	c := snapshot.Condition{
		State: d.State.Status, ExitCode: d.State.ExitCode, OutOfMemory: v.State.OOMKilled, EndedAt: instant(d.State.FinishedAt),
		StartError: quoted(v.State.Error, secrets), ByEngine: d.RestartCount, CreatedAt: instant(d.Created),
	}
	if h := v.State.Health; h != nil && d.State.Health.Status != "none" {
		c.Health, c.HealthFails = d.State.Health.Status, h.FailingStreak
		if n := len(h.Log); n > 0 {
			c.HealthOutput = quoted(h.Log[n-1].Output, secrets)
		}
	}
	return c
}

// quoted is a program's text on one line, without secrets.
func quoted(s string, secrets []string) string {
	return outside.Clip(outside.Line(mask.Text(s, secrets)), saidLimit)
}

// load measures twice for the CPU, since the engine only tells how much of its time was used in all. The first look is answered at once,
// the second one by some engines only a second or more later: there is no time for it in an alert. A container that does not run uses
// nothing.
func (e *Engine) load(ctx context.Context, d document, v vitals, withCPU bool, into *snapshot.Condition) error {
	if d.State.Status != "running" {
		return nil
	}
	before, err := e.usage(ctx, d)
	if err != nil {
		return err
	}
	into.Memory = memory(before, v)
	if !withCPU {
		return nil
	}
	timer := time.NewTimer(cpuSpan)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	after, err := e.usage(ctx, d)
	if err != nil {
		return err
	}
	into.CPU = cpu(before, after, v)
	return nil
}

func (e *Engine) usage(ctx context.Context, d document) (container.StatsResponse, error) {
	var s container.StatsResponse
	answer, err := e.cli.ContainerStatsOneShot(ctx, d.ID)
	if err != nil {
		return s, d.known(err, snapshot.ErrGone)
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, answerLimit)).Decode(&s)
	return s, errors.Join(err, answer.Body.Close())
}

// memory leaves out what the kernel would give back at once, as docker stats does: the page cache that was not used lately.
func memory(s container.StatsResponse, v vitals) snapshot.Load {
	used := s.MemoryStats.Usage
	for _, cache := range []string{"total_inactive_file", "inactive_file"} { // of cgroups v1, and of v2
		if idle, ok := s.MemoryStats.Stats[cache]; ok {
			used -= min(used, idle)
			break
		}
	}
	l := snapshot.Load{Used: float64(used), Limit: float64(v.HostConfig.Memory), Measured: used > 0}
	if l.Limit == 0 {
		l.Host = float64(s.MemoryStats.Limit) // it is the host's then
	}
	return l
}

func cpu(before, after container.StatsResponse, v vitals) snapshot.Load {
	span := after.Read.Sub(before.Read)
	was, is := before.CPUStats.CPUUsage.TotalUsage, after.CPUStats.CPUUsage.TotalUsage
	if span <= 0 || is < was { // it was restarted in between
		return snapshot.Load{}
	}
	return snapshot.Load{
		Used: float64(is-was) / float64(span.Nanoseconds()), Limit: v.cpus(), Host: float64(after.CPUStats.OnlineCPUs), Measured: true,
	}
}

// cpus is how many it may use; 0 when nothing limits it.
func (v vitals) cpus() float64 {
	h, limit := v.HostConfig, 0.0
	switch {
	case h.NanoCpus > 0:
		limit = float64(h.NanoCpus) / 1e9
	case h.CpuQuota > 0:
		limit = float64(h.CpuQuota) / float64(cmp.Or(h.CpuPeriod, 100_000))
	}
	if set := float64(cpuset(h.CpusetCpus)); set > 0 && (limit == 0 || set < limit) {
		limit = set
	}
	return limit
}

// cpuset counts the CPUs of a list such as 0-2,4; 0 when it is none.
func cpuset(list string) int {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			return 0
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil || to < from {
				return 0
			}
		}
		n += to - from + 1
	}
	return n
}

// lastLines reads the end of the log. It never attaches.
func (e *Engine) lastLines(ctx context.Context, d document, lines int) ([]snapshot.LogLine, error) {
	logs, err := e.cli.ContainerLogs(ctx, d.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(lines)})
	if err != nil {
		return nil, d.known(err, snapshot.ErrGone)
	}
	var out []snapshot.LogLine
	keep := newLogMask(d.Config.Env, func(l terminal.LogLine) error {
		if text := outside.Clip(outside.Line(string(l.Text)), lineLimit); text != "" {
			out = append(out, snapshot.LogLine{At: l.At, Stderr: l.Stderr, Text: text})
		}
		return nil
	})
	err = readLines(io.LimitReader(logs, readLimit), d.Config.Tty, keep)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // cut off at the limit
	}
	if err = errors.Join(err, logs.Close()); err != nil {
		return nil, d.known(err, nil)
	}
	slices.SortStableFunc(out, func(a, b snapshot.LogLine) int { return a.At.Compare(b.At) }) // the two streams
	return out, nil
}
