package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/console"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/incidents/flat/picture"
	"github.com/snapback/snapback/incidents/flat/prometheus"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/metrics"
	"github.com/snapback/snapback/internal/peer"
	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

func newServeCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the bot",
		Long:  "Run the bot until it is told to stop.\n\n" + settingsHelp(),
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(e.reader())
			if err != nil {
				return err
			}
			log := c.Log.logger(e.stderr)
			_, strange := nameFaults(e.names())
			for _, fault := range strange {
				log.Warn("a name in the environment", "err", fault)
			}
			err = serve(cmd.Context(), c, log, nil)
			if err != nil && c.Log.JSON { // whoever collects JSON gets the last words as well
				log.Error("serve has ended", "err", err)
			}
			return err
		},
	}
}

// serve is the bot, wired in one straight line: what is lowest starts first and stops last. It runs until ctx ends.
// ready, when not nil, is called with the addresses once everything answers.
func serve(ctx context.Context, c config, log *slog.Logger, ready func(mainAddr, metricsAddr net.Addr)) (err error) {
	var stop stops
	defer func() { stop.all(log) }()

	requests := api.NewMetrics()
	measured := metrics.New(requests.Registry, versionText())

	// The data folder: the key ring, this bot's name, and perhaps the private Postgres.
	folder, err := openFolder(c.DataDir)
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_DATA_DIR: %w", err)}
	}
	stop.add(closing(folder.Close))
	keys, err := c.keys()
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_SECRET_KEYS: %w", err)}
	}
	stop.add(rotateKeys(keys, c.KeysFile, log))

	// Postgres: the private one when no other is named, then the schema, then the pool.
	if c.DatabaseURL == "" {
		server, err := pgserver.Start(ctx, pgserver.Config{Dir: filepath.Join(c.DataDir, "postgres"), Logger: log})
		if err != nil {
			return fmt.Errorf("starting the private PostgreSQL: %w", err)
		}
		stop.keep(databaseStop, server.Stop)
		c.DatabaseURL = server.URL()
	}
	db, err := openDatabase(ctx, c, store.Config{
		Keys: keys, Bot: folder.bot, Logger: log, PublicURL: c.PublicURL, Recordings: store.Removal{Keep: c.KeepCasts, Observe: measured.Terminal},
	})
	if err != nil {
		return err // which names the setting
	}
	stop.add(closing(db.Close))

	// The other bots: where they reach this one has to be known before the first engine is met.
	others, err := openPeers(ctx, c, peer.Member{Ring: keys, Bot: folder.bot}, db)
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_PEER_LISTEN: %w", err)}
	}
	stop.add(closing(others.Close))

	// The engines, and what is done with them.
	meaning := flat.Definition{Minute: c.ErrorsMinute}
	all, err := newEverything(ctx, engineNeeds{
		config: c, bot: folder.bot, run: rand.Text(), peer: others.address, db: db, keys: keys, measured: measured, log: log,
		spikes: snapshot.Spikes{Errors: flat.Gauge{Store: db, Definition: meaning}, Deploys: db},
	}, &stop)
	if err != nil {
		return err
	}
	if left := unmoved(c.Engines, c.DataDir); len(left) > 0 {
		log.Warn("no engine of the settings has these archives of volumes: "+moveArchives, "folders", left)
	}
	set := all.set(db)
	fleet := snapshot.Fleet{Now: all.reached(), LastSeen: db, Forget: c.Forget}
	others.engines = fleet.Now
	holds := snapshot.Holds{Store: db, Images: set.Images, Zone: c.Zone}

	// Errors per minute, as sources count them.
	errorRates := flat.NewRecorder(flat.RecorderConfig{Store: db, Logger: log, Steps: flat.Steps{Minute: c.ErrorsMinute}, Every: c.paced(3 * time.Second)})
	queried, err := prometheusSource(c, prometheus.Config{Engine: set, Recorder: errorRates, Counted: db, Logger: log, Step: c.ErrorsMinute})
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_PROMETHEUS_URL: %w", err)}
	}
	judge := flat.NewJudge(flat.JudgeConfig{Journal: db, Definition: meaning, Logger: log, Zone: c.Zone, Every: c.paced(5 * time.Second), Lag: queried.Lag})
	logs := all.follow(logtail.Config{Recorder: errorRates, Counted: db, Logger: log,
		Every: c.paced(2 * time.Second), Look: max(time.Second, c.paced(5*time.Second)), Step: c.ErrorsMinute, Elsewhere: queried.Takes})

	// Who may: asked of PagerDuty, Slack, and the labels of what runs.
	pd := pagerduty.New(pagerduty.Config{
		Token: c.PagerDutyToken, From: c.PagerDutyFrom, APIURL: c.PagerDutyAPIURL, EventsURL: c.PagerDutyEventsURL, Logger: log,
	})
	slack := bot.Config{
		BotToken: c.SlackBotToken, SigningSecret: c.SlackSigningSecret, AppToken: c.SlackAppToken, APIURL: c.SlackAPIURL,
		Channel: c.SlackChannel, Quiet: c.SlackQuiet, Zone: c.Zone, Logger: log, Observe: requests.Slack, Posted: measured.Posted,
	}
	directory := bot.NewDirectory(slack)
	guard := access.New(access.Config{
		Slack: directory, People: db, Messages: db, Containers: fleet, Rota: pd, Channel: c.SlackChannel, Guests: c.SlackGuests, Logger: log,
	})

	// The picture of errors, for Slack, exports and the terminal's page.
	sources := errorSources{logs, queried}
	pictures := picture.New(picture.Config{
		Errors: db, Subjects: snapshot.Concern{Containers: fleet, Deploys: db}, Timeline: db, Definition: meaning, Zone: c.Zone, Uncounted: sources.Uncounted,
	})

	// The console's door.
	door, err := signin.New(signin.Config{
		PublicURL: c.PublicURL, Store: db, Ring: keys, Accounts: guard, Timeline: db, Idle: c.SigninIdle, Life: c.SigninLife, Zone: c.Zone, Logger: log,
	})
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_PUBLIC_URL: %w", err)}
	}

	// The terminal.
	terminals, opened := store.NewTerminalStore(db.Pool(), keys), all.terminals(fleet.Resolve)
	term, err := terminal.New(terminal.Config{
		PublicURL: c.PublicURL, Ring: keys, Store: terminals, Engine: opened, Tasks: opened,
		Gate:     &access.Gate{Guard: guard, Incidents: db, Containers: fleet, Tokens: db, Consoles: door},
		Timeline: db, Errors: pictures, Seats: console.Seats{Door: door}, Peers: others, Bot: folder.bot, Logger: log, Location: c.Zone, MaxRecording: c.CastLimit, Observe: measured.Terminal,
	})
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_PUBLIC_URL: %w", err)}
	}

	// Post-mortems.
	noted, err := incidents.OpenAnchors(filepath.Join(c.DataDir, "anchors"), keys, log)
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_DATA_DIR: %w", err)}
	}
	evidence := incidents.Evidence{Timelines: db, Recorded: terminals, Keys: keys, Anchors: noted, Zone: c.Zone, Pictures: pictures}
	evidence.Player.Script, evidence.Player.Style = term.Player()
	downloads := download.NewDesk(c.DataDir)

	// The console.
	bookmark, err := console.New(console.Config{
		Door: door, Access: guard, Containers: fleet, Data: db, Restorer: set, Timeline: db, Terminals: term, Exporter: evidence, Recordings: evidence, Downloads: downloads,
		Engine: set.Ready, Logger: log,
	})
	if err != nil {
		return err
	}

	// What people see and tap in Slack, and what PagerDuty hears of it.
	slackBot, err := bot.New(slack, bot.Deps{
		Incidents: db, Timeline: db, Messages: db, Inbox: db, Access: guard, Directory: directory, Containers: fleet,
		Snapshots: db, Deploys: db, Offers: set, Restorer: set, Restores: db, Terminal: term, Signin: door, Labels: set,
		Errors: flat.Gauge{Store: db, Definition: meaning}, Conditions: set, Pictures: pictures,
		Sources: sources, Holds: holds,
	})
	if err != nil {
		return usageError{fmt.Errorf("SLACK_BOT_TOKEN: %w", err)}
	}

	// What PagerDuty sends, and whether it does.
	intake := pagerduty.Intake{Inbox: db, Verifier: pagerduty.Verifier{Secrets: c.PagerDutySecrets}, Kept: db, Ended: term.EndForIncident, Logger: log}
	hearing := pagerduty.NewWatch(pagerduty.WatchConfig{
		Subscriber: pagerduty.Subscriber{Client: pd, Secrets: db, Pings: db, URL: c.PublicURL + webhookPath, InSettings: len(c.PagerDutySecrets) > 0, Logger: log},
		Looks:      db, Backfill: pagerduty.Backfill{Client: pd, Intake: intake, Open: db}, Logger: log,
	})

	// The API, with the others' handlers beside its own.
	checks := func() []api.Check {
		list := append([]api.Check{{Name: "database", Ask: db.Ready}}, all.checks()...)
		if c.SlackAppToken != "" {
			list = append(list, api.Check{Name: "slack", Ask: slackBot.Ready})
		}
		return list
	}
	web := api.New(api.Config{
		Logger: log, Metrics: requests, BootstrapToken: c.APIToken, Downloads: downloads, TrustedProxies: c.TrustedProxies,
		Mount:           map[string]http.Handler{"/slack/": slackBot.Handler(), "/t": term.Handler(), "/t/": term.Handler(), "/{$}": bookmark.Handler(), "/console/": bookmark.Handler()},
		LimitThemselves: []string{"/t", "/t/", "/{$}", "/console/"},
	}, api.Deps{
		Containers: fleet, Snapshots: db, Deploys: db, Taker: set, Rebuilder: set, Restorer: set, Restores: db, Holds: holds,
		Errors: db, Pictures: pictures, Incidents: db, Exporter: evidence, Prover: evidence, Access: guard, Terminals: term,
		Tokens: db, Idempotency: db,
		PagerDuty:    intake,
		DatabaseAway: func(err error) bool { return errors.Is(err, store.ErrAway) },
		Checks:       checks,
	})

	measured.Watch(metrics.Sources{Database: db, Ready: web.Ready, Disk: set.DiskUsed, Limit: c.DiskLimit, Logs: sources.Reading, Queries: queried.Answers, Hears: hearing.Hears})

	// Everything is there: listen, and set to work.
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	mainAddr, err := listen(ctx, c.Listen, web.Handler(), log, &stop, fail)
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_LISTEN: %w", err)}
	}
	metricsAddr, err := listen(ctx, c.MetricsListen, web.MetricsHandler(), log, &stop, fail)
	if err != nil {
		return usageError{fmt.Errorf("SNAPBACK_METRICS_LISTEN: %w", err)}
	}
	others.serve(web.Guarded(term.Peer()), log, &stop, fail)
	errorRates.Start()
	stop.add(errorRates.Stop)
	judge.Start()
	stop.add(judge.Stop)
	all.start(&stop)
	if queried != nil {
		queried.Start()
		stop.add(queried.Stop)
	}
	term.Start()
	stop.keep(busyStop, term.Stop)
	door.Start()
	stop.add(door.Stop)
	stop.add(bookmark.Stop)
	slackBot.Start()
	stop.add(slackBot.Stop)
	jobs, err := db.Work(context.WithoutCancel(ctx), store.Handlers{
		Slack:     slackBot.Deliver,
		Picture:   slackBot.Draw,
		Tap:       slackBot.Handle,
		PagerDuty: pagerduty.Carrier{Outbox: db, Client: pd, Logger: log}.Carry,
		HandOver:  slackBot.HandOver,
		Change:    pagerduty.Deploys{Client: pd, RoutingKey: c.PagerDutyRouting, Logger: log}.Send,
	})
	if err != nil {
		return err
	}
	stop.keep(busyStop, jobs.Stop)
	hearing.Start()
	stop.add(hearing.Stop)
	stop.add(db.Housekeep())
	stop.add(noted.Daily(db))

	where := []any{"version", versionText(), "addr", mainAddr.String(), "metrics_addr", metricsAddr.String()}
	if err := within(ctx, startPatience, slackBot.Ready); err != nil {
		log.Error("snapback runs, and is not ready", append(where, "err", err)...)
	} else {
		log.Info("snapback is ready", where...)
	}
	if ready != nil {
		ready(mainAddr, metricsAddr)
	}
	<-ctx.Done()
	log.Info("stopping")
	return deafness(ctx)
}

// startPatience is how long the start waits for an engine that takes calls and does not answer them.
const startPatience = 10 * time.Second

// within does something, for so long at most.
func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}
