package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/restore"
)

// How often it is done, and what is aimed for, in ms.
const (
	restorePairs = 15
	aimRatio     = 0.7
	aimVerified  = 3000
	aimPreflight = 150
)

// race is one container, restarted and restored in turns.
type race struct {
	*stage
	bot      *servant
	shop     string
	url      string
	service  *pagerdutyfake.Service
	run      []string // docker run's arguments
	restart  []string // docker restart's arguments
	restores int64

	restarted, restored, own figures // downtime: by the prober, and as the bot itself says
	answered, verified, seen figures
	phases                   map[restore.State]figures
}

// BenchmarkRestoreVsRestart restores by a tap in Slack, as at night, and restarts with the command line. Both take turns
// at going first. The one that hears SIGTERM ends at once; the deaf one has to be killed, after a second in both cases.
func BenchmarkRestoreVsRestart(b *testing.B) {
	b.Run("obeys-SIGTERM", func(b *testing.B) {
		runRace(b, "a container that obeys SIGTERM", nil, nil)
	})
	b.Run("ignores-SIGTERM", func(b *testing.B) {
		runRace(b, "a container that ignores SIGTERM", []string{"serve", "-deaf"}, []string{"--time", "1"})
	})
}

func runRace(b *testing.B, title string, args, restart []string) {
	s := newStage(b)
	port := testkit.FreePort(b)
	r := &race{stage: s, shop: s.Name("shop"), url: fmt.Sprintf("http://127.0.0.1:%d/", port), restart: restart, phases: map[restore.State]figures{}}
	r.service = s.pd.AddService("PSHOP01", "Shop")
	image := s.Image("shop", `ENTRYPOINT ["/app"]`)
	// Another container keeps the bridge up, as on any host that does more than one thing. A bridge that loses its last
	// container forgets where its addresses are, and whoever asks for one too early then waits for a second, after a
	// restart as after a restore.
	s.Run(s.Name("neighbour"), image)
	r.run = append([]string{
		"--label", "snapback.pagerduty.service=PSHOP01", "--label", "snapback.stop-timeout=1",
		"--publish", fmt.Sprintf("127.0.0.1:%d:80", port), image,
	}, args...)
	s.Run(r.shop, r.run...)
	r.bot = s.serve(s.postgres())
	s.meet(r.bot)
	if _, err := r.bot.api.TakeSnapshot(b.Context(), r.shop, wire.NewSnapshot{Name: "good", Reason: "pre-deploy"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for i := range restorePairs {
			turns := []func(){r.byRestart, r.byRestore}
			turns[i%2]()
			turns[1-i%2]()
		}
	}
	r.report(title)
}

func (r *race) byRestart() {
	p := probe(r.b, r.url)
	p.await(time.Now(), 20)
	r.Docker(append(append([]string{"restart"}, r.restart...), r.shop)...)
	p.await(time.Now(), 20)
	r.restarted = append(r.restarted, p.end())
}

// deploy replaces the container by one that differs: no restore to what runs already is offered.
func (r *race) deploy() {
	r.Docker("rm", "--force", r.shop)
	r.Run(r.shop, append([]string{"--env", fmt.Sprintf("DEPLOY=%d", r.restores)}, r.run...)...)
}

// byRestore taps the button of a new alert.
func (r *race) byRestore() {
	r.restores++
	r.deploy()
	title := fmt.Sprintf("High error rate, alert %d", r.restores)
	incident := r.service.Trigger(title)
	alert := r.slack.Channel("C0ALERTS").ExpectMessage(r.b, title, "Restore good")
	p := probe(r.b, r.url)
	p.await(time.Now(), 20)
	tapped := time.Now()
	answer := r.maria.Tap(alert.Button("Restore good"))
	if !answer.OK() {
		r.b.Fatalf("tapping Restore: %+v", answer)
	}
	alert.ExpectUpdate(r.b, "Undo")
	r.seen = append(r.seen, time.Since(tapped))
	p.await(time.Now(), 20)
	r.restored = append(r.restored, p.end())
	r.answered = append(r.answered, answer.Took)
	r.note(tapped)
	if err := incident.Resolve(pagerdutyfake.User{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}); err != nil {
		r.b.Fatal(err)
	}
}

// note reads what the bot says of its last restore, and removes what it has kept: at night there are not fifteen of them.
func (r *race) note(tapped time.Time) {
	rest, err := r.bot.api.GetRestore(r.b.Context(), r.restores)
	if err != nil {
		r.b.Fatal(err)
	}
	if rest.State != restore.Verified || len(rest.Differences) > 0 {
		r.b.Errorf("restore %d is %s: %s %+v", rest.ID, rest.State, rest.Error, rest.Differences)
	}
	r.verified = append(r.verified, rest.VerifiedAt.Sub(tapped))
	r.own = append(r.own, time.Duration(rest.DowntimeMs)*time.Millisecond)
	for _, p := range rest.Phases {
		r.phases[p.State] = append(r.phases[p.State], time.Duration(p.Ms)*time.Millisecond)
	}
	r.Docker("rm", rest.Kept)
}

func (r *race) report(title string) {
	t := newTable("restore-vs-restart: " + title)
	t.row("downtime, docker "+strings.Join(append([]string{"restart"}, r.restart...), " "), r.restarted)
	t.row("downtime, restore", r.restored)
	t.row("downtime, restore, as the bot says", r.own)
	t.row("tap → answer", r.answered)
	t.row("tap → verified", r.verified)
	t.row("tap → message says so", r.seen)
	for _, s := range restore.States() {
		if f := r.phases[s]; len(f) > 0 {
			t.row("phase "+s.String(), f)
		}
	}
	ratio := r.restored.ms(50) / r.restarted.ms(50)
	t.aim("downtime of a restore to that of a restart, medians", ratio, aimRatio)
	t.aim("tap → verified, median in ms", r.verified.ms(50), aimVerified)
	t.aim("preflight, median in ms", r.phases[restore.Preflight].ms(50), aimPreflight)
	t.print(r.b)
	r.b.ReportMetric(0, "ns/op") // it would be the length of all pairs
	r.b.ReportMetric(ratio, "ratio")
	r.b.ReportMetric(r.restored.ms(50), "restore-ms")
	r.b.ReportMetric(r.restarted.ms(50), "restart-ms")
	r.b.ReportMetric(r.verified.ms(50), "verified-ms")
}
