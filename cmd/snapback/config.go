package main

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/site"
)

// config is what the environment and the file of settings say. Each value that is wrong or missing is an error in
// one line that names it; all of them are told at once.
type config struct {
	DatabaseURL   string // "": a private server under DataDir
	DatabaseFile  string // where DatabaseURL comes from, to read it again; "": not from a file
	DataDir       string
	Listen        string
	MetricsListen string
	PeerListen    string // where other bots of the database come in; "": they don't
	PeerAddress   string // where they reach it
	PublicURL     string // without a trailing slash
	SecretKeys    string // "": those of KeysFile, which is made when it is not there
	KeysFile      string // where the keys come from, to read it again; "": not from a file
	APIToken      string
	Zone          *time.Location
	BaselineAfter time.Duration
	CastLimit     int64         // bytes of one shell's recording; the shell goes on without
	KeepCasts     time.Duration // of shells, from the end of the session and of its incident; 0: for ever
	KeepBefore    time.Duration // how long the container from before a restore is kept
	Engines       []engineAt    // one or more; without a setting the one that every Docker tool finds
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
	PagerDutySecrets   []string // beside those that snapback pagerduty has put into the database
	PagerDutyRouting   string   // of the service that shows deploys; "": none does
	PagerDutyAPIURL    string
	PagerDutyEventsURL string
}

func readConfig(r *reader) (config, error) {
	c := config{
		DatabaseURL:   r.get("DATABASE_URL"),
		DatabaseFile:  r.getenv("DATABASE_URL_FILE"),
		DataDir:       r.dataDir(os.Geteuid() == 0),
		Listen:        r.address("SNAPBACK_LISTEN", ":8080"),
		MetricsListen: r.address("SNAPBACK_METRICS_LISTEN", defaultMetricsListen),
		PeerListen:    r.get("SNAPBACK_PEER_LISTEN"),
		SecretKeys:    r.get("SNAPBACK_SECRET_KEYS"),
		KeysFile:      r.getenv("SNAPBACK_SECRET_KEYS_FILE"),
		APIToken:      r.get("SNAPBACK_API_TOKEN"),
		Zone:          r.zone("SNAPBACK_TIMEZONE"),
		BaselineAfter: r.duration("SNAPBACK_BASELINE_AFTER", time.Minute),
		KeepCasts:     r.orNever("SNAPBACK_KEEP_RECORDINGS", 90*24*time.Hour),
		KeepBefore:    r.duration("SNAPBACK_KEEP_BEFORE", 24*time.Hour),
		Engines:       r.engines(),
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
	c.PublicURL = r.publicURL()
	c.PeerAddress = r.peerAddress(c.PeerListen)
	c.CastLimit = int64(r.number("SNAPBACK_RECORDING_LIMIT", 64, 4096)) << 20
	c.TrustedProxies = r.prefixes("SNAPBACK_TRUSTED_PROXIES")
	if c.PrometheusToken != "" && c.PrometheusURL == "" {
		r.fail("SNAPBACK_PROMETHEUS_TOKEN", "is set, and SNAPBACK_PROMETHEUS_URL is not")
	}
	r.checkKeys(&c)
	r.slack(&c)
	r.pagerDuty(&c)
	slips, _ := nameFaults(r.around) // first, since they are why others are missing
	if r.errs = append(slips, r.errs...); len(r.errs) > 0 {
		return c, usageError{r.err()}
	}
	return c, nil
}

func (r *reader) publicURL() string {
	v := r.openURL("SNAPBACK_PUBLIC_URL", r.required("SNAPBACK_PUBLIC_URL", "how phones reach this bot, such as https://snapback.example.com"))
	if v == "" {
		return ""
	}
	at, err := site.Parse(v)
	u, _ := url.Parse(v) // the reader has parsed it
	switch {
	case strings.Trim(u.Path, "/") != "":
		r.fail("SNAPBACK_PUBLIC_URL", "want a name without a path: %s://%s", u.Scheme, u.Host)
	case err != nil:
		r.fail("SNAPBACK_PUBLIC_URL", "%s: every link begins with it", err)
	case !at.Secure && !at.Local():
		r.fail("SNAPBACK_PUBLIC_URL", "want https, or http on localhost: a terminal goes through it")
	}
	return v
}

// peerAddress is where other bots reach this one: where it listens, unless that is said apart. It must name a host, since it is for others.
func (r *reader) peerAddress(listen string) string {
	if listen == "" {
		if r.get("SNAPBACK_PEER_ADDRESS") != "" {
			r.fail("SNAPBACK_PEER_ADDRESS", "is set, and SNAPBACK_PEER_LISTEN is not")
		}
		return ""
	}
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return r.address("SNAPBACK_PEER_LISTEN", "")
	}
	v := r.address("SNAPBACK_PEER_ADDRESS", listen)
	host, _, err := net.SplitHostPort(v)
	if ip, bad := netip.ParseAddr(host); err == nil && (host == "" || bad == nil && ip.IsUnspecified()) {
		r.fail("SNAPBACK_PEER_ADDRESS", "want the host:port at which other bots reach what SNAPBACK_PEER_LISTEN opens, got %q", v)
	}
	return v
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
	if c.APIToken != "" && len(c.APIToken) < access.MinBootstrap {
		r.fail("SNAPBACK_API_TOKEN", "is too short to be a secret: want %d characters or more (openssl rand -base64 32)", access.MinBootstrap)
	}
	if u, err := url.Parse(c.DatabaseURL); c.DatabaseURL != "" && strings.Contains(c.DatabaseURL, "://") && (err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql") {
		r.fail("DATABASE_URL", "want postgres://user:password@host/database")
	}
}

// slackSecret is the form that Slack gives signing secrets. It promises none, so that others are taken as well.
var slackSecret = regexp.MustCompile(`^[0-9a-f]{32}$`)

const secretsForm = "Slack's have 32 characters, of 0 to 9 and a to f"

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
	for part := range strings.SplitSeq(r.get("PAGERDUTY_WEBHOOK_SECRETS"), ",") {
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
