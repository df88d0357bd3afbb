package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot/restore"
)

// failover is a night whose database is two servers behind one address.
type failover struct {
	*crash
	endpoint *link
}

// newFailover has second follow first, and the bot reach first.
func newFailover(t *testing.T) (f *failover, first, second *postmaster) {
	t.Helper()
	n := newNight(t)
	first, second = newPostmaster(t, shortDir(t)), reservePostmaster(t, shortDir(t))
	second.follow(first)
	f = &failover{endpoint: newEndpoint(t, first.address())}
	n.env["DATABASE_URL"] = through(f.endpoint.at, pgPassword)
	f.crash = breakContainer(n, n.env["DATABASE_URL"])
	n.bot = &running{url: f.first.url}
	n.pd.Subscribe(f.first.url+"/webhooks/pagerduty", hookSecret)
	return f, first, second
}

// ready is whether the bot says that it is.
func (f *failover) ready() bool {
	status, _, err := f.first.call("GET", "/readyz", "")
	return err == nil && status == http.StatusOK
}

// moves has the database move to another server. For a while, the address leads to one that takes no writes: until the bot has
// noticed, and whatever restore was in its swap has a container running again.
func (f *failover) moves(from *postmaster, how string, to *postmaster) {
	from.stop(how)
	f.endpoint.lead(to.address())
	to.until("the bot is not ready while the address leads to a standby", func() bool { return !f.ready() })
	to.until("the restore goes on without a database", func() bool { return f.onEngine()[f.name].State == "running" })
	to.promote()
	f.t.Logf("%s: the database has moved", time.Now().Format(time.TimeOnly))
}

// alerting opens an incident every second until stop is called, which returns their titles.
func (n *night) alerting() (stop func() []string) {
	ctx, cancel := context.WithCancel(n.t.Context())
	var titles []string
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for ctx.Err() == nil {
			title := fmt.Sprintf("Alert no. %d.", len(titles)+1)
			n.service.Trigger(title)
			titles = append(titles, title)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() []string {
		cancel()
		wg.Wait()
		return titles
	}
}

// toldOnce waits until each alert stands in the channel, and says which stand there more often.
func (n *night) toldOnce(titles []string) {
	n.t.Helper()
	n.pd.ExpectDelivered(n.t)
	for _, title := range titles {
		n.channel.ExpectMessage(n.t, title)
	}
	for _, title := range titles {
		found := 0
		for _, m := range n.channel.Messages() {
			if strings.Contains(m.String(), title) {
				found++
			}
		}
		if found != 1 {
			n.t.Errorf("%q stands %d times in the channel", title, found)
		}
	}
	if got := n.count(`SELECT count(*) FROM incidents`); got != len(titles) {
		n.t.Errorf("there are %d incidents, want %d", got, len(titles))
	}
}

// TestFailoverAndFailbackLoseNothing has the database's server die in the middle of a restore, and the standby take its place;
// then the first one, as the other's standby, takes it back in the middle of the undo. PagerDuty calls all the while.
func TestFailoverAndFailbackLoseNothing(t *testing.T) {
	f, first, second := newFailover(t)
	stop := f.alerting()

	moved := f.when(restore.Swapping, func() { f.moves(first, "QUIT", second) })
	id := f.tapped(0)
	<-moved
	r := f.check(max(id, f.latest()))
	if r.State != restore.Verified {
		t.Fatalf("with a failover in between the restore is %s: %s", r.State, r.Error)
	}

	first.follow(second)
	moved = f.when(restore.Swapping, func() { f.moves(second, "INT", first) })
	f.tapped(r.ID)
	<-moved
	if r = f.check(f.latest()); r.Kind != restore.Undoing || r.State != restore.Verified {
		t.Errorf("with a failback in between the %s is %s: %s", r.Kind, r.State, r.Error)
	}
	first.until("the bot is ready", f.ready)

	titles := stop()
	f.toldOnce(titles)
	f.checkTold()
	f.checkTimeline()
	t.Logf("%d alerts, a restore and its undo, over two moves of the database", len(titles))
}
