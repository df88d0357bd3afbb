package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/setup"
	"github.com/snapback/snapback/store"
)

// settingUp knows how each setting is tried.
type settingUp struct {
	target  setup.Target
	getenv  func(string) string
	out     io.Writer
	compose bool
	alone   bool // nobody is asked
	way     *slackWay
}

// checkPatience is how long one thing may take to answer.
const checkPatience = 20 * time.Second

// questions are in the order in which somebody comes to what they ask for.
func (s settingUp) questions() []setup.Question {
	appFrom := "make the app by the link above"
	if s.alone {
		appFrom = "make the app by the link that snapback init --manifest prints"
	}
	list := []setup.Question{
		{Name: "SNAPBACK_PUBLIC_URL", Where: "how phones, Slack and PagerDuty reach the bot, such as https://snapback.example.com. TLS ends at your proxy.",
			Check: s.checkPublicURL},
		s.slackReaches(),
		{Name: "SLACK_BOT_TOKEN", Secret: true, Where: appFrom + ", install it; then OAuth & Permissions, Bot User OAuth Token (xoxb-…).",
			Check: s.checkSlackToken, Before: s.showManifest},
		{Name: "SLACK_APP_TOKEN", Secret: true, Skip: func() bool { return !s.sockets() }, Check: s.checkAppToken,
			Where: "of the same app: Basic Information, App-Level Tokens, Generate, with the scope connections:write (xapp-…)."},
		{Name: "SLACK_SIGNING_SECRET", Secret: true, Skip: s.sockets, Check: checkSigningSecret,
			Where: "of the same app: Basic Information, App Credentials, Signing Secret. (Can Slack not reach this machine? --socket-mode)"},
		{Name: "SLACK_CHANNEL", Where: "the channel for alerts: its ID (C…) stands at the end of its details. Type /invite @snapback there first.",
			Check: s.checkSlackChannel},
		unasked("PAGERDUTY_API_URL", "where PagerDuty's API is, for its EU region https://api.eu.pagerduty.com."),
		unasked("PAGERDUTY_EVENTS_URL", "where PagerDuty takes events, for its EU region https://events.eu.pagerduty.com."),
		{Name: "PAGERDUTY_API_TOKEN", Secret: true, Check: s.checkPagerDutyToken,
			Where: "in PagerDuty: Integrations, API Access Keys, Create New API Key, not read-only. (In its EU region? --set PAGERDUTY_API_URL=https://api.eu.pagerduty.com first)"},
		{Name: "PAGERDUTY_FROM", Where: "the e-mail address of a PagerDuty user: signs for people whom PagerDuty does not know.", Check: s.checkPagerDutyUser},
	}
	if !s.compose {
		list = append(list, unasked("SNAPBACK_LISTEN", "where the bot listens, such as 127.0.0.1:8080 behind a proxy on the same machine."),
			unasked("SNAPBACK_TRUSTED_PROXIES", "the proxy's addresses, such as 127.0.0.1,::1."), setup.Question{Name: "DATABASE_URL", Secret: true, Optional: true, Check: checkDatabaseURL,
				Where: "postgres://user:password@host/database; without it: a private server, from this machine's PostgreSQL."})
	}
	return list
}

// unasked is a setting that few need: it is tried when it is given, and asked for by --ask alone.
func unasked(name, where string) setup.Question {
	return setup.Question{Name: name, Where: where, Optional: true, Skip: func() bool { return true }, Check: func(_ context.Context, v string) (string, error) {
		r := &reader{getenv: func(asked string) string { return map[string]string{name: v}[asked] }}
		switch name {
		case "SNAPBACK_LISTEN":
			r.address(name, "")
		case "SNAPBACK_TRUSTED_PROXIES":
			r.prefixes(name)
		default:
			r.openURL(name, v)
		}
		return v, nameless(name, r.err())
	}}
}

// nameless is what is wrong with a setting, where its name is told anyway.
func nameless(name string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), name+": "))
}

// value is a setting as it is by now.
func (s settingUp) value(name string) string { return s.target.Get(name) }

// api is where a service is that can be another than its own.
func (s settingUp) api(name string) string { return cmp.Or(s.getenv(name), s.target.Get(name)) }

