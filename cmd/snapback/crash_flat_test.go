package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/snapshot/restore"
)

// announceErrors has the database say what is written down of the errors after a restore: "first", and then each kind.
const announceErrors = `
	CREATE FUNCTION announce_errors() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF (SELECT count(*) FROM timeline WHERE kind LIKE 'errors.%') = 1 THEN PERFORM pg_notify('errors_kind', 'first'); END IF;
		PERFORM pg_notify('errors_kind', NEW.kind);
		RETURN NULL;
	END $$;
	CREATE TRIGGER announce_errors AFTER INSERT ON timeline FOR EACH ROW WHEN (NEW.kind LIKE 'errors.%') EXECUTE FUNCTION announce_errors()`

// spiking is a container with a spike of errors since a deploy, and an alert of it. A minute of errors takes three seconds.
type spiking struct {
	*crash
	hook     *pagerdutyfake.Subscription
	incident *pagerdutyfake.Incident
}

func newSpiking(t *testing.T) *spiking {
	needsCrashes(t)
	n := newNight(t)
	n.env["SNAPBACK_ERRORS_MINUTE"] = "3s"
	s := &spiking{crash: newCrashIn(n, n.env["DATABASE_URL"])}
	s.hook = s.pd.Subscribe(s.first.url+"/webhooks/pagerduty", hookSecret)
	s.replace("V=1", s.labels("--restart", "unless-stopped", s.Name("good"))...)
	if status, answer, err := s.first.call("DELETE", "/containers/"+s.name+"/snapshots/"+crashSnapshot, ""); err != nil || status >= 300 {
		t.Fatalf("deleting a snapshot: %d %s %v", status, answer, err)
	}
	s.snapshot()
	s.awaitErrors("a baseline", func(errors float64, minutes int) bool { return minutes >= 8 })
	s.replace("V=2", s.labels("--restart", "always", s.bad)...)
	s.Docker(append([]string{"exec", s.name, "/app", "say"}, slices.Repeat([]string{"level=error msg=boom"}, 60)...)...)
	s.awaitErrors("the spike", func(errors float64, _ int) bool { return errors >= 60 })
	s.incident = s.service.Trigger("High error rate on shop")
	s.channel.ExpectMessage(t, "High error rate on shop")
	return s
}

// awaitErrors waits for what is counted of the container: how many errors, in how many minutes.
func (s *spiking) awaitErrors(what string, enough func(errors float64, minutes int) bool) {
	s.t.Helper()
	deadline, tick := time.After(2*time.Minute), time.NewTicker(500*time.Millisecond)
	defer tick.Stop()
	var counted struct{ Minutes []struct{ Errors float64 } }
	for {
		_, answer, err := s.first.call("GET", "/containers/"+s.name+"/errors", "")
		if err == nil && json.Unmarshal(answer, &counted) == nil {
			sum := 0.0
			for _, m := range counted.Minutes {
				sum += m.Errors
			}
			if enough(sum, len(counted.Minutes)) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%s is not counted: %+v (%v)", what, counted, err)
		}
	}
}

// again starts the next bot, and leads PagerDuty to it.
func (s *spiking) again() {
	s.t.Helper()
	s.first = s.boot(s.first.dataDir)
	s.hook.Redirect(s.first.url + "/webhooks/pagerduty")
}

// flatSaid is what says that errors are flat, wherever.
const flatSaid = "Flat since"

// toldOnce waits until it is told that errors are flat, and sees that nothing was told twice, nor written down twice.
func (s *spiking) toldOnce() {
	s.t.Helper()
	alert := s.channel.ExpectMessage(s.t, "High error rate on shop", flatSaid)
	alert.ExpectReply(s.t, flatSaid)
	s.incident.ExpectNote(s.t, flatSaid)
	notes := 0
	for _, note := range s.incident.Notes() {
		notes += strings.Count(note.Content, flatSaid)
	}
	if flat, falling := s.told(flatSaid), s.told("Falling:"); flat != 1 || falling > 1 || notes != 1 {
		s.t.Errorf("flat was told %d times in Slack and %d times in PagerDuty, falling %d times:\n%s", flat, notes, falling, s.channel)
	}
	entries, err := s.db.Entries(s.t.Context(), 1, 0) // of the only incident
	if err != nil {
		s.t.Fatal(err)
	}
	kinds := map[incidents.Kind]int{}
	for _, e := range entries {
		kinds[e.Kind]++
	}
	if flat, falling := kinds[incidents.KindErrorsFlat], kinds[incidents.KindErrorsFalling]; flat != 1 || falling > 1 {
		s.t.Errorf("the timeline has %v", kinds)
	}
	if err := incidents.Verify(entries); err != nil {
		s.t.Error(err)
	}
}

// TestBotKilledBetweenVerifiedAndFlatSaysFlatOnce kills the bot when the restore is verified, when the first is written down of the
// errors after it, and when flat is. Slack is away from then on, so that none of it has been told, until the next bot is there.
func TestBotKilledBetweenVerifiedAndFlatSaysFlatOnce(t *testing.T) {
	for _, word := range []string{"verified", "first", string(incidents.KindErrorsFlat)} {
		t.Run(word, func(t *testing.T) {
			s := newSpiking(t)
			bot := s.first
			kill := func() { s.slack.Outage(word != "verified"); bot.kill() }
			var killed <-chan struct{}
			if word == "verified" {
				killed = s.when(restore.Verified, kill)
			} else {
				killed = s.on("errors_kind", announceErrors, word, kill)
			}
			id := s.tap(s.first, 0)
			<-killed
			s.slack.Outage(false)
			s.again()
			if r := s.over(id); r.State != restore.Verified {
				t.Fatalf("%s: %s", r.State, r.Error)
			}
			s.toldOnce()
		})
	}
}
