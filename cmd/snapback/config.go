package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/internal/keyring"
)

// config is what the environment and the file of settings say. Each value that is wrong or missing is an error in
// one line that names it; all of them are told at once.
type config struct {
	DatabaseURL   string // "": a private server under DataDir
	DatabaseFile  string // where DatabaseURL comes from, to read it again; "": not from a file
	DataDir       string
	Listen        string
	MetricsListen string
	PublicURL     string // without a trailing slash
	SecretKeys    string // "": those of KeysFile, which is made when it is not there
	KeysFile      string // where the keys come from, to read it again; "": not from a file
	APIToken      string
	Zone          *time.Location
	BaselineAfter time.Duration
	CastLimit     int64         // bytes of one shell's recording; the shell goes on without
	KeepCasts     time.Duration // of shells, from the end of the session and of its incident
	KeepBefore    time.Duration // how long the container from before a restore is kept
	Forget        time.Duration // how long a container that is gone is shown; 0: for ever
	MaxAge        time.Duration // snapshots that are older go; 0: never for their age
	Only          string        // a label that narrows the enabled containers down; "": all of them
	Commits       int           // how many commits may run on an engine at once, of all bots
	DiskLimit     float64       // how full the engine's disk may be for a commit, from 0 to 1
	PrometheusURL string        // may hold a user and a password; "": errors are counted in logs only
	SigninIdle    time.Duration // after so long without a word from its person, a session in the console ends
	SigninLife    time.Duration // and after so long in any case
	ErrorsMinute  time.Duration // how long a minute is, in what spike, falling and flat mean; less than one is for demos
	Log           logging

	PrometheusToken string // "": none is sent

	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; nil: nobody's

	SlackBotToken      string
	SlackSigningSecret string
	SlackAppToken      string
	SlackChannel       string
	SlackAPIURL        string
	SlackQuiet         bool // no reply is shown in the channel because a restore has worked
	SlackGuests        bool // a guest's e-mail address counts as a member's does

	PagerDutyToken     string
	PagerDutyFrom      string
	PagerDutySecrets   []string
	PagerDutyRouting   string // of the service that shows deploys; "": none does
	PagerDutyAPIURL    string
	PagerDutyEventsURL string
}

// reader reads settings, and remembers what is wrong, once for each.
type reader struct {
	getenv func(string) string
	place  func(string) string // where in a file a setting stands, as file:line; nil or "": in none
	names  []string            // of all settings that were asked for, whether they are set or not
	wrong  []string            // the names
	errs   []error             // what is wrong with them
}

func (r *reader) fail(name, format string, args ...any) {
	if setting := strings.TrimSuffix(name, "_FILE"); !slices.Contains(r.wrong, setting) {
		r.wrong = append(r.wrong, setting)
		err := fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
		if r.place != nil {
			if place := r.place(setting); place != "" {
				err = fmt.Errorf("%s: %w", place, err)
			}
		}
		r.errs = append(r.errs, err)
	}
}

// reader reads the environment, and beneath it the file of settings; what is wrong with that is told with the rest.
func (e env) reader() *reader { return e.readerOf(openConfig(e, false)) }

// lenientReader is for commands that ask a running bot.
func (e env) lenientReader() *reader { return e.readerOf(openConfig(e, true)) }

func (e env) readerOf(f configFile, errs []error) *reader {
	return &reader{
		getenv: func(name string) string { return f.lookup(e.getenv, name) },
		place:  func(setting string) string { return f.place(e.getenv, setting) },
		errs:   errs,
	}
}

// err is everything that is wrong, a line each; nil when nothing is.
func (r *reader) err() error { return errors.Join(r.errs...) }

// get reads NAME, or the file that NAME_FILE names.
func (r *reader) get(name string) string {
	r.names = append(r.names, name)
	value, path := r.getenv(name), r.getenv(name+"_FILE")
	if path == "" {
		return strings.TrimSpace(value)
	}
	if value != "" {
		r.fail(name, "set it or %s_FILE, not both", name)
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.fail(name+"_FILE", "%v", unreadable(path, err))
	}
	return strings.TrimSpace(string(text))
}

