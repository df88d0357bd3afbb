package snapshot

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Settings are what a container's labels say; design.md lists them. The zero value is what a container has that
// bears no label but snapback.enable.
type Settings struct {
	Enabled           bool
	Service           string
	PagerDutyServices []string
	SlackChannel      string
	RestoreAllow      Allow
	TerminalAllow     Allow
	TerminalCommand   []string
	Schedule          string
	Keep              int      // how many snapshots; 10 when not set
	Volumes           bool     // archive the volumes' contents as well
	VolumePaths       []string // with Volumes: only what is mounted at these paths, which may be binds; nil: all volumes
	Pause             string
	StopTimeout       time.Duration // -1: the smaller of the container's own and 10 s
	ErrorsQuery       string
	ErrorsPattern     string
	Runbook           string
	Wrong             []string // labels that make no sense, each as a sentence; their defaults hold
}

// Allow is who may do something: everybody in the channel, whoever is on call, the listed Slack users and user
// groups, or nobody.
type Allow struct {
	Rule string   // channel, oncall, listed, none
	IDs  []string // with listed: Slack user IDs (U…, W…) and user-group IDs (S…)
}

const labelPrefix = "snapback."

// ParseSettings reads a container's labels. It never fails: a label that makes no sense is named in Wrong, and what
// it would have permitted is not permitted.
func ParseSettings(labels map[string]string) Settings {
	s := Settings{Keep: 10, Pause: "auto", StopTimeout: -1, RestoreAllow: Allow{Rule: "channel"}}
	p := parser{labels: labels, s: &s}
	s.Enabled = labels[labelPrefix+"enable"] == "true"
	s.Service = labels[labelPrefix+"service"]
	s.PagerDutyServices = list(labels[labelPrefix+"pagerduty.service"])
	p.channel()
	s.Runbook = p.url("runbook")
	p.allow("restore.allow", &s.RestoreAllow)
	s.TerminalAllow = s.RestoreAllow
	p.allow("terminal.allow", &s.TerminalAllow)
	s.TerminalCommand = strings.Fields(labels[labelPrefix+"terminal.command"])
	p.schedule()
	p.number("keep", 1, 1000, func(n int) { s.Keep = n })
	p.number("stop-timeout", 0, 3600, func(n int) { s.StopTimeout = time.Duration(n) * time.Second })
	p.volumes()
	p.oneOf("pause", []string{"auto", "true", "false"}, func(v string) { s.Pause = v })
	s.ErrorsQuery = labels[labelPrefix+"errors.query"]
	p.pattern()
	return s
}

type parser struct {
	labels map[string]string
	s      *Settings
}

func (p parser) wrong(name, want string) {
	p.s.Wrong = append(p.s.Wrong, fmt.Sprintf("label snapback.%s=%q: want %s", name, p.labels[labelPrefix+name], want))
}

// slackChannel is the form of a channel's ID; names of channels can change.
var slackChannel = regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`)

func (p parser) channel() {
	v := p.labels[labelPrefix+"slack.channel"]
	if v != "" && !slackChannel.MatchString(v) {
		p.wrong("slack.channel", "the ID of a channel, such as C0123456789")
		return
	}
	p.s.SlackChannel = v
}

func (p parser) number(name string, least, most int, set func(int)) {
	v := p.labels[labelPrefix+name]
	if v == "" {
		return
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		p.wrong(name, fmt.Sprintf("a number from %d to %d", least, most))
		return
	}
	set(n)
}

func (p parser) oneOf(name string, values []string, set func(string)) {
	v := p.labels[labelPrefix+name]
	if v == "" {
		return
	}
	for _, known := range values {
		if v == known {
			set(v)
			return
		}
	}
	p.wrong(name, strings.Join(values, " or "))
}

// volumes reads true, false, or absolute paths.
func (p parser) volumes() {
	v := p.labels[labelPrefix+"volumes"]
	if v == "" || v == "false" {
		return
	}
	if v == "true" {
		p.s.Volumes = true
		return
	}
	var paths []string
	for _, at := range list(v) {
		if !path.IsAbs(at) {
			p.wrong("volumes", "true, false, or paths in the container, separated by commas")
			return
		}
		paths = append(paths, path.Clean(at))
	}
	p.s.Volumes, p.s.VolumePaths = len(paths) > 0, paths
}

func (p parser) url(name string) string {
	v := p.labels[labelPrefix+name]
	if v == "" || strings.HasPrefix(v, "https://") || strings.HasPrefix(v, "http://") {
		return v
	}
	p.wrong(name, "an http or https URL")
	return ""
}

func (p parser) schedule() {
	v := p.labels[labelPrefix+"schedule"]
	if v == "" {
		return
	}
	if _, err := cron.ParseStandard(v); err != nil {
		p.wrong("schedule", "a cron expression or @every 6h")
		return
	}
	p.s.Schedule = v
}

func (p parser) pattern() {
	v := p.labels[labelPrefix+"errors.pattern"]
	if _, err := regexp.Compile(v); err != nil {
		p.wrong("errors.pattern", "a regular expression in Go's syntax")
		return
	}
	p.s.ErrorsPattern = v
}

var slackID = regexp.MustCompile(`^[UWS][A-Z0-9]{2,}$`)

// allow reads who may do what. A label that can't be read permits nobody, since a slip of the pen must not open a door.
func (p parser) allow(name string, to *Allow) {
	v := strings.TrimSpace(p.labels[labelPrefix+name])
	switch v {
	case "":
		return
	case "channel", "oncall", "none":
		*to = Allow{Rule: v}
		return
	}
	ids := list(v)
	for _, id := range ids {
		if !slackID.MatchString(id) {
			p.wrong(name, "channel, oncall, none, or Slack user and user-group IDs; until then nobody may")
			*to = Allow{Rule: "none"}
			return
		}
	}
	*to = Allow{Rule: "listed", IDs: ids}
}

func list(v string) []string {
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
