package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/store"
)

// webhookPath is where PagerDuty calls.
const webhookPath = "/webhooks/pagerduty"

func newPagerDutyCmd(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "pagerduty", Short: "Look after the webhook subscription by which PagerDuty's alerts come", Args: usageArgs(cobra.NoArgs),
		Long: `Look after the webhook subscription by which PagerDuty's alerts come to this bot. Its secret is kept in the bot's database, sealed; a
bot that runs takes it at once. These commands open that database themselves, so run them where the bot runs, as its user and with
its settings.

` + exitCodes,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var wait time.Duration
	cmd.PersistentFlags().DurationVar(&wait, "wait", 30*time.Second, "how long PagerDuty's test call may take")
	beside := func(ctx context.Context, do func(subscriberAt) error) error {
		return withSubscriber(ctx, e, wait, withDatabase, do)
	}
	reading := func(ctx context.Context, do func(subscriberAt) error) error {
		return withSubscriber(ctx, e, wait, readingDatabase, do)
	}
	cmd.AddCommand(newSubscribeCmd(e, beside), newSubscriptionStatusCmd(e, reading), newEnableCmd(e, beside), newRotateCmd(e, beside))
	return cmd
}

func newSubscribeCmd(e env, beside withBot) *cobra.Command {
	var scope pagerduty.Scope
	var asJSON bool
	cmd := &cobra.Command{
		Use: "subscribe", Short: "Make the subscription, and try it", Args: usageArgs(cobra.NoArgs),
		Long: `Make a webhook subscription in PagerDuty that calls this bot, keep its secret, and have PagerDuty send a test call. One that is there already
is used. Without --service or --team it is for all services of the account.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.recorded(asJSON, func(e env) error { return subscribe(cmd.Context(), e, scope, beside) })
		},
	}
	addStepsJSON(cmd.Flags(), &asJSON)
	cmd.Flags().StringVar(&scope.Service, "service", "", "for this PagerDuty service alone: its ID, the end of its URL")
	cmd.Flags().StringVar(&scope.Team, "team", "", "for this PagerDuty team's services alone: its ID")
	cmd.MarkFlagsMutuallyExclusive("service", "team")
	return cmd
}

func subscribe(ctx context.Context, e env, scope pagerduty.Scope, beside withBot) error {
	return beside(ctx, func(s subscriberAt) error {
		one, err := s.Subscribe(ctx, scope)
		if errors.Is(err, pagerduty.ErrNotOurs) {
			return fmt.Errorf("%w. If it is in PAGERDUTY_WEBHOOK_SECRETS, all is well; snapback pagerduty rotate puts one in its place whose secret is kept", err)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "subscription %s calls %s, for %s\n", one.ID, one.URL, one.Scope())
		return s.try(ctx, e.stdout, one.ID)
	})
}

func newSubscriptionStatusCmd(e env, beside withBot) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say whether PagerDuty's alerts reach this bot", Args: usageArgs(cobra.NoArgs),
		Long: "Say whether PagerDuty's alerts reach this bot. The exit code is 1 when they don't, and 4 when no subscription calls it. snapback doctor has PagerDuty make a test call as well. " + onlyReads,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return beside(cmd.Context(), func(s subscriberAt) error { return s.status(cmd.Context(), e.shown(), asJSON) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for scripts")
	return cmd
}

func newEnableCmd(e env, beside withBot) *cobra.Command {
	var since time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use: "enable", Short: "Make PagerDuty send again, and fetch what was missed", Args: usageArgs(cobra.NoArgs),
		Long: `Make PagerDuty send again along a subscription that it has disabled, or that was switched off; have it send a test call; and fetch from its
record what happened meanwhile. Fetching can be done again at any time: what is known is not written twice.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.recorded(asJSON, func(e env) error {
				return beside(cmd.Context(), func(s subscriberAt) error { return s.enable(cmd.Context(), e.stdout, since) })
			})
		},
	}
	addStepsJSON(cmd.Flags(), &asJSON)
	cmd.Flags().DurationVar(&since, "since", 0, "how far back to fetch; default: to the last webhook that came, three days at least, and not to before the bot was there")
	return cmd
}