func (s settingUp) showManifest() {
	manifest := s.manifest(s.value("SNAPBACK_PUBLIC_URL"))
	fmt.Fprintf(s.out, "\nThe Slack app, as a manifest:\n\n%s\nThis link opens Slack's page with it:\n%s\n", manifest, setup.ManifestLink(manifest))
}

// checkPublicURL warns of a name that leads nowhere yet: its record may be made later.
func (s settingUp) checkPublicURL(ctx context.Context, v string) (string, error) {
	if err := publicURLForm(v); err != nil {
		return "", err
	}
	u, _ := url.Parse(v) // its form is right
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
		v += fmt.Sprintf("\nwarn  SNAPBACK_PUBLIC_URL: %s is not found in DNS from here: phones, Slack and PagerDuty need its record", u.Hostname())
	}
	return v, nil
}

// publicURLForm says what is wrong with the address as such.
func publicURLForm(v string) error {
	r := &reader{getenv: func(name string) string { return map[string]string{"SNAPBACK_PUBLIC_URL": v}[name] }}
	r.publicURL()
	if err := r.err(); err != nil {
		return nameless("SNAPBACK_PUBLIC_URL", err)
	}
	return nil
}

// slack is the bot with what is known by now, and with that setting.
func (s settingUp) slack(token, channel, app string) (*bot.Bot, error) {
	r := &reader{getenv: func(name string) string { return map[string]string{"SLACK_BOT_TOKEN": token}[name] }}
	if r.prefixed("SLACK_BOT_TOKEN", token, "xoxb-"); r.err() != nil {
		return nil, r.err()
	}
	address := s.api("SLACK_API_URL")
	if address == "" {
		address = "https://slack.com/api"
	}
	return bot.New(bot.Config{BotToken: token, AppToken: app, SigningSecret: "not needed for this", APIURL: strings.TrimRight(address, "/") + "/", Channel: channel}, bot.Deps{})
}

func (s settingUp) checkSlackToken(ctx context.Context, v string) (string, error) {
	b, err := s.slack(v, "", "")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	return b.TokenTest(ctx)
}

func checkSigningSecret(_ context.Context, v string) (string, error) {
	if strings.HasPrefix(v, "xox") || strings.ContainsAny(v, " \t") {
		return "", errors.New("that is no signing secret: " + secretsForm)
	}
	found := "set; Slack shows with the first tap whether it is right"
	if !slackSecret.MatchString(v) {
		found += "\nwarn  SLACK_SIGNING_SECRET: is it the one under Signing Secret? " + secretsForm
	}
	return found, nil
}

func (s settingUp) checkSlackChannel(ctx context.Context, v string) (string, error) {
	if !slackChannelID.MatchString(v) {
		return "", errors.New("that is no channel's ID: it begins with C")
	}
	b, err := s.slack(s.value("SLACK_BOT_TOKEN"), v, "")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	return "the bot is in channel " + v, b.ChannelTest(ctx)
}

func (s settingUp) pagerDuty(token string) *pagerduty.Client {
	return pagerduty.New(pagerduty.Config{Token: token, From: s.value("PAGERDUTY_FROM"), APIURL: s.api("PAGERDUTY_API_URL")})
}

func (s settingUp) checkPagerDutyToken(ctx context.Context, v string) (string, error) {
	pd := s.pagerDuty(v)
	if _, err := pd.Subscriptions(ctx); err != nil {
		return "", err
	}
	err := pd.MayWrite(ctx)
	if errors.Is(err, pagerduty.ErrMayNotWrite) {
		err = errors.New("it is a read-only key, or one that may not write for another reason: make one that may, under Integrations, API Access Keys")
	}
	return "PagerDuty takes it, and it may write", err
}

func (s settingUp) checkPagerDutyUser(ctx context.Context, v string) (string, error) {
	user, err := s.pagerDuty(s.value("PAGERDUTY_API_TOKEN")).UserByEmail(ctx, v)
	if errors.Is(err, pagerduty.ErrNoUser) {
		err = pagerduty.ErrNoUser
	}
	return user.Name, err
}

