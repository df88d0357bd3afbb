package main

import (
	"cmp"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
)

// host is the machine's own engine, as a setting names it.
func host() string { return cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock") }

// workOnNear does all that a night needs with the shop on near, whatever the other engines do.
func (f *fleet) workOnNear() {
	f.t.Helper()
	if got := f.states()["near/"+f.shop]; got != "running" {
		f.t.Fatalf("near's shop is %s", got)
	}
	if status, answer := f.call("POST", "/containers/near%2F"+f.shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != http.StatusCreated {
		f.t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	f.Docker("rm", "-f", f.shop)
	f.Run(f.shop, f.labels("--env", "DB_POOL=2", f.Image("v2", `CMD ["/app"]`))...)
	f.service.Trigger("High error rate on shop")
	alert := f.channel.ExpectMessage(f.t, "High error rate on shop", "pre-deploy-2255")
	if answer := f.maria.Tap(alert.Button("Terminal")); answer.Status != http.StatusOK {
		f.t.Fatalf("tapping Terminal: %+v", answer)
	}
	f.openTerminal(linkToken(f.t, f.maria.ExpectEphemeral(f.t, f.channel, "/t#")), "DB_POOL=2")
	if answer := f.maria.Tap(alert.Button("Restore pre-deploy-2255")); answer.Status != http.StatusOK {
		f.t.Fatalf("tapping Restore: %+v", answer)
	}
	alert.ExpectUpdate(f.t, "Undo").ExpectReply(f.t, "is back on pre-deploy-2255")
	if pool := pool(f.Scope, f.shop); pool != "20" {
		f.t.Errorf("on near, DB_POOL is %s", pool)
	}
}

// Not parallel: see enginetest.StartSSH.
func TestThreeEnginesOfWhichOneIsBehindALineThatIsCut(t *testing.T) {
	ssh := enginetest.StartSSH(t)
	f := &fleet{night: newNightOn(t, enginetest.New(t)), daemon: enginetest.StartDaemonApart(t)}
	f.far, f.shop = enginetest.On(t, f.daemon.Host()), f.Name("shop")
	cut := enginetest.StartDaemonApart(t)
	db := enginetest.On(t, cut.Host())
	f.env["SNAPBACK_ENGINES"] = "near=" + host() + ",far=" + f.daemon.Host() + ",db=ssh://" + ssh.Address + strings.TrimPrefix(cut.Host(), "unix://")
	f.Run(f.shop, f.labels("--env", "DB_POOL=20", f.Image("v1", `CMD ["/app"]`))...)
	for _, s := range []*enginetest.Scope{f.far, db} {
		s.Run(f.shop, "--label", f.Only(), "--env", "DB_POOL=1", s.Image("v1", `CMD ["/app"]`))
	}
	f.start()
	f.await("all three are listed", func() bool {
		got := f.states()
		return got["near/"+f.shop] == "running" && got["far/"+f.shop] == "running" && got["db/"+f.shop] == "running"
	})
	f.awaitKnown(3)
	if status, answer := f.call("POST", "/containers/db%2F"+f.shop+"/snapshots", `{"name":"good"}`); status != http.StatusCreated {
		t.Fatalf("a snapshot over ssh: %d %v", status, answer)
	}
	ssh.Cut()
	f.await("db is away", func() bool { return f.states()["db/"+f.shop] == "unknown" })
	if status, answer := f.call("POST", "/containers/far%2F"+f.shop+"/snapshots", `{"name":"meanwhile"}`); status != http.StatusCreated {
		t.Errorf("a snapshot on far while db is away: %d %v", status, answer)
	}
	f.workOnNear()
	if status, answer := f.call("POST", "/containers/db%2F"+f.shop+"/snapshots", `{"name":"impossible"}`); status != http.StatusServiceUnavailable || answer["code"] != "engine_away" {
		t.Errorf("a snapshot on db while it is away: %d %v", status, answer)
	}
	ssh.Mend()
	f.await("db is back", func() bool { return f.states()["db/"+f.shop] == "running" })
	if status, answer := f.call("PATCH", "/containers/db%2F"+f.shop+"/snapshots/good?force=true", ""); status != http.StatusOK || answer["state"] != "verified" {
		t.Errorf("a restore over ssh when it is back: %d %v", status, answer)
	}
	if pool := pool(db, f.shop); pool != "1" {
		t.Errorf("on db, DB_POOL is %s", pool)
	}
}

// TestEngineThatTakesCallsAndNeverAnswersKeepsNobodyFromTheOthers, from the bot's start on.
func TestEngineThatTakesCallsAndNeverAnswersKeepsNobodyFromTheOthers(t *testing.T) {
	f := &fleet{night: newNight(t)}
	f.shop = f.Name("shop")
	f.env["SNAPBACK_ENGINES"] = "near=" + host() + ",stuck=tcp://" + stuckEngine(t)
	f.Run(f.shop, f.labels("--env", "DB_POOL=20", f.Image("v1", `CMD ["/app"]`))...)
	f.start()
	f.awaitKnown(1)
	f.workOnNear()
}

// stuckEngine takes calls, and answers none.
func stuckEngine(t *testing.T) (address string) {
	t.Helper()
	listens, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	var held []net.Conn
	accepting.Go(func() {
		for {
			conn, err := listens.Accept()
			if err != nil {
				return
			}
			held = append(held, conn)
		}
	})
	t.Cleanup(func() {
		_ = listens.Close()
		accepting.Wait()
		for _, conn := range held {
			_ = conn.Close()
		}
	})
	return listens.Addr().String()
}
