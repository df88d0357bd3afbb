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

// errUnknownSecret says that the bot has refused PagerDuty's test call, as it would an alert.
var errUnknownSecret = errors.New("the bot refused PagerDuty's test call")

// testCall is what became of PagerDuty's test calls.
type testCall struct{ came bool } // at least one has come through the public URL, and was taken

// checkSubscription has PagerDuty call along each subscription that calls this bot: it disables one after three refusals in a row, so a
// wrong secret has to be found before the first alert.
func (t *testCall) checkSubscription(ctx context.Context, pd *pagerduty.Client, c config) (string, error) {
	s := pagerduty.Subscriber{Client: pd, URL: c.PublicURL + webhookPath}
	list, err := callers(ctx, s)
	if err == nil {
		err = s.Verdict(list)
	}
	if err == nil {
		err = t.tryWebhooks(ctx, s, list, c)
	}
	if err == nil {
		err = forgiven(s, list)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s calls %s, and a test call came through", callerNames(list), s.URL), nil
}

// callers takes each subscription for one whose secret the bot knows: whether it does, its answer to a test call says. One that the
// program has made and that is switched off is left out: it may be half made, with a secret that nobody has, which subscribe replaces.
func callers(ctx context.Context, s pagerduty.Subscriber) (list []pagerduty.Standing, err error) {
	all, err := s.Client.Subscriptions(ctx)
	for _, one := range all {
		if one.URL == s.URL && !one.HalfMade() {
			list = append(list, pagerduty.Standing{Subscription: one, Kept: true, CameAt: time.Now()})
		}
	}
	return list, err
}

func callerNames(list []pagerduty.Standing) string {
	var ids []string
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	if len(ids) == 1 {
		return "subscription " + ids[0]
	}
	return "each of the subscriptions " + strings.Join(ids, ", ")
}

// tryWebhooks notes in list whose secret the bot does not know.
func (t *testCall) tryWebhooks(ctx context.Context, s pagerduty.Subscriber, list []pagerduty.Standing, c config) error {
	for i := range list {
		if s.Trouble(list[i]) != "" {
			continue
		}
		err := tryWebhook(ctx, s.Client, list[i].ID, c)
		if errors.Is(err, errUnknownSecret) {
			list[i].Kept = false
		} else if err != nil {
			return err
		} else {
			t.came = true
		}
	}
	return s.Verdict(list)
}

// forgiven is what is wrong with some, and what another subscription makes up for; and what does not come along those that are well.
func forgiven(s pagerduty.Subscriber, list []pagerduty.Standing) error {
	for _, one := range list {
		if why := s.Trouble(one); why != "" {
			return caution{fmt.Errorf("alerts come along another subscription, but %s", why)}
		}
	}
	for _, one := range list {
		for _, kind := range []incidents.Kind{incidents.KindPagerDutyAcked, incidents.KindPagerDutyResolved, incidents.KindPagerDutyNoted} {
			if !sent(list, one.Scope(), kind) {
				return caution{fmt.Errorf("subscription %s does not send %s: what is done in PagerDuty won't show in Slack", one.ID, kind)}
			}
		}
	}
	return nil
}

// sent says whether one of the subscriptions sends such events of all that is in scope.
func sent(list []pagerduty.Standing, scope pagerduty.Scope, kind incidents.Kind) bool {
	return slices.ContainsFunc(list, func(one pagerduty.Standing) bool {
		return slices.Contains(one.Events, kind) && (one.Scope() == scope || one.Scope() == pagerduty.Scope{})
	})
}

const testCallPatience = 12 * time.Second

// tryWebhook has PagerDuty send its test event, and sees in the running bot's metrics what became of it. It returns errUnknownSecret when
// that was refused. Test calls are counted apart: what else comes at that moment is not taken for it.
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
			return errUnknownSecret
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if !before.counted {
				return caution{errors.New("the secret was not tried: the bot that runs is of another release, and counts no test calls. Restart it, and look again")}
			}
			return fmt.Errorf("PagerDuty was asked for a test call, and none has come within %s: can it reach %s?", testCallPatience, c.PublicURL)
		}
	}
}

// webhookCount is how many of PagerDuty's test calls the running bot has taken and refused.
type webhookCount struct {
	stored, refused float64
	counted         bool // it counts them at all
}

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
		switch name {
		case `snapback_webhook_tests_total{outcome="stored"}`:
			n.stored, n.counted = count, true
		case `snapback_webhook_tests_total{outcome="refused"}`:
			n.refused = count
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
