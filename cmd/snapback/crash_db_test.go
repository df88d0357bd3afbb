package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestPostgresAwayOnlyDelaysTheRestore crashes Postgres in each phase, and has it back after three seconds. A swap that
// has begun goes on without it: the container is not down for longer than without the crash.
func TestPostgresAwayOnlyDelaysTheRestore(t *testing.T) {
	c, server, link := newCrashDB(t)
	undo := int64(0)
	for _, state := range []restore.State{restore.Preflight, restore.Prepared, restore.Swapping, restore.Started} {
		for range 2 {
			crashed := c.when(state, func() { link.cut(); crashServer(t, server) })
			id := c.tapped(undo)
			<-crashed
			<-time.After(3 * time.Second)
			if now := c.onEngine()[c.name]; now.State != "running" {
				t.Errorf("%s is %q while Postgres is away since %s", c.name, now.State, state)
			}
			c.awaitServer()
			link.mend()
			back := time.Now()
			if id == 0 {
				id = c.latest()
			}
			r := c.check(id)
			if r.State != restore.Verified {
				t.Errorf("Postgres away in %s: %s: %s", state, r.State, r.Error)
			}
			c.within("going on with a database that is back", c.continued(id, back, back), 4*time.Second)
			if undo = r.ID; r.Kind == restore.Undoing {
				undo = 0
				c.clear()
			}
		}
	}
	c.checkTold()
	c.report("from the database's return to the next state")
}

// tapped asks for a restore or an undo, whose answer may be lost with the database.
func (c *crash) tapped(undo int64) int64 {
	c.t.Helper()
	method, path := "PATCH", "/containers/"+c.name+"/snapshots/"+crashSnapshot
	if undo != 0 {
		method, path = "POST", "/restores/"+strconv.FormatInt(undo, 10)+"/undo"
	}
	status, answer, err := c.first.call(method, path, "", "Prefer", "respond-async")
	var made struct{ ID int64 }
	if err != nil || status != http.StatusAccepted || json.Unmarshal(answer, &made) != nil {
		c.t.Logf("the tap was answered %d %s %v", status, answer, err)
	}
	return made.ID
}

func TestTapThatCanNotBeWrittenDownChangesNothing(t *testing.T) {
	c, server, link := newCrashDB(t)
	c.proxy.Forget()
	link.cut()
	crashServer(t, server)
	status, answer, err := c.first.call("PATCH", "/containers/"+c.name+"/snapshots/"+crashSnapshot, "")
	if err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s %v", status, answer, err)
	}
	c.awaitServer()
	link.mend()
	c.settle(0)
	for _, call := range c.proxy.Calls() {
		if call.Kind != enginefault.OtherWrite { // the deploy's bookkeeping may be under way
			t.Errorf("the engine was called: %+v", call)
		}
	}
	c.compare("a tap without a database")
	if id := c.latest(); id != 0 {
		t.Errorf("restore %d was opened", id)
	}
}
