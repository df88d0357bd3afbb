package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/store"
)

// testAlert is how it was called.
type testAlert struct {
	local, keep, yes, json bool
	wait                   time.Duration
}

func newTestAlertCmd(e env) *cobra.Command {
	var t testAlert
	cmd := &cobra.Command{
		Use: "test-alert CONTAINER", Short: "Send a test alert, and follow it to the message in Slack", Args: usageArgs(cobra.ExactArgs(1)),
		Long: `Open an incident in PagerDuty that says that it is a test, for the service that the container's label names; follow it through the webhook and
the database to the message in Slack, each step with its time; and resolve it. Where it stops, say why and what to do. It is of low urgency:
most services page nobody for that. With --local, PagerDuty has no part in it: the bot is sent a signed webhook such as PagerDuty's.

Run it where the bot runs, as its user and with its settings.

` + exitCodes,
		Example: "  snapback test-alert api",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.recorded(t.json, func(e env) error { return t.run(cmd.Context(), e, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&t.local, "local", false, "send the bot a webhook such as PagerDuty's, without PagerDuty")
	cmd.Flags().BoolVar(&t.keep, "keep", false, "leave the incident open")
	cmd.Flags().DurationVar(&t.wait, "wait", time.Minute, "how long it may take")
	addYes(cmd.Flags(), &t.yes)
	addStepsJSON(cmd.Flags(), &t.json)
	return cmd
}

func (t testAlert) run(ctx context.Context, e env, name string) error {
	r := e.reader()
	c := config{PublicURL: r.publicURL(), Listen: r.address("SNAPBACK_LISTEN", ":8080"), Only: r.get("SNAPBACK_ONLY"), DataDir: r.dataDir(os.Geteuid() == 0), Engines: r.engines()}
	r.pagerDuty(&c)
	keys, err := existingKeys(r)
	if err := errors.Join(r.err(), err); err != nil {
		return usageError{err}
	}
	container, err := alertedContainer(ctx, c, name)
	if err != nil {
		return err
	}
	service := container.Settings.PagerDutyServices[0]
	if !t.local {
		if err := e.confirm(ctx, t.yes, fmt.Sprintf("Open a test incident of low urgency in PagerDuty, on service %s?", service)); err != nil {
			return err
		}
	}
	return readingDatabase(ctx, e, store.Config{Keys: keys, PublicURL: c.PublicURL}, func(db *store.DB) error {
		test := pagerduty.TestAlert{
			Subscriber: subscriberOf(c, db), Told: db, Service: service, Container: container.Name, Keep: t.keep, Patience: t.wait, Step: stepsOn(e.stdout, t.json),
		}
		if t.local {
			return localTest(ctx, test, c, db)
		}
		return test.Real(ctx)
	})
}

// stepsOn prints each step with its time, and how long after the first one it was; bare without.
func stepsOn(out io.Writer, bare bool) func(string) {
	began := time.Now()
	return func(what string) {
		if bare {
			fmt.Fprintln(out, outside.Line(what))
			return
		}
		fmt.Fprintf(out, "%s  +%.1f s  %s\n", time.Now().Format("15:04:05"), time.Since(began).Seconds(), outside.Line(what))
	}
}

// localTest signs with any secret that the bot takes.
func localTest(ctx context.Context, test pagerduty.TestAlert, c config, db *store.DB) error {
	kept, lost := db.WebhookSecrets(ctx)
	secrets := slices.Clone(c.PagerDutySecrets)
	for _, s := range kept {
		secrets = append(secrets, s.Secret)
	}
	if len(secrets) == 0 {
		return errors.Join(usageError{errors.New("there is no webhook secret to sign with: snapback pagerduty subscribe makes one; if it says that one is there: snapback pagerduty rotate")}, lost)
	}
	return test.Local(ctx, "http://"+reachable(c.Listen)+webhookPath, secrets[0])
}

// alertedContainer is the enabled container that name names, which has to say whose alerts it gets.
func alertedContainer(ctx context.Context, c config, name string) (snapshot.Container, error) {
	list, err := listAll(ctx, c)
	if err != nil {
		return snapshot.Container{}, err
	}
	return alerted(list, name)
}

// alerted finds it as the bot would, so that a name that stands on several engines is refused.
func alerted(list []snapshot.Container, name string) (snapshot.Container, error) {
	found, err := api.Resolve(list, name)
	switch {
	case errors.Is(err, snapshot.ErrAmbiguous):
		return found, fmt.Errorf("%w: %w", errUnfit, err)
	case err != nil:
		return found, err
	case len(found.Settings.PagerDutyServices) == 0:
		return found, fmt.Errorf("%w: %s has no label snapback.pagerduty.service, so that no alert is about it: set it to the end of the service's URL in PagerDuty", errUnfit, found.Called())
	}
	return found, nil
}

// listAll lists the enabled containers of all engines; one of several that does not answer is left out.
func listAll(ctx context.Context, c config) ([]snapshot.Container, error) {
	fleet, seen, list := snapshot.Fleet{LastSeen: nobody{}}, map[string]bool{"": true}, []*docker.Engine(nil)
	for _, at := range c.Engines {
		engine, err := docker.New(ctx, at.reach(c))
		if err != nil {
			return nil, usageError{at.wrap(err)}
		}
		defer engine.Close()
		list = append(list, engine)
		fleet.Engines = append(fleet.Engines, snapshot.Reached{Called: at.name, Containers: engine})
	}
	for i, told := range managedBy(ctx, list) {
		if told.err == nil && !seen[told.cluster] {
			seen[told.cluster] = true
			of := swarm.New(swarm.Config{Manager: list[i], Only: c.Only})
			fleet.Engines = append(fleet.Engines, snapshot.Reached{Called: swarmName(c.Engines[i].name), Containers: of})
		}
	}
	return fleet.Containers(ctx)
}

// nobody was seen before.
type nobody struct{}

// KnownContainers implements snapshot.LastSeen.
func (nobody) KnownContainers(context.Context, string) ([]snapshot.Container, error) { return nil, nil }

// errUnfit is a wish that makes no sense for what it is about: exit code 3.
var errUnfit = errors.New("refused")
