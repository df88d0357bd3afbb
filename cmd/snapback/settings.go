package main

import (
	"slices"
	"strings"

	"github.com/snapback/snapback/internal/nearest"
)

// setting is what people are told of one; how it is read is in config.go.
type setting struct {
	name   string
	usual  string // what holds when it is not set, as people read it; "": nothing
	what   string
	secret bool // it is never shown
}

// allSettings are all that there are, in the order in which serve --help and config print show them.
var allSettings = []setting{
	{name: "SNAPBACK_PUBLIC_URL", usual: "required", what: "how phones reach the bot: https, or http on localhost"},
	{name: "SLACK_BOT_TOKEN", usual: "required", what: "xoxb-…, of your Slack app, under OAuth & Permissions", secret: true},
	{name: "SLACK_SIGNING_SECRET", usual: "required unless Socket Mode", what: "of your Slack app, under Basic Information", secret: true},
	{name: "SLACK_CHANNEL", usual: "required", what: "ID (C…) of the channel for alerts whose container names none"},
	{name: "SLACK_APP_TOKEN", what: "xapp-…: turns Socket Mode on", secret: true},
	{name: "SNAPBACK_SLACK_GUESTS", usual: "false", what: "true: guests' e-mail addresses are trusted"},
	{name: "SNAPBACK_SLACK_QUIET", usual: "false", what: "true: successes stay in threads"},
	{name: "PAGERDUTY_API_TOKEN", usual: "required", what: "a REST API key, under Integrations, API Access Keys, not read-only", secret: true},
	{name: "PAGERDUTY_FROM", usual: "required", what: "e-mail address of a PagerDuty user: signs for what nobody else can be named for"},
	{name: "PAGERDUTY_WEBHOOK_SECRETS", usual: "kept in the database, by snapback pagerduty subscribe", what: "of webhook subscriptions that were made by hand, comma-separated", secret: true},
	{name: "PAGERDUTY_ROUTING_KEY", what: "integration key of the service that gets deploys as change events", secret: true},
	{name: "SNAPBACK_ENGINES", usual: "the one of DOCKER_HOST", what: "name=where pairs, comma-separated, or a file: unix://, tcp://, ssh://user@host, or a Docker context"},
	{name: "DATABASE_URL", usual: "a private server in the data folder", what: "postgres://user:password@host/database", secret: true},
	{name: "SNAPBACK_DATA_DIR", usual: "/var/lib/snapback, or the user's state folder", what: "keys, archives of volumes, private database; one bot per folder"},
	{name: "SNAPBACK_SECRET_KEYS", usual: "made in the data folder", what: "id:base64 pairs of 32 bytes, comma-separated; the first one encrypts", secret: true},
	{name: "SNAPBACK_LISTEN", usual: ":8080", what: "where Slack, PagerDuty, people and the API come in"},
	{name: "SNAPBACK_METRICS_LISTEN", usual: "127.0.0.1:9090", what: "/metrics, /healthz, /readyz, /debug/pprof/"},
	{name: "SNAPBACK_PEER_LISTEN", what: "where other bots of the database pass terminals on to this one, such as 10.0.0.5:8443"},
	{name: "SNAPBACK_PEER_ADDRESS", usual: "SNAPBACK_PEER_LISTEN", what: "how they reach it, where that is another host:port"},
	{name: "SNAPBACK_TRUSTED_PROXIES", what: "addresses and networks whose X-Forwarded-For is believed"},
	{name: "SNAPBACK_API_TOKEN", what: "a token with every scope, 20 characters or more", secret: true},
	{name: "SNAPBACK_TIMEZONE", usual: "the machine's", what: "for names and for people, such as Europe/Berlin"},
	{name: "SNAPBACK_LOG_FORMAT", usual: "text", what: "text or json"},
	{name: "SNAPBACK_LOG_LEVEL", usual: "info", what: "debug, info, warn or error"},
	{name: "SNAPBACK_BASELINE_AFTER", usual: "1m", what: "how long a container must be well to be kept as the good state"},
	{name: "SNAPBACK_KEEP_BEFORE", usual: "24h", what: "how long the container from before a restore is kept"},
	{name: "SNAPBACK_KEEP_RECORDINGS", usual: "2160h", what: "how long recordings of shells are kept after session and incident, or never: they are not removed"},
	{name: "SNAPBACK_FORGET", usual: "168h", what: "how long gone containers are shown"},
	{name: "SNAPBACK_MAX_AGE", usual: "never", what: "snapshots that are older are removed"},
	{name: "SNAPBACK_ONLY", what: "a label such as team=payments: only containers that have it are this bot's"},
	{name: "SNAPBACK_COMMITS", usual: "1", what: "commits at once on one engine, 1 to 8"},
	{name: "SNAPBACK_DISK_LIMIT", usual: "90", what: "no commits from this percentage of the engine's disk on"},
	{name: "SNAPBACK_RECORDING_LIMIT", usual: "64", what: "MiB of one shell's recording"},
	{name: "SNAPBACK_PROMETHEUS_URL", what: "for errors per minute", secret: true},
	{name: "SNAPBACK_PROMETHEUS_TOKEN", what: "the bearer token for it", secret: true},
	{name: "SNAPBACK_ERRORS_MINUTE", usual: "1m", what: "how long a minute of errors is: less for demonstrations"},
	{name: "SNAPBACK_SIGNIN_IDLE", usual: "12h", what: "a session in the console ends after so long without a word"},
	{name: "SNAPBACK_SIGNIN_LIFE", usual: "168h", what: "and after so long in any case"},
	{name: "SLACK_API_URL", usual: "Slack's", what: "for stand-ins and proxies"},
	{name: "PAGERDUTY_API_URL", usual: "PagerDuty's", what: "for stand-ins, proxies and the EU's service region"},
	{name: "PAGERDUTY_EVENTS_URL", usual: "PagerDuty's", what: "the same for events"},
	{name: "SNAPBACK_URL", what: "of commands that talk to a running bot: its address"},
	{name: "SNAPBACK_TOKEN", what: "of the same commands: snapback token create makes one", secret: true},
}

// settingNames are all names, without _FILE.
func settingNames() (names []string) {
	for _, s := range allSettings {
		names = append(names, s.name)
	}
	return names
}

// settingNamed finds NAME, also by NAME_FILE.
func settingNamed(name string) (setting, bool) {
	i := slices.IndexFunc(allSettings, func(s setting) bool { return s.name == strings.TrimSuffix(name, "_FILE") })
	if i < 0 {
		return setting{}, false
	}
	return allSettings[i], true
}

// setElsewhere says how a setting is set that init does not ask for; "" when name is none.
func setElsewhere(name string, compose bool) string {
	s, ok := settingNamed(name)
	switch {
	case !ok:
		return ""
	case s.name == secretsSetting:
		return ", since it makes PagerDuty's webhook subscription and keeps its secret by itself; of one that you have made, set it in the environment, or in the file that init writes. What it asks for"
	}
	if compose {
		return "; set it in settings.env, beside compose.yaml. What init asks for"
	}
	return "; set it in the environment, or in the file that init writes. What it asks for"
}

// meant is the setting that a name which is none may stand for, as a question; "" when none is near.
func meant(name string) string {
	if near := nearest.Name(strings.TrimSuffix(name, "_FILE"), settingNames()); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