// unreadable quotes no path that may be the secret itself, put into the wrong variable.
func unreadable(path string, err error) error {
	var failed *fs.PathError
	if !filepath.IsAbs(path) && errors.As(err, &failed) {
		return fmt.Errorf("want the path of a file: %w", failed.Err)
	}
	return err
}

func (r *reader) or(name, fallback string) string {
	if v := r.get(name); v != "" {
		return v
	}
	return fallback
}

func (r *reader) required(name, what string) string {
	v := r.get(name)
	if v == "" {
		r.fail(name, "is missing: %s", what)
	}
	return v
}

// slackChannelID is laxer than the form that labels want: a bot that starts today has to start tomorrow.
var slackChannelID = regexp.MustCompile(`^[CGD][A-Z0-9]+$`)

func (r *reader) channel(name, what string) string {
	v := r.required(name, what)
	if v != "" && !slackChannelID.MatchString(v) {
		r.fail(name, "is no channel's ID: want %s", what)
	}
	return v
}

func (r *reader) prefixed(name, v, prefix string) {
	if v != "" && !strings.HasPrefix(v, prefix) {
		r.fail(name, "does not start with %q", prefix)
	}
}

func (r *reader) httpURL(name, v string) string {
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.fail(name, "want a URL such as https://snapback.example.com")
		return ""
	}
	return strings.TrimRight(v, "/")
}

// openURL is for those that are shown, logged, or go elsewhere in a link: with a password in it, it would be too. Nothing that
// is wrong with a URL quotes it.
func (r *reader) openURL(name, v string) string {
	if u, err := url.Parse(v); err == nil && u.User != nil {
		r.fail(name, "must hold no user and no password")
		return ""
	}
	return r.httpURL(name, v)
}

func (r *reader) address(name, fallback string) string {
	v := r.or(name, fallback)
	if _, _, err := net.SplitHostPort(v); err != nil {
		r.fail(name, "want host:port or :port, got %q", v)
	}
	return v
}