func newRotateCmd(e env, beside withBot) *cobra.Command {
	var yes, asJSON bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Put a new subscription with a new secret in the place of the old one", Args: usageArgs(cobra.NoArgs),
		Long: `Make a new subscription with a new secret, have PagerDuty send a test call along it, and only then remove the old one. Both are taken
meanwhile, and what was still on its way is fetched. When the test call does not come through, the old one stays. The bot has to run.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.recorded(asJSON, func(e env) error { return rotate(cmd.Context(), e, yes, beside) })
		},
	}
	addYes(cmd.Flags(), &yes)
	addStepsJSON(cmd.Flags(), &asJSON)
	return cmd
}

func rotate(ctx context.Context, e env, yes bool, beside withBot) error {
	if err := e.confirm(ctx, yes, "Put new webhook subscriptions in the place of those that call this bot?"); err != nil {
		return err
	}
	return beside(ctx, func(s subscriberAt) error {
		since, err := s.dark(ctx, 0)
		if err != nil {
			return err
		}
		made, err := s.Rotate(ctx)
		for _, one := range made {
			fmt.Fprintf(e.stdout, "subscription %s calls %s, for %s; the old one is gone\n", one.ID, one.URL, one.Scope())
		}
		if err != nil {
			return err
		}
		if s.InSettings {
			fmt.Fprintln(e.stdout, "PAGERDUTY_WEBHOOK_SECRETS is not needed any more: remove it, and restart the bot")
		}
		return s.fetch(ctx, e.stdout, since) // what PagerDuty was still trying to deliver along the old one
	})
}

// withBot does something on the database of the bot.
type withBot func(context.Context, func(subscriberAt) error) error

// subscriberAt is a Subscriber, with the database that it works on.
type subscriberAt struct {
	pagerduty.Subscriber
	db *store.DB
}

// opening is withDatabase or readingDatabase.
type opening func(context.Context, env, store.Config, func(*store.DB) error) error

// withSubscriber reads what is needed of the settings, and opens the bot's database beside it.
func withSubscriber(ctx context.Context, e env, wait time.Duration, open opening, do func(subscriberAt) error) error {
	r := e.reader()
	c := config{PublicURL: r.publicURL()}
	r.pagerDuty(&c)
	keys, err := existingKeys(r)
	if err := errors.Join(r.err(), err); err != nil {
		return usageError{err}
	}
	return open(ctx, e, store.Config{Keys: keys, PublicURL: c.PublicURL}, func(db *store.DB) error {
		s := subscriberOf(c, db)
		s.Patience = wait
		return do(subscriberAt{s, db})
	})
}

func subscriberOf(c config, db *store.DB) pagerduty.Subscriber {
	return pagerduty.Subscriber{
		Client:  pagerduty.New(pagerduty.Config{Token: c.PagerDutyToken, From: c.PagerDutyFrom, APIURL: c.PagerDutyAPIURL}),
		Secrets: db, Pings: db, URL: c.PublicURL + webhookPath, InSettings: len(c.PagerDutySecrets) > 0,
	}
}

func (s subscriberAt) try(ctx context.Context, out io.Writer, id string) error {
	if err := s.Try(ctx, id); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "PagerDuty's test call came through: alerts reach this bot")
	return err
}

// standing is a line of status, for scripts.
type standing struct {
	ID       string     `json:"id"`
	URL      string     `json:"url"`
	Scope    string     `json:"scope"`
	LastCame *time.Time `json:"last_came,omitempty"`
	Trouble  string     `json:"trouble,omitempty"`
}

func (s subscriberAt) status(ctx context.Context, out io.Writer, asJSON bool) error {
	list, err := s.Standings(ctx)
	if err != nil {
		return err
	}
	lines := []standing{}
	for _, one := range list {
		line := standing{ID: one.ID, URL: one.URL, Scope: one.Scope().String(), Trouble: s.Trouble(one)}
		if !one.CameAt.IsZero() {
			line.LastCame = &one.CameAt
		}
		lines = append(lines, line)
	}
	if asJSON {
		err = printJSON(out, map[string][]standing{"subscriptions": lines})
	} else {
		err = printStandings(out, lines)
	}
	return errors.Join(err, s.Verdict(list))
}

func printStandings(out io.Writer, lines []standing) error {
	if len(lines) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SUBSCRIPTION\tFOR\tLAST CAME\tSTATE")
	for _, l := range lines {
		came := "-"
		if l.LastCame != nil {
			came = local(*l.LastCame)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.ID, l.Scope, came, painted(out, toneIf(l.Trouble == ""), outside.Line(cmp.Or(l.Trouble, "ok"))))
	}
	return w.Flush()
}

func (s subscriberAt) enable(ctx context.Context, out io.Writer, back time.Duration) error {
	since, err := s.dark(ctx, back) // before the test call is the last webhook
	if err != nil {
		return err
	}
	woken, err := s.Enable(ctx)
	if err != nil {
		return err
	}
	for _, one := range woken {
		fmt.Fprintf(out, "subscription %s (%s) is on again\n", one.ID, one.Scope())
	}
	if len(woken) == 0 {
		fmt.Fprintln(out, "no subscription was disabled or switched off")
	}
	return errors.Join(s.tryAll(ctx, out), s.fetch(ctx, out, since))
}

// tryAll tries those whose secret is kept; of the others, doctor sees in the bot's metrics what becomes of a test call.
func (s subscriberAt) tryAll(ctx context.Context, out io.Writer) error {
	list, err := s.Standings(ctx)
	if err != nil {
		return err
	}
	for _, one := range list {
		if !one.Kept {
			fmt.Fprintf(out, "subscription %s was not tried, since its secret is not in the database: run snapback doctor\n", one.ID)
			continue
		}
		if err := s.try(ctx, out, one.ID); err != nil {
			return err
		}
	}
	return nil
}

// dark is from when on something may be missing, unless somebody says how far back.
func (s subscriberAt) dark(ctx context.Context, back time.Duration) (time.Time, error) {
	if back > 0 {
		return time.Now().Add(-back), nil
	}
	first, last, err := s.db.WebhookSpan(ctx)
	return pagerduty.DarkSince(time.Now(), first, last), err
}

func (s subscriberAt) fetch(ctx context.Context, out io.Writer, since time.Time) error {
	list, err := s.Standings(ctx)
	if err != nil {
		return err
	}
	fetched, err := s.backfill(list).Since(ctx, since)
	if err != nil {
		return fmt.Errorf("fetching what was missed: %w", err)
	}
	if fetched.Events == 0 {
		_, err = fmt.Fprintf(out, "nothing was missed since %s\n", local(since))
		return err
	}
	_, err = fmt.Fprintf(out, "fetched what was missed since %s: %s\n", local(since), fetched)
	return err
}

func (s subscriberAt) backfill(list []pagerduty.Standing) pagerduty.Backfill {
	return backfillOf(s.Client, s.db, pagerduty.Scopes(list), func(context.Context, int64) error { return nil }, slog.New(slog.DiscardHandler))
}

// backfillOf is given what ends that which must not outlive an incident.
func backfillOf(pd *pagerduty.Client, db *store.DB, scopes []pagerduty.Scope, ended func(context.Context, int64) error, log *slog.Logger) pagerduty.Backfill {
	return pagerduty.Backfill{Client: pd, Intake: pagerduty.Intake{Inbox: db, Ended: ended, Logger: log}, Open: db, Scopes: scopes}
}