func checkDatabaseURL(ctx context.Context, v string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	conns, err := store.Check(ctx, v)
	return fmt.Sprintf("takes writes, keeps sessions, and has room for %d connections", conns), err
}

// finish does what nobody has to be asked for, and says what comes next.
func (s settingUp) finish(ctx context.Context) error {
	fmt.Fprintln(s.out)
	err := errors.Join(s.engine(ctx), s.database(ctx), s.complete(), s.subscribe(ctx))
	if err != nil {
		return err
	}
	next := ": snapback serve (by the Debian package: systemctl enable --now snapback), snapback doctor"
	if s.compose {
		next = ", there: docker compose up -d, docker compose exec bot snapback doctor. Keep a copy of secrets elsewhere"
	}
	_, err = fmt.Fprintf(s.out, "\nAll is in %s. Next%s. Then label a container, and run snapback test-alert with its name.\n", s.target, next)
	return err
}

func (s settingUp) engine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	found, err := checkEngine(ctx, config{DatabaseURL: "", Only: s.value("SNAPBACK_ONLY")}, engineAt{})
	if err != nil {
		return fmt.Errorf("the container engine: %w", err)
	}
	_, err = fmt.Fprintf(s.out, "ok    engine: %s\n", found)
	return err
}

func (s settingUp) database(ctx context.Context) error {
	if s.compose || s.value("DATABASE_URL") != "" {
		return nil
	}
	bin, err := pgserver.Find(ctx)
	if err != nil {
		return fmt.Errorf("DATABASE_URL is not set, and a private server can't be run: %w", err)
	}
	_, err = fmt.Fprintf(s.out, "ok    database: a private server, run by %s\n", bin)
	return err
}

func (s settingUp) complete() error {
	if c, ok := s.target.(setup.Compose); ok {
		return c.Complete("/var/run/docker.sock")
	}
	return nil
}

// subscribe registers the webhook subscription. Its secret goes where the other settings are: the database may not be there yet.
func (s settingUp) subscribe(ctx context.Context) error {
	subscriber := pagerduty.Subscriber{
		Client: s.pagerDuty(s.value("PAGERDUTY_API_TOKEN")), Secrets: secretSetting{s.target},
		URL: strings.TrimRight(s.value("SNAPBACK_PUBLIC_URL"), "/") + webhookPath, InSettings: s.value("PAGERDUTY_WEBHOOK_SECRETS") != "",
	}
	one, err := subscriber.Subscribe(ctx, pagerduty.Scope{})
	switch {
	case errors.Is(err, pagerduty.ErrNotOurs) && !subscriber.InSettings:
		_, err = fmt.Fprintf(s.out, "warn  PagerDuty: subscription %s calls this bot already, and its secret is not known here: what it sends will be refused. As soon as the bot runs: snapback pagerduty rotate\n", one.ID)
	case errors.Is(err, pagerduty.ErrNotOurs):
		_, err = fmt.Fprintf(s.out, "ok    PagerDuty: subscription %s calls this bot already; when the bot runs, snapback pagerduty rotate renews its secret\n", one.ID)
	case err == nil:
		_, err = fmt.Fprintf(s.out, "ok    PagerDuty: subscription %s calls %s, for %s\n", one.ID, one.URL, one.Scope())
	}
	return err
}

// secretSetting keeps the secret as PAGERDUTY_WEBHOOK_SECRETS, beside others that are there.
type secretSetting struct{ target setup.Target }

const secretsSetting = "PAGERDUTY_WEBHOOK_SECRETS"

// KeepWebhookSecret implements pagerduty.SecretKeeper.
func (k secretSetting) KeepWebhookSecret(_ context.Context, s incidents.WebhookSecret) error {
	value := s.Secret
	if others := k.target.Get(secretsSetting); others != "" {
		value += "," + others
	}
	return k.target.Set(secretsSetting, value)
}

// ForgetWebhookSecret implements pagerduty.SecretKeeper. A secret too many does no harm.
func (k secretSetting) ForgetWebhookSecret(context.Context, string) error { return nil }

// WebhookSecrets implements pagerduty.SecretKeeper: a setting does not say whose its secrets are.
func (k secretSetting) WebhookSecrets(context.Context) ([]incidents.WebhookSecret, error) {
	return nil, nil
}
