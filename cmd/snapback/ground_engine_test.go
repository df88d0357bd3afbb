package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
)

// TestFullDiskOfTheEngine has the engine's disk full during a commit and during a restore, and room again. It fills up after the
// bot has looked, so that it is the engine that finds no room.
func TestFullDiskOfTheEngine(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "400m")
	engine := enginetest.StartDaemonIn(t, filepath.Join(disk, "docker"))
	n := newNightOn(t, enginetest.On(t, engine.Host()))
	proxy := enginefault.Start(t, n.Host(), n.Only())
	n.env["DOCKER_HOST"], n.env["SNAPBACK_DISK_LIMIT"], n.env["SNAPBACK_BASELINE_AFTER"] = proxy.Host(), "100", "1h"
	n.bot = &running{url: (&crash{night: n}).boot(n.env["SNAPBACK_DATA_DIR"]).url} // in a process of its own, which reads DOCKER_HOST
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "DB_POOL=20", n.Image("v1", `CMD ["/app"]`))...)
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("0123456789abcdef", 4<<20)), 0o644); err != nil { // 64 MiB
		t.Fatal(err)
	}
	n.Docker("cp", big, shop+":/tmp/big")
	images := n.Docker("images", "--all", "--quiet")

	var free func()
	proxy.Arm(&enginefault.Fault{On: enginefault.Of(enginefault.Commit), Before: func(enginefault.Call) { free = fill(t, disk, 8<<20) }})
	status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"written"}`)
	if status != http.StatusUnprocessableEntity || answer["code"] != "disk_full" {
		t.Errorf("a snapshot without room for it: %d %v", status, answer)
	}
	if free == nil {
		t.Fatalf("the engine was asked for no commit: %d %v", status, answer)
	}
	if now := n.Docker("images", "--all", "--quiet"); now != images {
		t.Errorf("images before the snapshot:\n%s\nand after:\n%s", images, now)
	}
	if status, got := n.call("GET", "/containers/"+shop+"/snapshots/written", ""); status != http.StatusNotFound {
		t.Errorf("a snapshot that was not taken: %d %v", status, got)
	}
	free()
	if status, answer = n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"written"}`); status != http.StatusCreated {
		t.Fatalf("a snapshot with room for it: %d %v", status, answer)
	}

	n.Docker("rm", "--force", shop)
	broken := n.Run(shop, n.labels("--env", "DB_POOL=2", n.Image("v2", `CMD ["/app"]`))...)
	free = fill(t, disk, 0)
	status, answer = n.call("PATCH", "/containers/"+shop+"/snapshots/written", "")
	t.Logf("a restore without room: %d %v %v", status, answer["code"], answer["detail"])
	if answer["state"] == "verified" {
		t.Error("it was possible without room: the test proves nothing")
	}
	if now := n.Docker("ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"); now != broken+" "+shop+" running" {
		t.Errorf("after the restore there are:\n%s", now)
	}
	free()
	if status, answer = n.call("PATCH", "/containers/"+shop+"/snapshots/written", ""); status != http.StatusOK || answer["state"] != "verified" {
		t.Errorf("a restore with room for it: %d %v", status, answer)
	}
}
