package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
)

// checkSubscription finds the subscription that calls this bot, and has PagerDuty call: it disables a subscription after
// three refusals in a row, so a wrong secret has to be found before the first alert.
func checkSubscription(ctx context.Context, pd *pagerduty.Client, c config) (string, error) {
	list, err := pd.Subscriptions(ctx)
	if err != nil {
		return "", err
	}
	want := c.PublicURL + "/webhooks/pagerduty"
	i := slices.IndexFunc(list, func(s pagerduty.Subscription) bool { return s.URL == want })
	if i < 0 {
		return "", fmt.Errorf("no webhook subscription calls %s: add one in PagerDuty, under Integrations, Generic Webhooks (v3)", want)
	}
	s := list[i]
	switch {
	case s.Disabled:
		return "", fmt.Errorf("subscription %s is disabled, since this bot refused its calls: check PAGERDUTY_WEBHOOK_SECRETS, then enable it in PagerDuty", s.ID)
	case !s.Active:
		return "", fmt.Errorf("subscription %s is switched off: switch it on in PagerDuty", s.ID)
	case !slices.Contains(s.Events, incidents.KindPagerDutyTriggered):
		return "", fmt.Errorf("subscription %s does not send %s: choose all incident events in PagerDuty", s.ID, incidents.KindPagerDutyTriggered)
	}
	if err := tryWebhook(ctx, pd, s.ID, c); err != nil {
		return "", err
	}
	for _, kind := range []incidents.Kind{incidents.KindPagerDutyAcked, incidents.KindPagerDutyResolved, incidents.KindPagerDutyNoted} {
		if !slices.Contains(s.Events, kind) {
			return "", caution{fmt.Errorf("subscription %s does not send %s: what is done in PagerDuty won't show in Slack", s.ID, kind)}
		}
	}
	return fmt.Sprintf("subscription %s calls %s, and a test call came through", s.ID, want), nil
}

const testCallPatience = 12 * time.Second

// tryWebhook has PagerDuty send its test event, and sees in the running bot's metrics what became of it. Another webhook that
// comes at that moment proves the same.
func tryWebhook(ctx context.Context, pd *pagerduty.Client, subscription string, c config) error {
	before, err := webhookCounts(ctx, c.MetricsListen)
	if err != nil {
		return caution{fmt.Errorf("the secret was not tried, since no bot answers at SNAPBACK_METRICS_LISTEN here: %w", err)}
	}
	if err := pd.PingSubscription(ctx, subscription); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, testCallPatience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := webhookCounts(ctx, c.MetricsListen)
		switch {
		case err == nil && now.stored > before.stored:
			return nil
		case err == nil && now.refused > before.refused:
			return errors.New("the bot refused PagerDuty's test call, as it would an alert: PAGERDUTY_WEBHOOK_SECRETS is not this subscription's secret (the bot's log says more)")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("PagerDuty was asked for a test call, and none has come within %s: can it reach %s?", testCallPatience, c.PublicURL)
		}
	}
}

// webhookCount is how many webhooks the running bot has taken and refused.
type webhookCount struct{ stored, refused float64 }

func webhookCounts(ctx context.Context, listen string) (n webhookCount, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(listen)+"/metrics", nil)
	if err != nil {
		return n, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return n, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return n, fmt.Errorf("it answers %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		count, _ := strconv.ParseFloat(value, 64) // comments have none, and are not of these names
		switch {
		case name == "snapback_webhooks_stored_total":
			n.stored += count
		case strings.HasPrefix(name, "snapback_webhooks_refused_total{"):
			n.refused += count
		}
	}
	return n, lines.Err()
}

// reachable is an address at which what listens on listen can be called from here.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return listen
}