func readConfig(r *reader) (config, error) {
	c := config{
		DatabaseURL:   r.get("DATABASE_URL"),
		DatabaseFile:  r.getenv("DATABASE_URL_FILE"),
		DataDir:       r.dataDir(os.Geteuid() == 0),
		Listen:        r.address("SNAPBACK_LISTEN", ":8080"),
		MetricsListen: r.address("SNAPBACK_METRICS_LISTEN", "127.0.0.1:9090"),
		SecretKeys:    r.get("SNAPBACK_SECRET_KEYS"),
		KeysFile:      r.getenv("SNAPBACK_SECRET_KEYS_FILE"),
		APIToken:      r.get("SNAPBACK_API_TOKEN"),
		Zone:          r.zone("SNAPBACK_TIMEZONE"),
		BaselineAfter: r.duration("SNAPBACK_BASELINE_AFTER", time.Minute),
		KeepCasts:     r.duration("SNAPBACK_KEEP_RECORDINGS", 90*24*time.Hour),
		KeepBefore:    r.duration("SNAPBACK_KEEP_BEFORE", 24*time.Hour),
		Forget:        r.duration("SNAPBACK_FORGET", 7*24*time.Hour),
		MaxAge:        r.duration("SNAPBACK_MAX_AGE", 0),
		Only:          r.get("SNAPBACK_ONLY"),
		Commits:       r.number("SNAPBACK_COMMITS", 1, 8),
		DiskLimit:     r.percent("SNAPBACK_DISK_LIMIT", 90),
		ErrorsMinute:  r.upTo("SNAPBACK_ERRORS_MINUTE", time.Minute),
		SigninIdle:    r.duration("SNAPBACK_SIGNIN_IDLE", signin.DefaultIdle),
		SigninLife:    r.duration("SNAPBACK_SIGNIN_LIFE", signin.DefaultLife),
		PrometheusURL: r.httpURL("SNAPBACK_PROMETHEUS_URL", r.get("SNAPBACK_PROMETHEUS_URL")),

		PrometheusToken: r.get("SNAPBACK_PROMETHEUS_TOKEN"),
	}
	c.Log = r.logging()
	c.PublicURL = r.openURL("SNAPBACK_PUBLIC_URL", r.required("SNAPBACK_PUBLIC_URL", "how phones reach this bot, such as https://snapback.example.com"))
	if strings.ContainsAny(c.PublicURL, "?#") {
		r.fail("SNAPBACK_PUBLIC_URL", "must hold no query and no fragment: every link begins with it")
	}
	c.CastLimit = int64(r.number("SNAPBACK_RECORDING_LIMIT", 64, 4096)) << 20
	c.TrustedProxies = r.prefixes("SNAPBACK_TRUSTED_PROXIES")
	if c.PrometheusToken != "" && c.PrometheusURL == "" {
		r.fail("SNAPBACK_PROMETHEUS_TOKEN", "is set, and SNAPBACK_PROMETHEUS_URL is not")
	}
	r.checkKeys(&c)
	r.slack(&c)
	r.pagerDuty(&c)
	if err := r.err(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// paced is how often something is done that is done every so often where a minute is a minute.
func (c config) paced(every time.Duration) time.Duration {
	const least = 250 * time.Millisecond
	return max(least, time.Duration(float64(every)*c.ErrorsMinute.Minutes()))
}

func (r *reader) checkKeys(c *config) {
	if c.KeysFile != "" {
		if err := keyring.Private(c.KeysFile); err != nil {
			r.fail("SNAPBACK_SECRET_KEYS_FILE", "%v", err)
		}
	}
	if c.SecretKeys != "" || c.KeysFile != "" {
		if _, err := keyring.Parse(c.SecretKeys); err != nil {
			r.fail("SNAPBACK_SECRET_KEYS", "%v", err)
		}
	} else {
		c.KeysFile = filepath.Join(c.DataDir, "secret-keys")
	}
	if c.APIToken != "" && len(c.APIToken) < 20 {
		r.fail("SNAPBACK_API_TOKEN", "is too short to be a secret: want 20 characters or more (openssl rand -base64 32)")
	}
	if u, err := url.Parse(c.DatabaseURL); c.DatabaseURL != "" && strings.Contains(c.DatabaseURL, "://") && (err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql") {
		r.fail("DATABASE_URL", "want postgres://user:password@host/database")
	}
}

func (r *reader) slack(c *config) {
	c.SlackAppToken = r.get("SLACK_APP_TOKEN")
	c.SlackBotToken = r.required("SLACK_BOT_TOKEN", "the bot token of your Slack app (xoxb-…), under OAuth & Permissions")
	if c.SlackSigningSecret = r.get("SLACK_SIGNING_SECRET"); c.SlackSigningSecret == "" && c.SlackAppToken == "" {
		r.fail("SLACK_SIGNING_SECRET", "is missing: the signing secret of your Slack app, under Basic Information (or set SLACK_APP_TOKEN for Socket Mode)")
	}
	c.SlackChannel = r.channel("SLACK_CHANNEL", "the ID (C…) of the channel for alerts whose container names no channel")
	c.SlackAPIURL = r.openURL("SLACK_API_URL", r.or("SLACK_API_URL", "https://slack.com/api")) + "/"
	c.SlackQuiet = r.yes("SNAPBACK_SLACK_QUIET")
	c.SlackGuests = r.yes("SNAPBACK_SLACK_GUESTS")
	r.prefixed("SLACK_BOT_TOKEN", c.SlackBotToken, "xoxb-")
	r.prefixed("SLACK_APP_TOKEN", c.SlackAppToken, "xapp-")
}

func (r *reader) pagerDuty(c *config) {
	c.PagerDutyToken = r.required("PAGERDUTY_API_TOKEN", "a REST API token of PagerDuty, under Integrations, API Access Keys")
	c.PagerDutyFrom = r.required("PAGERDUTY_FROM", "the e-mail address of a PagerDuty user, for what nobody else can be named for")
	for part := range strings.SplitSeq(r.required("PAGERDUTY_WEBHOOK_SECRETS", "the secret of your webhook subscription in PagerDuty"), ",") {
		if part = strings.TrimSpace(part); part != "" {
			c.PagerDutySecrets = append(c.PagerDutySecrets, part)
		}
	}
	if len(c.PagerDutySecrets) == 0 && r.get("PAGERDUTY_WEBHOOK_SECRETS") != "" {
		r.fail("PAGERDUTY_WEBHOOK_SECRETS", "holds nothing but commas")
	}
	c.PagerDutyRouting = r.get("PAGERDUTY_ROUTING_KEY")
	c.PagerDutyAPIURL = r.openURL("PAGERDUTY_API_URL", r.get("PAGERDUTY_API_URL"))
	c.PagerDutyEventsURL = r.openURL("PAGERDUTY_EVENTS_URL", r.get("PAGERDUTY_EVENTS_URL"))
	if c.PagerDutyFrom != "" && !strings.Contains(c.PagerDutyFrom, "@") {
		r.fail("PAGERDUTY_FROM", "is not an e-mail address")
	}
}

// yes reads true or false, which is also what is not set.
func (r *reader) yes(name string) bool {
	v := r.or(name, "false")
	if v != "true" && v != "false" {
		r.fail(name, "want true or false, got %q", v)
	}
	return v == "true"
}

func (r *reader) zone(name string) *time.Location {
	v := r.get(name)
	if v == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(v)
	if err != nil {
		r.fail(name, "unknown time zone %q: want one such as Europe/Berlin", v)
		return time.UTC
	}
	return zone
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.fail(name, "want a duration such as 1m or 90s, got %q", v)
	}
	return d
}

// upTo is a duration of at most limit, which is also the fallback.
func (r *reader) upTo(name string, limit time.Duration) time.Duration {
	d := r.duration(name, limit)
	if d > limit {
		r.fail(name, "want %s or less, got %s", limit, d)
	}
	return d
}

// number is at least 1, which is also the fallback, and at most limit.
func (r *reader) number(name string, fallback, limit int) int {
	v := r.or(name, strconv.Itoa(fallback))
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > limit {
		r.fail(name, "want a number from 1 to %d, got %q", limit, v)
	}
	return n
}

// prefixes reads addresses and networks, separated by commas or spaces.
func (r *reader) prefixes(name string) (list []netip.Prefix) {
	for _, part := range strings.FieldsFunc(r.get(name), func(c rune) bool { return c == ',' || c == ' ' }) {
		p, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Zone() != "" {
			r.fail(name, "want addresses and networks such as 10.0.0.7,172.16.0.0/12,fd00::/8, got %q", part)
			return nil
		}
		if p.Addr().Is4In6() {
			r.fail(name, "write %q as an IPv4 address or network", part)
			return nil
		}
		list = append(list, p.Masked())
	}
	return list
}

// percent reads 1 to 100, with or without the sign, as 0.01 to 1.
func (r *reader) percent(name string, fallback int) float64 {
	v := strings.TrimSuffix(r.or(name, strconv.Itoa(fallback)), "%")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 100 {
		r.fail(name, "want a percentage from 1 to 100, got %q", v)
	}
	return float64(n) / 100
}

// defaultDataDir is "" when nothing says where. A relative path would be another folder for every place to start from; the XDG
// Base Directory Specification has such be ignored.
func defaultDataDir(getenv func(string) string, root bool) string {
	if root {
		return "/var/lib/snapback"
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "snapback")
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "snapback")
	}
	return ""
}

// dataDir is where the keys and the private database are, and has to be the same at the next start.
func (r *reader) dataDir(root bool) string {
	dir := r.or("SNAPBACK_DATA_DIR", defaultDataDir(r.getenv, root))
	if dir == "" {
		r.fail("SNAPBACK_DATA_DIR", "is missing, and so are XDG_STATE_HOME and HOME: set it to a folder of this bot alone, such as /var/lib/snapback")
	}
	return dir
}

// keys is the key ring of the setting, or the one of the file in the data folder.
func (c config) keys() (*keyring.Ring, error) {
	if c.SecretKeys != "" {
		return keyring.Parse(c.SecretKeys)
	}
	return keyring.Load(c.KeysFile)
}
