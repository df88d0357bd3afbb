package swarm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/swarm"
)

// TestAServiceThatCarriesTheBotIsLeftAlone: it is neither kept nor restored, and the watch does not look after it.
func TestAServiceThatCarriesTheBotIsLeftAlone(t *testing.T) {
	k := setup(t)
	bot, shop := k.Name("bot"), k.Name("shop")
	k.Docker("network", "create", "--driver", "overlay", k.Name("net"))
	k.Service(bot, k.serve("--network", k.Name("net"), "--publish", "8085:8080", "--mount", "type=volume,source=data,target=/data")...)
	k.Service(shop, k.serve()...)
	first := k.settled(bot)
	k.Docker("service", "update", "--detach", "--env-add", "DB_POOL=2", bot)
	d := k.deployed(first.Key, 1)
	k.settled(bot)
	own := k.Docker("ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.swarm.service.name="+bot)
	var carrier snapshot.Carrier
	cluster := swarm.New(swarm.Config{Manager: k.Engine(), Carries: func(_ context.Context, c snapshot.Carrier) string {
		if !slices.Contains(c.Containers, own) {
			return ""
		}
		carrier = c
		return "this bot runs in it"
	}})
	all, err := cluster.List(t.Context())
	testkit.OK(t, err)
	one := func(name string) snapshot.Container {
		return all[slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Name == name })]
	}
	if one(bot).Carries == "" || one(shop).Carries != "" {
		t.Errorf("the bot's is left alone since %q, and another one since %q", one(bot).Carries, one(shop).Carries)
	}
	if !slices.Equal(carrier.Ports, []int{8085}) || carrier.Volumes["/data"] != "data" {
		t.Errorf("it is told as %+v", carrier)
	}
	for _, vip := range strings.Fields(k.Docker("service", "inspect", "--format", "{{range .Endpoint.VirtualIPs}}{{.NetworkID}}={{.Addr}} {{end}}", bot)) {
		network, address, _ := strings.Cut(vip, "=")
		ingress := k.Docker("network", "inspect", "--format", "{{.Ingress}}", network) == "true"
		if slices.Contains(carrier.Addresses, address) == ingress {
			t.Errorf("its address %s, of the routing mesh: %v, is not as it should be among %v", address, ingress, carrier.Addresses)
		}
	}
	if len(carrier.Addresses) != 2 { // its own, and its task's
		t.Errorf("its addresses are %v", carrier.Addresses)
	}
	seen, err := cluster.Observations(t.Context())
	testkit.OK(t, err)
	for _, o := range seen {
		if o.Others != (o.Name == bot) {
			t.Errorf("the watch sees %+v", o)
		}
	}
	taker := capture.New(capture.Config{Engine: cluster, Ref: docker.Ref, Store: k.db, Lock: k.db, Audit: k.db})
	if _, err := taker.Take(t.Context(), one(bot), snapshot.TakeRequest{By: snapshot.By{Actor: maria}}); !errors.Is(err, snapshot.ErrCarriesBot) {
		t.Errorf("taking a snapshot of it: %v", err)
	}
	other := *k
	other.restorer = restore.New(restore.Config{Engine: cluster, Journal: k.db, Snapshots: k.db, Taker: taker, Bot: "another"})
	t.Cleanup(func() { testkit.OK(t, other.restorer.Stop(context.Background())) })
	if r := other.restore(one(bot), d.Snapshot); r.State != restore.Refused || !strings.Contains(r.Error, "this bot runs in it") {
		t.Errorf("the restore is %s: %s", r.State, r.Error)
	}
}
