package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/demo/load"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

const (
	goodVersion, goodPool = "1.41", "20"
	badVersion            = "1.42"
	busybox               = "/bin/busybox"
	baselineAfter         = 5 * time.Second // a minute, outside of a demo
	errorsMinute          = 3 * time.Second // likewise; three of them have to be counted before the deploy
)

// openShop makes the images, runs the good version, and sends it customers.
func (n *night) openShop(ctx context.Context) error {
	if err := n.openPlace(ctx); err != nil {
		return err
	}
	program := engine.Program{Executable: n.opts.Executable, Args: n.opts.ShopArgs, Busybox: busybox}
	for _, v := range []string{goodVersion, badVersion} {
		if err := n.place.Import(ctx, v, program); err != nil {
			return err
		}
	}
	if err := n.deploy(ctx, goodVersion, goodPool); err != nil {
		return err
	}
	n.traffic = load.New(load.Config{URL: shopURL(n.shop)})
	n.background("ending the customers", n.traffic.Run)
	n.background("looking away", n.watch)
	what := fmt.Sprintf("pages of shop %s without errors", goodVersion)
	err := until(ctx, what, patience, func() bool { b := n.traffic.Buckets(1); return len(b) > 0 && b[0].OK > 0 && b[0].Failed() == 0 })
	if err == nil {
		n.opened = time.Now()
		n.say(good, "shop %s serves 20 requests a second, with DB_POOL=%s, at %s", goodVersion, goodPool, shopURL(n.shop))
	}
	return err
}

// deploy replaces the shop, as deploy tools do.
func (n *night) deploy(ctx context.Context, version, pool string) error {
	d := n.shop
	d.Version, d.Env = version, map[string]string{"DB_POOL": pool}
	if err := n.place.Deploy(ctx, d); err != nil {
		return err
	}
	return until(ctx, "the shop's health", patience, func() bool { return n.healthy(ctx) })
}

func (n *night) healthy(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, shopURL(n.shop)+"healthz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// awaitBaseline waits until Snapback has kept the good state, as it does by itself, and until there was time to count how many
// errors are usual. Nobody tells it of the deploy that follows.
func (n *night) awaitBaseline(ctx context.Context) error {
	n.say(info, "Snapback counts errors in the shop's log. A minute of its error rate takes %s here (SNAPBACK_ERRORS_MINUTE)", errorsMinute)
	var name string
	var err error
	waited := until(ctx, "a baseline of the shop", patience, func() bool {
		name, err = n.baseline(ctx)
		return name != "" && time.Since(n.opened) > 5*errorsMinute || err != nil
	})
	if err = errors.Join(err, waited); err == nil {
		n.say(info, "The shop has been well for %s, so Snapback keeps its state: %s", baselineAfter, name)
	}
	return err
}

// deployBadly is the mistake of the night.
func (n *night) deployBadly(ctx context.Context) error {
	n.suggest("One moment: somebody deploys.")
	if err := n.deploy(ctx, badVersion, n.badPool); err != nil {
		return err
	}
	n.figures.deployed = time.Now()
	n.say(info, "shop %s is deployed, with DB_POOL=%s", badVersion, n.badPool)
	err := until(ctx, "errors", patience, func() bool {
		s := n.traffic.Summary(5)
		return s.Over == 5 && s.Percent >= 50 && time.Since(n.figures.deployed) > 4*time.Second
	})
	if err == nil {
		s := n.traffic.Summary(5)
		n.say(bad, "%d %% of requests fail: %d errors a minute", s.Percent, s.ErrorsPerMinute)
	}
	return err
}

// alert lets PagerDuty call, and waits until the message is in Slack with its button.
func (n *night) alert(ctx context.Context) error {
	n.incident = n.pd.Service(serviceID).Trigger(alertTitle)
	n.mu.Lock()
	n.paged = n.incident
	n.mu.Unlock()
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := n.channel.WaitMessage(waiting, func(m slackfake.Message) bool { return m.Contains(alertTitle) }); err != nil {
		return fmt.Errorf("waiting for the alert in Slack: %w; PagerDuty's deliveries: %s", err, attempts(n.pd.Deliveries()))
	}
	seen := time.Now()
	if err := n.webhookFigures(ctx, seen); err != nil {
		return err
	}
	n.say(good, "The alert is in Slack, %s after PagerDuty's webhook, which was answered after %s", millis(n.figures.toMessage), millis(n.figures.toAccepted))
	_, err := n.control(ctx, "button", "Restore pre-deploy")
	return err
}

func (n *night) webhookFigures(ctx context.Context, seen time.Time) error {
	return until(ctx, "the webhook's delivery", patience, func() bool {
		all := n.pd.Deliveries()
		i := slices.IndexFunc(all, func(d pagerdutyfake.Delivery) bool { return d.State == pagerdutyfake.Delivered })
		if i < 0 {
			return false
		}
		first := all[i].Attempts[0]
		n.figures.toMessage, n.figures.toAccepted = seen.Sub(first.At), first.Took
		return true
	})
}

func attempts(all []pagerdutyfake.Delivery) string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%s %s %v", d.EventType, d.State, d.Attempts))
	}
	return strings.Join(out, "; ")
}

// handOver leaves the phone to the visitor.
func (n *night) handOver(ctx context.Context) error {
	n.print("\nIt is 03:42 and your phone rings: open " + n.pageURL + " and tap.\nCtrl-C ends the demo and removes all that it made.\n\n")
	if err := until(ctx, "a resolution", 7*24*time.Hour, func() bool { return n.incident.Status() == pagerdutyfake.Resolved }); err != nil {
		return err
	}
	if err := n.printTimeline(ctx); err != nil {
		n.say(bad, "The post-mortem: %v", err)
	}
	<-ctx.Done()
	return nil
}
