package enginetest

import (
	"context"
	"os"
	"testing"

	"github.com/snapback/snapback/internal/ownengine"
)

// Daemon is a Docker engine of a test's own, which can be restarted as no shared one can. All of it is gone with the test, even when
// that was killed.
type Daemon struct {
	t      testing.TB
	cfg    ownengine.Config
	engine *ownengine.Engine
}

// StartDaemon starts one, and ends it with the test. It needs root, and skips the test without.
func StartDaemon(t testing.TB) *Daemon {
	t.Helper()
	return StartDaemonIn(t, "")
}

// StartDaemonApart is StartDaemon of an engine that calls itself by another ID than the machine's does, so that both can be told
// apart. It can't be upgraded.
func StartDaemonApart(t testing.TB) *Daemon {
	t.Helper()
	return startDaemon(t, ownengine.Config{Apart: true})
}

// StartDaemonIn is StartDaemon with a data folder that may be on another disk. It can't be upgraded.
func StartDaemonIn(t testing.TB, data string) *Daemon {
	t.Helper()
	return startDaemon(t, ownengine.Config{Data: data})
}

// startDaemon gives it a folder.
func startDaemon(t testing.TB, cfg ownengine.Config) *Daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("an engine of its own needs root")
	}
	dir, err := os.MkdirTemp("", "sbd") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir = dir
	d := &Daemon{t: t, cfg: cfg}
	t.Cleanup(func() {
		if d.engine != nil {
			d.engine.Close()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the engine's folder: %v", err)
		}
	})
	d.begin()
	return d
}

// begin starts the engine.
func (d *Daemon) begin() {
	d.t.Helper()
	engine, err := ownengine.Start(context.Background(), d.cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	d.engine = engine
}

// Upgrade has another release of the engine run on the same data, as an upgrade of the machine does.
func (d *Daemon) Upgrade(r Release) {
	d.t.Helper()
	d.tell(ownengine.Term)
	d.engine.Close()
	d.cfg.Enter = r.enter
	d.begin()
}

// Host is what DOCKER_HOST has to be to reach it.
func (d *Daemon) Host() string { return d.engine.Host() }

// Process is one that lives in the engine's network, for nsenter.
func (d *Daemon) Process() int { return d.engine.Process() }

// Restart has the engine end as an upgrade of its package does, which stops the containers, and starts it again.
func (d *Daemon) Restart() {
	d.t.Helper()
	d.tell(ownengine.Term)
	d.tell(ownengine.Begin)
}

// Crash ends the engine as a lack of memory does, which leaves the containers running, and starts it again.
func (d *Daemon) Crash() {
	d.t.Helper()
	d.tell(ownengine.Kill)
	d.tell(ownengine.Begin)
}

// Stop ends the engine and its containers, until Resume.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.tell(ownengine.Term)
}

// Resume starts the engine again.
func (d *Daemon) Resume() {
	d.t.Helper()
	d.tell(ownengine.Begin)
}

// tell may be called from any goroutine, so it can't end the test.
func (d *Daemon) tell(order string) {
	d.t.Helper()
	if err := d.engine.Tell(context.Background(), order); err != nil {
		d.t.Error(err)
	}
}
