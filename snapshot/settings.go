package snapshot

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/snapback/snapback/access"
)

// Settings are what a container's labels say; README.md lists them. Only ParseSettings makes one: the
// defaults are not zero.
type Settings struct {
	access.Labels   // who may, and where they are
	Enabled         bool
	Identity        string // one name for differently named containers that succeed each other; "": their tool's labels or their names tell
	Service         string
	TerminalCommand []string
	Schedule        string
	Keep            int      // how many snapshots; 10 when not set
	Volumes         bool     // archive the volumes' contents as well
	VolumePaths     []string // with Volumes: only what is mounted at these paths, which may be binds; nil: all volumes
	Pause           string
	StopTimeout     time.Duration // -1: the smaller of the container's own and 10 s
	ErrorsQuery     string        // PromQL for errors a minute; "": they are counted in the log
	ErrorsRequests  string        // PromQL for requests a minute, beside ErrorsQuery
	ErrorsPattern   string        // which lines of the log are errors, in RE2; "": see package errorlines
	Runbook         string
	Wrong           []string // labels that are unknown or make no sense, each as a sentence; their defaults hold
}

const labelPrefix = "snapback."

// ParseSettings reads a container's labels. It never fails: a label that makes no sense is named in Wrong, and what
// it would have permitted is not permitted.
func ParseSettings(labels map[string]string) Settings {
	s := Settings{Keep: 10, Pause: "auto", StopTimeout: -1}
	s.RestoreAllow.Rule = access.Channel
	p := parser{labels: labels, s: &s}
	s.Enabled = labels[labelPrefix+"enable"] == "true"
	s.Identity = ParseIdentity(labels)
	if s.Identity == "" && labels[labelPrefix+"identity"] != "" {
		p.wrong("identity", "1 to 100 letters, digits, '.', '_' and '-', with a letter or digit first")
	}
	s.Service = labels[labelPrefix+"service"]
	p.services()
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
	s.ErrorsQuery, s.ErrorsRequests = p.query("errors.query"), p.query("errors.requests")
	p.pattern()
	p.unknown()
	return s
}

var identityGrammar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// ParseIdentity reads the label snapback.identity; "" when there is none, or one that can't be a name.
func ParseIdentity(labels map[string]string) string {
	if v := labels[labelPrefix+"identity"]; identityGrammar.MatchString(v) {
		return v
	}
	return ""
}

type parser struct {
	labels map[string]string
	s      *Settings
}

func (p parser) wrong(name, want string) (sentence string) {
	sentence = fmt.Sprintf("label snapback.%s=%.80q: want %s", name, p.labels[labelPrefix+name], want)
	p.s.Wrong = append(p.s.Wrong, sentence)
	return sentence
}

var pagerDutyID = regexp.MustCompile(`^[A-Za-z0-9]+$`)

func (p parser) services() {
	p.s.PagerDutyServices = list(p.labels[labelPrefix+"pagerduty.service"])
	if slices.ContainsFunc(p.s.PagerDutyServices, func(id string) bool { return !pagerDutyID.MatchString(id) }) {
		p.wrong("pagerduty.service", "the IDs of services, such as PABC123: the last part of a service's URL in PagerDuty")
	}
}

func (p parser) channel() {
	v := p.labels[labelPrefix+"slack.channel"]
	if v != "" && !access.IsChannelID(v) {
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

// query has to be there if its label is; whether it is PromQL, only Prometheus can tell.
func (p parser) query(name string) string {
	v, has := p.labels[labelPrefix+name]
	if v = strings.TrimSpace(v); has && v == "" {
		p.wrong(name, "a query in PromQL that yields a number a minute")
	}
	return v
}

func (p parser) pattern() {
	v := p.labels[labelPrefix+"errors.pattern"]
	if _, err := regexp.Compile(v); err != nil {
		p.wrong("errors.pattern", "a regular expression in Go's syntax")
		return
	}
	p.s.ErrorsPattern = v
}

// allow reads who may do what.
func (p parser) allow(name string, to *access.Allow) {
	v, has := p.labels[labelPrefix+name]
	if !has {
		return
	}
	allow, ok := access.ParseAllow(v)
	if !ok {
		p.deny(to, p.wrong(name, "channel, oncall, none, or Slack user and user-group IDs. Until then nobody may"))
		return
	}
	*to = allow
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
