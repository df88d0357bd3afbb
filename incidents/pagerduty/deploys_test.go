package pagerduty_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pagerdutyfake"
)

func TestChangeEventsAreTriedAgainOnlyWhenThatMayHelp(t *testing.T) {
	t.Parallel()
	pd := pagerdutyfake.Start(t, pagerdutyfake.Config{})
	key := pd.AddService("PSHOP01", "Shop").RoutingKey()
	client := pagerduty.New(pagerduty.Config{EventsURL: pd.URL()})
	entry := incidents.Entry{Kind: incidents.KindDeploy, Summary: strings.Repeat("a", 2000), Details: json.RawMessage(`{"container":"api","changes":[]}`)}
	send := func(key string) error {
		return pagerduty.Deploys{Client: client, RoutingKey: key, Logger: slog.New(slog.DiscardHandler)}.Send(t.Context(), entry)
	}

	if err := errors.Join(send(""), send("wrong")); err != nil || len(pd.ChangeEvents()) != 0 {
		t.Errorf("without a key and with a wrong one: %v", err)
	}
	pd.Outage(true)
	if err := send(key); err == nil {
		t.Error("an outage is not tried again")
	}
	pd.Outage(false)
	if err := send(key); err != nil {
		t.Fatal(err)
	}
	if got := pd.ChangeEvents(); len(got) != 1 || len([]rune(got[0].Summary)) > 1024 {
		t.Errorf("got %+v", got)
	}
}
