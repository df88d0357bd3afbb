package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/pagerdutyfake"
)

func TestDeployIsSentToPagerDutyOnceAlsoAfterAnOutage(t *testing.T) {
	n := newNight(t)
	n.env["PAGERDUTY_ROUTING_KEY"] = n.service.RoutingKey()
	n.env["SNAPBACK_BASELINE_AFTER"] = "300ms"
	shop, image := n.Name("shop"), n.Image("v1", `CMD ["/app"]`)
	n.Run(shop, n.labels("--env", "DB_POOL=20", "--env", "API_KEY=topsecret1", image)...)
	n.start()
	n.pollUntil("there is a baseline", func() bool {
		_, got := n.call("GET", "/containers/"+shop+"/snapshots", "")
		list, _ := got["snapshots"].([]any)
		return len(list) == 1
	})
	n.service.Trigger("Two incidents are open", pagerdutyfake.Key("a")) // each gets the deploy onto its timeline; PagerDuty hears of it once
	n.service.Trigger("when it is deployed", pagerdutyfake.Key("b"))
	n.channel.ExpectMessage(t, "Two incidents are open")
	n.channel.ExpectMessage(t, "when it is deployed")

	began := time.Now()
	n.pd.Outage(true)
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", "--env", "API_KEY=topsecret2", image)...)
	n.pollUntil("it was tried in vain", func() bool {
		return n.count(`SELECT count(*) FROM river_job WHERE kind = 'change' AND cardinality(errors) > 0`) > 0
	})
	n.pd.Outage(false)
	n.pollUntil("PagerDuty has heard", func() bool { return len(n.pd.ChangeEvents()) > 0 })
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=20", "--env", "API_KEY=topsecret2", image)...)
	n.pollUntil("PagerDuty has heard of the next one", func() bool { return len(n.pd.ChangeEvents()) > 1 })

	all := n.pd.ChangeEvents()
	if told := n.count(`SELECT count(*) FROM timeline WHERE kind LIKE 'deploy%' AND source->>'system' = 'engine'`); told != 4 {
		t.Errorf("two deploys in two incidents are %d entries", told)
	}
	if len(all) != 2 {
		t.Fatalf("two deploys, %d change events: %+v", len(all), all)
	}
	e := all[0]
	if e.Source != shop || e.ServiceID != "PSHOP01" || e.Timestamp.Before(began.Add(-time.Minute)) || e.Timestamp.After(time.Now().Add(time.Minute)) || !strings.Contains(e.Summary, "DB_POOL: 20 → 2") {
		t.Errorf("%+v", e)
	}
	if changes, _ := e.Details["changes"].([]any); !cmp.Equal(changes, []any{"env API_KEY: changed", "env DB_POOL: 20 → 2"}) {
		t.Errorf("changes: %v", e.Details)
	}
	if text, _ := json.Marshal(all); strings.Contains(string(text), "topsecret") {
		t.Errorf("a secret is in %s", text)
	}
}
