package main

import (
	"cmp"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
)

// fleet is a night with two engines: the machine's, called near, and one of the test's own, called far. Each has a container of
// the same name; the alerts of PSHOP01 are about the one on far.
type fleet struct {
	*night
	far    *enginetest.Scope
	daemon *enginetest.Daemon
	shop   string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{night: newNight(t), daemon: enginetest.StartDaemonApart(t)}
	f.far, f.shop = enginetest.On(t, f.daemon.Host()), f.Name("shop")
	f.env["SNAPBACK_ENGINES"] = "near=" + cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock") + ",far=" + f.daemon.Host()
	f.Run(f.shop, "--env", "DB_POOL=1", f.Image("near", `CMD ["/app"]`))
	f.runFar("v1", "20")
	f.start()
	f.awaitKnown(2)
	return f
}

// runFar runs the shop on far.
func (f *fleet) runFar(image, pool string) {
	f.t.Helper()
	f.far.Run(f.shop, f.labels("--label", f.Only(), "--env", "DB_POOL="+pool, f.far.Image(image, `CMD ["/app"]`))...)
}

// states are those of the containers, by engine, as the API tells them.
func (f *fleet) states() map[string]string {
	f.t.Helper()
	_, answer := f.call("GET", "/containers", "")
	states := map[string]string{}
	list, _ := answer["containers"].([]any)
	for _, one := range list {
		c := one.(map[string]any)
		states[c["engine"].(string)+"/"+c["name"].(string)] = c["state"].(string)
	}
	return states
}

// await waits until it is so. What it waits for asks the bot, which may be waiting for an engine itself.
func (f *fleet) await(what string, so func() bool) {
	f.t.Helper()
	tick, deadline := time.NewTicker(100*time.Millisecond), time.After(3*time.Minute)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			f.t.Fatalf("not within three minutes: %s", what)
		}
	}
}

func TestAlertOnAnotherEngineIsRestoredThere(t *testing.T) {
	f := newFleet(t)
	status, answer := f.call("POST", "/containers/"+f.shop+"/snapshots", `{"name":"ambiguous"}`)
	detail, _ := answer["detail"].(string)
	if status != http.StatusConflict || answer["code"] != "ambiguous" || !strings.Contains(detail, "far/"+f.shop+", near/"+f.shop) {
		t.Errorf("a name that stands on two engines: %d %v", status, answer)
	}
	if status, answer = f.call("POST", "/containers/far%2F"+f.shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != http.StatusCreated {
		t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	f.far.Docker("rm", "-f", f.shop)
	f.runFar("v2", "2")

	f.service.Trigger("High error rate on shop")
	alert := f.channel.ExpectMessage(t, "High error rate on shop", "pre-deploy-2255")
	if answer := f.maria.Tap(alert.Button("Terminal")); answer.Status != 200 {
		t.Fatalf("tapping Terminal: %+v", answer)
	}
	f.openTerminal(linkToken(t, f.maria.ExpectEphemeral(t, f.channel, "far/"+f.shop, "/t#")), "DB_POOL=2")
	if answer := f.maria.Tap(alert.Button("Restore pre-deploy-2255")); answer.Status != 200 {
		t.Fatalf("tapping Restore: %+v", answer)
	}
	alert = alert.ExpectUpdate(t, "[Undo]")
	alert.ExpectReply(t, "is back on pre-deploy-2255")
	if pool := pool(f.far, f.shop); pool != "20" {
		t.Errorf("on far, DB_POOL is %s", pool)
	}
	if pool := pool(f.Scope, f.shop); pool != "1" {
		t.Errorf("on near, DB_POOL is %s", pool)
	}
	if answer := f.maria.Tap(alert.Button("Undo")); answer.Status != 200 {
		t.Fatalf("tapping Undo: %+v", answer)
	}
	f.await("the undo is over", func() bool { return pool(f.far, f.shop) == "2" })
}

// pool is the shop's setting on an engine; "" in the moment in which nothing has the name.
func pool(on *enginetest.Scope, shop string) string {
	env, _ := on.Try("inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", shop)
	_, rest, _ := strings.Cut(env, "DB_POOL=")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

func TestEngineThatIsAwayStopsNothingOfTheOthers(t *testing.T) {
	f := newFleet(t)
	near, far := "near/"+f.shop, "far/"+f.shop
	if got := f.states(); got[near] != "running" || got[far] != "running" {
		t.Fatalf("the containers are %v", got)
	}
	if status, answer := f.call("POST", "/containers/far%2F"+f.shop+"/snapshots", `{"name":"good"}`); status != http.StatusCreated {
		t.Fatalf("a snapshot on far: %d %v", status, answer)
	}
	f.daemon.Stop()
	f.await("readyz says that far is away", func() bool {
		status, answer := f.call("GET", "/readyz", "")
		checks, _ := answer["checks"].(map[string]any)
		return status == http.StatusOK && checks["engine far"] == "not answering" && checks["engine near"] == "ok"
	})
	if got := f.states(); got[near] != "running" || got[far] != "unknown" {
		t.Errorf("while far is away, the containers are %v", got)
	}
	if status, answer := f.call("POST", "/containers/near%2F"+f.shop+"/snapshots", `{"name":"meanwhile"}`); status != http.StatusCreated {
		t.Errorf("a snapshot on near while far is away: %d %v", status, answer)
	}
	if status, answer := f.call("POST", "/containers/far%2F"+f.shop+"/snapshots", `{"name":"impossible"}`); status != http.StatusServiceUnavailable || answer["code"] != "engine_away" {
		t.Errorf("a snapshot on far while it is away: %d %v", status, answer)
	}
	f.service.Trigger("shop is down")
	f.channel.ExpectMessage(t, "shop is down", "does not answer")
	f.daemon.Resume()
	f.far.Docker("start", f.shop)
	f.await("far is back", func() bool {
		_, answer := f.call("GET", "/readyz", "")
		checks, _ := answer["checks"].(map[string]any)
		return checks["engine far"] == "ok" && f.states()[far] == "running"
	})
	if status, answer := f.call("PATCH", "/containers/far%2F"+f.shop+"/snapshots/good?force=true", ""); status != http.StatusOK || answer["state"] != "verified" {
		t.Errorf("a restore on far when it is back: %d %v", status, answer)
	}
}
