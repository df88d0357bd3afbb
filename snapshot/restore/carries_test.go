package restore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// carrying is the engine, of which a container carries the bot.
func carrying(d *brokenDeploy, name string) *bentEngine {
	return &bentEngine{
		Engine: d.Engine(),
		inspect: func(ctx context.Context, ref string) (snapshot.Inspection, error) {
			in, err := d.Engine().Inspect(ctx, ref)
			if in.Name == name {
				in.Carries = "this bot runs in it"
			}
			return in, err
		},
		stop: func(ctx context.Context, id string, timeout time.Duration) error {
			if id == d.old {
				return snapshot.ErrCarriesBot
			}
			return d.Engine().Stop(ctx, id, timeout)
		},
	}
}

func TestBotNeitherRestoresNorKeepsTheContainerThatItRunsIn(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	engine := carrying(d, d.name)
	d.with(restore.Config{Engine: engine})
	offer, err := d.Restorer.Offer(t.Context(), d.Container(d.name), d.snap)
	if err != nil || len(offer.WhyNot) != 1 || !strings.Contains(offer.WhyNot[0], "this bot runs in it") {
		t.Errorf("offered: %q, %v", offer.WhyNot, err)
	}
	if r := d.over(d.ask(), 2*time.Minute); r.State != restore.Refused || !strings.Contains(r.Error, "this bot runs in it") {
		t.Errorf("restored: %s: %s", r.State, r.Error)
	}
	d.Taker.Engine = engine
	if _, err := d.Taker.Take(t.Context(), d.Container(d.name), snapshot.TakeRequest{By: d.By()}); !errors.Is(err, snapshot.ErrCarriesBot) {
		t.Errorf("kept: %v", err)
	}
	d.runs(d.old)
}

// A release that did not know it has stopped itself halfway. Its successor must not do so again at each start.
func TestRestoreOfTheBotsOwnContainerIsGivenUpByTheNextStart(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	stopped := make(chan struct{})
	var once sync.Once
	engine := &bentEngine{Engine: d.Engine(), stop: func(context.Context, string, time.Duration) error {
		once.Do(func() { close(stopped) })
		return snapshot.ErrEngineAway // as far as it knows: it is gone
	}}
	first := d.with(restore.Config{Engine: engine})
	id := d.ask()
	testkit.Await(t, "the container is stopped", stopped)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.beside(restore.Config{Engine: carrying(d, d.name)})
	r := d.over(id, 2*time.Minute)
	if r.State != restore.Reverted || !strings.Contains(r.Error, snapshot.ErrCarriesBot.Error()) {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs(d.old)
	if in, err := d.Engine().Inspect(t.Context(), d.old); err != nil || in.RestartPolicy.Name != "always" || in.Name != d.name {
		t.Errorf("it is %s, restarts %+v, %v", in.Name, in.RestartPolicy, err)
	}
}
