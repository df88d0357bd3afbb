package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

// Slack takes a message a second in a channel, and the bot keeps to that. So that its own time is measured and not that
// wait, the alerts come for twenty containers with a channel each, in turns: a channel gets one every 4 s.
const (
	nightContainers = 20
	nightIncidents  = 200
	alertEvery      = 200 * time.Millisecond
	tapEvery        = 100 * time.Millisecond
	aimStored       = 100  // ms from the webhook to the answer
	aimTap          = 3000 // ms that Slack grants a tap
)

// wave is many incidents at once.
type wave struct {
	*stage
	bot       *servant
	incidents []*pagerdutyfake.Incident
}

// BenchmarkNight raises 200 alerts, and taps Acknowledge in each of their messages.
func BenchmarkNight(b *testing.B) {
	w := &wave{stage: newStage(b)}
	w.bot = w.serve(w.postgres())
	w.meet(w.bot)
	image := w.Image("shop", `CMD ["/app", "serve", "-addr="]`)
	for i := range nightContainers {
		w.open(i, image)
	}
	for b.Loop() {
		w.alert()
		messages := w.messages()
		stored, posted := w.lags(messages)
		w.report(stored, posted, w.acknowledge(messages))
	}
}

func (w *wave) report(stored, posted, tapped figures) {
	t := newTable(fmt.Sprintf("night: %d alerts for %d containers, one every %s", nightIncidents, nightContainers, alertEvery))
	t.row("webhook → 202", stored)
	t.row("webhook → Slack message", posted)
	t.row("tap on Acknowledge → answer", tapped)
	t.aim("webhook → 202, p99 in ms", stored.ms(99), aimStored)
	t.aim("tap → answer, worst in ms", tapped.ms(100), aimTap)
	t.print(w.b)
	w.b.ReportMetric(0, "ns/op") // it would be the length of the whole night
	w.b.ReportMetric(stored.ms(99), "stored-p99-ms")
	w.b.ReportMetric(posted.ms(50), "posted-p50-ms")
	w.b.ReportMetric(posted.ms(99), "posted-p99-ms")
	w.b.ReportMetric(tapped.ms(99), "tap-p99-ms")
}

func channelID(i int) string { return fmt.Sprintf("C0SHOP%02d", i) }

// open starts a container with ten PagerDuty services, a channel and a snapshot, as there would be at night. It has no
// published port: what a bridge costs is not what is measured.
func (w *wave) open(i int, image string) {
	w.slack.AddChannel(channelID(i), fmt.Sprint("shop", i))
	var services []string
	for n := i; n < nightIncidents; n += nightContainers {
		services = append(services, serviceID(n))
		w.pd.AddService(serviceID(n), fmt.Sprint("Shop ", n))
	}
	name := w.Name(fmt.Sprint("shop", i))
	w.Run(name, "--network", "none", "--label", "snapback.pagerduty.service="+strings.Join(services, ","),
		"--label", "snapback.slack.channel="+channelID(i), image)
	if _, err := w.bot.api.TakeSnapshot(w.b.Context(), name, wire.NewSnapshot{Name: "pre-deploy-2255", Reason: "pre-deploy"}); err != nil {
		w.b.Fatal(err)
	}
}

func serviceID(n int) string { return fmt.Sprintf("PSHOP%03d", n) }

func (w *wave) alert() {
	tick := time.NewTicker(alertEvery)
	defer tick.Stop()
	w.incidents = nil
	for n := range nightIncidents {
		<-tick.C
		w.incidents = append(w.incidents, w.pd.Service(serviceID(n)).Trigger(alertTitle(n)))
	}
}

func alertTitle(n int) string { return fmt.Sprintf("High error rate, alert number %03d", n) }

// messages waits for those of all incidents, with their buttons.
func (w *wave) messages() []slackfake.Message {
	var all []slackfake.Message
	for n := range w.incidents {
		all = append(all, w.slack.Channel(channelID(n%nightContainers)).ExpectMessage(w.b, alertTitle(n), "Restore pre-deploy-2255"))
	}
	return all
}

// lags are taken at both ends: when PagerDuty sent the webhook, and when Slack has taken the message.
func (w *wave) lags(messages []slackfake.Message) (stored, posted figures) {
	sent := map[string]time.Time{}
	for _, d := range w.pd.ExpectDelivered(w.b) {
		if d.EventType != "incident.triggered" {
			continue
		}
		first := d.Attempts[0]
		stored = append(stored, first.Took)
		sent[d.IncidentID] = first.At
	}
	for n, m := range messages {
		posted = append(posted, slackTime(w.b, m.TS).Sub(sent[w.incidents[n].ID()]))
	}
	return stored, posted
}

// slackTime reads a message's timestamp, which is in microseconds.
func slackTime(b *testing.B, ts string) time.Time {
	micros, err := strconv.ParseInt(strings.Replace(ts, ".", "", 1), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.UnixMicro(micros)
}

// acknowledge taps in all messages, and waits until PagerDuty knows.
func (w *wave) acknowledge(messages []slackfake.Message) (answered figures) {
	tick := time.NewTicker(tapEvery)
	defer tick.Stop()
	var (
		wg sync.WaitGroup
		mu sync.Mutex // guards answered
	)
	for _, m := range messages {
		<-tick.C
		wg.Go(func() {
			answer := w.maria.Tap(m.Button("Acknowledge"))
			if !answer.OK() {
				w.b.Errorf("tapping Acknowledge: %+v", answer)
			}
			mu.Lock()
			defer mu.Unlock()
			answered = append(answered, answer.Took)
		})
	}
	wg.Wait()
	for _, i := range w.incidents {
		i.ExpectStatus(w.b, "acknowledged")
	}
	return answered
}
