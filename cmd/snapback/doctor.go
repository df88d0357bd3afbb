package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
)

func newDoctorCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check every setting against the real thing", Args: usageArgs(cobra.NoArgs),
		Long: `Check every setting against the real thing: the engine, the database, Slack's token and channel, whether the bot runs, whether the
other bots are reached, PagerDuty's token and webhook subscription, and whether the terminal's WebSocket comes through the public URL. PagerDuty is
asked for one test call, to see whether the running bot takes its signature; nothing is changed. Run it where the bot runs, as its user and with its
settings: by the Debian package sudo -u snapback snapback doctor, with Compose docker compose exec bot snapback doctor.

The exit code is 1 when something would not work at night; a warning leaves it at 0.

` + exitCodes,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := e.reader()
			c, err := readConfig(r)
			if err != nil && asJSON {
				return errors.Join(printJSON(e.stdout, map[string]any{"ready": false, "checks": wrongSettings(r.errs)}), err)
			}
			if err != nil {
				return err
			}
			all := append([]check{{"Settings", "names", "snapback config check names the line, and the nearest name that there is", func(context.Context) (string, error) {
				return checkNames(e.names())
			}}}, checks(c)...)
			if asJSON {
				return examineForScripts(cmd.Context(), e.stdout, all)
			}
			return examine(cmd.Context(), e.shown(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for scripts")
	return cmd
}

// wrongSettings are what doctor finds where there is nothing to look at things with.
func wrongSettings(errs []error) (all []checked) {
	for _, err := range errs {
		all = append(all, checked{Group: "Settings", Name: "values", State: checkFailed, Found: err.Error(), Todo: "snapback config check says the same"})
	}
	return all
}

func checks(c config) []check {
	pd := pagerduty.New(pagerduty.Config{Token: c.PagerDutyToken, From: c.PagerDutyFrom, APIURL: c.PagerDutyAPIURL})
	var all []check
	var hook testCall
	for _, at := range c.Engines {
		all = append(all, engineChecks(c, at)...)
	}
	named := slices.ContainsFunc(c.Engines, func(at engineAt) bool { return at.name != "" })
	if named || len(unmoved(c.Engines, c.DataDir)) > 0 {
		all = append(all, check{"Volumes", "archives", moveArchives, checkUnmoved(c)})
	}
	all = append(all, []check{
		{"Database", "database", "docs/snapshots.md, The database", func(ctx context.Context) (string, error) { return checkDatabase(ctx, c) }},
		{"Slack", "token and channel", "README.md, Slack: scopes, install, invite the bot", func(ctx context.Context) (string, error) { return checkSlack(ctx, c) }},
		{"Bot", "running", c.seeItRun(), func(ctx context.Context) (string, error) { return checkBot(ctx, c) }},
	}...)
	if c.DatabaseURL != "" { // a private one has no other bots
		all = append(all, check{"Other bots", "addresses", setPeers, func(ctx context.Context) (string, error) { return checkPeers(ctx, c) }})
	}
	return append(all, []check{
		{"PagerDuty", "user", "PAGERDUTY_FROM is the e-mail address of a user of the account that PAGERDUTY_API_TOKEN is for", func(ctx context.Context) (string, error) {
			user, err := pd.UserByEmail(ctx, c.PagerDutyFrom)
			return user.Name, err
		}},
		{"PagerDuty", "key", "README.md, PagerDuty", func(ctx context.Context) (string, error) {
			return "may write: alerts can be acknowledged", pd.MayWrite(ctx)
		}},
		{"PagerDuty", "webhook", "snapback pagerduty status tells more; subscribe, enable and rotate mend", func(ctx context.Context) (string, error) {
			return hook.checkSubscription(ctx, pd, c)
		}},
		{"Phones", "WebSocket", "docs/proxies.md", func(ctx context.Context) (string, error) { return checkWire(ctx, c.PublicURL, hook.came) }},
	}...)
}

// engineChecks are those of one engine, under its name where there are several.
func engineChecks(c config, at engineAt) []check {
	group := strings.TrimSpace("Engine " + at.name)
	reachable := "docker info must work for this user: start Docker, or set DOCKER_HOST"
	if at.name != "" {
		reachable = "docker -H, or docker -c, with what SNAPBACK_ENGINES says of it must work for this user; docs/fleet.md"
	}
	return []check{
		{group, "connection", useTLS, func(ctx context.Context) (string, error) { return checkConnection(ctx, at) }},
		{group, "engine", reachable, func(ctx context.Context) (string, error) { return checkEngine(ctx, c, at) }},
		{group, "extras", "allow the calls in the proxy or plugin that denies them, or do without", func(ctx context.Context) (string, error) { return checkExtras(ctx, at) }},
		{group, "disk", "docker system df shows what can go; docs/snapshots.md, Disk", func(ctx context.Context) (string, error) {
			return checkDisk(ctx, at.reach(c), c.DiskLimit)
		}},
		{group, "enabled containers", "set the labels of README.md, and deploy again", func(ctx context.Context) (string, error) { return checkContainers(ctx, c, at) }},
		{group, "errors per minute", "docs/errors.md", func(ctx context.Context) (string, error) { return checkErrors(ctx, c, at) }},
	}
}

var errInTheClear = errors.New("the engine is spoken to over tcp:// without TLS: whoever is on that network can do with it as they like, and read secrets")

const useTLS = "use ssh://, or tcp:// with certificates; docs/fleet.md"

func checkConnection(ctx context.Context, at engineAt) (string, error) {
	engine, err := docker.New(ctx, docker.Config{Host: at.where, Certs: at.certs})
	if err != nil {
		return "", err
	}
	defer engine.Close()
	if engine.InTheClear() {
		return "", caution{errInTheClear}
	}
	return "nobody on a network can listen in", nil
}

func checkEngine(ctx context.Context, c config, at engineAt) (string, error) {
	engine, err := docker.New(ctx, docker.Config{Host: at.where, Certs: at.certs})
	if err != nil {
		return "", err
	}
	defer engine.Close()
	if err := engine.Supported(ctx); errors.Is(err, docker.ErrUnsupported) {
		return "", err
	}
	if err := engine.Denied(ctx); err != nil {
		return "", err
	}
	in, err := engine.Introduction(ctx)
	if err != nil {
		return "", err
	}
	found := fmt.Sprintf("%s on %s, by %s", in.ID, in.Host, engine.From())
	if c.DatabaseURL == "" { // the private one is the running bot's
		return found + formerNames(ctx, engine, in), nil
	}
	known, err := whatIsKnown(ctx, c, engine, in)
	return known + ", by " + engine.From(), err
}

// checkExtras warns of what an engine, or a proxy before it, does not let the bot do that most nights can do without.
func checkExtras(ctx context.Context, at engineAt) (string, error) {
	engine, err := docker.New(ctx, docker.Config{Host: at.where, Certs: at.certs})
	if err != nil {
		return "", err
	}
	defer engine.Close()
	if err := engine.DeniedExtras(ctx); errors.Is(err, snapshot.ErrEngineDenied) {
		return "", caution{err}
	} else if err != nil {
		return "", err
	}
	return "second copies of snapshots, contents of volumes, shells and all else are allowed", nil
}

// formerNames tells of snapshots that were taken when the engine had another name.
func formerNames(ctx context.Context, engine *docker.Engine, in snapshot.Introduction) string {
	traces, err := engine.Traces(ctx)
	if err != nil {
		return ""
	}
	delete(traces.Duplicates, in.ID)
	if len(traces.Duplicates) == 0 {
		return ""
	}
	return ", with snapshots of " + strings.Join(slices.Sorted(maps.Keys(traces.Duplicates)), ", ") + ", as after an upgrade: serve recognises it"
}

// whatIsKnown says under which name the database has the engine. It changes nothing.
func whatIsKnown(ctx context.Context, c config, engine *docker.Engine, in snapshot.Introduction) (string, error) {
	err := upToDate(ctx, c.DatabaseURL)
	if errors.Is(err, errOlder) {
		return "", caution{fmt.Errorf("%s on %s; what is known of it can't be read: %w", in.ID, in.Host, err)}
	}
	db, err := store.Open(ctx, store.Config{URL: c.DatabaseURL})
	if err != nil {
		return "", fmt.Errorf("%s on %s; what is known of it is in the database: %w", in.ID, in.Host, err)
	}
	defer db.Close()
	name, others, err := db.EngineName(ctx, in.ID)
	switch {
	case err != nil:
		return "", caution{fmt.Errorf("%s on %s; what is known of it can't be read: %w", in.ID, in.Host, err)}
	case name == in.ID:
		return fmt.Sprintf("%s on %s", in.ID, in.Host), nil
	case name != "":
		return fmt.Sprintf("on %s, %s, known as %s since before an upgrade", in.Host, in.ID, name), nil
	case len(others) == 0:
		return fmt.Sprintf("%s on %s, and new to the database", in.ID, in.Host), nil
	}
	traces, err := engine.Traces(ctx)
	return "", errors.Join(caution{fmt.Errorf("%s on %s is new to the database, which knows %s. Should it be one of these, upgraded, serve finds that out: there are %d enabled containers, %d images and duplicates of snapshots %v",
		in.ID, in.Host, strings.Join(others, ", "), len(traces.Containers), len(traces.Images), traces.Duplicates)}, err)
}

func checkDisk(ctx context.Context, where docker.Config, limit float64) (string, error) {
	engine, err := docker.New(ctx, where)
	if err != nil {
		return "", err
	}
	defer engine.Close()
	use, err := engine.DiskUsed(ctx)
	switch {
	case errors.Is(err, snapshot.ErrDiskUnseen):
		return "", caution{fmt.Errorf("SNAPBACK_DISK_LIMIT is not enforced: %w", err)}
	case err != nil:
		return "", err
	case use.Share >= limit:
		return "", fmt.Errorf("%.0f %% in use on %s, the limit is %.0f %%: nothing is committed any more. Remove images that nobody needs", use.Share*100, use.Host, limit*100)
	}
	return fmt.Sprintf("%.0f %% in use on %s, as %s shows it; the limit is %.0f %%", use.Share*100, use.Host, use.Folder, limit*100), nil
}

func checkContainers(ctx context.Context, c config, at engineAt) (string, error) {
	engine, err := docker.New(ctx, at.reach(c))
	if err != nil {
		return "", err
	}
	defer engine.Close()
	list, err := engine.List(ctx)
	if err != nil {
		return "", err
	}
	others, err := engine.Mislabelled(ctx)
	if told := managedBy(ctx, []*docker.Engine{engine})[0]; told.err != nil || told.cluster != "" {
		services, wrong, failed := enabledServices(ctx, engine, c.Only)
		list, others, err = append(list, services...), append(others, wrong...), errors.Join(err, told.err, failed)
	}
	if len(list) == 0 {
		err = errors.Join(errors.New("no container has the label snapback.enable=true"), err)
	}
	for _, fault := range others {
		err = errors.Join(err, errors.New(fault))
	}
	found, notes := "", error(nil)
	for _, c := range list {
		found += c.Name + " "
		if len(c.Settings.PagerDutyServices) == 0 {
			notes = errors.Join(notes, fmt.Errorf("%s has no label snapback.pagerduty.service: no alert is about it", c.Name))
		}
		for _, wrong := range c.Settings.Wrong {
			err = errors.Join(err, fmt.Errorf("%s: %s", c.Name, wrong))
		}
		if why := c.Shared(); why != "" {
			notes = errors.Join(notes, errors.New(why))
		}
		if c.Carries != "" {
			notes = errors.Join(notes, fmt.Errorf("%s is neither kept nor restored: %s", c.Name, c.Carries))
		}
	}
	if err != nil {
		return found, errors.Join(err, notes)
	}
	if notes != nil {
		return found, caution{notes}
	}
	return found, nil
}

const startIt = "start it: snapback serve, by the Debian package systemctl enable --now snapback, with Compose docker compose up -d"

// seeItRun is what to do about a bot that is not seen to run.
func (c config) seeItRun() string {
	if anyPort(c.MetricsListen) {
		return "SNAPBACK_METRICS_LISTEN=" + defaultMetricsListen + ", or another port than 0"
	}
	return startIt
}

// checkBot asks at SNAPBACK_METRICS_LISTEN, where whoever looks after the bot on its machine finds it.
func checkBot(ctx context.Context, c config) (string, error) {
	err := askHealth(ctx, reachable(c.MetricsListen))
	if errors.Is(err, errAnyPort) {
		return "", caution{fmt.Errorf("whether the bot runs can't be seen: %w", err)}
	}
	if err != nil {
		return "", fmt.Errorf("SNAPBACK_METRICS_LISTEN: %w", err)
	}
	return "answers at " + c.MetricsListen, nil
}

func checkDatabase(ctx context.Context, c config) (string, error) {
	if c.DatabaseURL == "" {
		bin, err := pgserver.Find(ctx)
		return "private, under " + c.DataDir + ", run by " + bin, err
	}
	conns, err := store.Check(ctx, c.DatabaseURL)
	return fmt.Sprintf("takes writes, keeps sessions, and has room for %d connections", conns), databaseError(err)
}

func checkSlack(ctx context.Context, c config) (string, error) {
	b, err := bot.New(bot.Config{
		BotToken: c.SlackBotToken, SigningSecret: c.SlackSigningSecret, AppToken: c.SlackAppToken, APIURL: c.SlackAPIURL, Channel: c.SlackChannel,
	}, bot.Deps{})
	if err != nil {
		return "", err
	}
	found, err := "token, scopes and channel "+c.SlackChannel, b.SelfTest(ctx)
	if err != nil {
		return found, err
	}
	if notes := errors.Join(b.Lacks(ctx), c.oddSecret()); notes != nil {
		return found, caution{notes}
	}
	return found, nil
}

// oddSecret says that the signing secret may be something else, such as the verification token below it, or a part of it: Slack would show
// that with the first tap.
func (c config) oddSecret() error {
	if c.SlackAppToken != "" || slackSecret.MatchString(c.SlackSigningSecret) {
		return nil
	}
	return errors.New("is SLACK_SIGNING_SECRET the one under Signing Secret? " + secretsForm + ". With another one, each tap is refused")
}
