package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// counting is a manager of a Swarm with one service that runs no task. It counts what it is asked.
type counting struct {
	Manager
	events chan snapshot.Event

	mu    sync.Mutex // guards what follows
	spec  string
	was   string // the spec before; "": there was none
	asked map[string]int
}

func newCounting(spec string) *counting {
	return &counting{spec: spec, asked: map[string]int{}, events: make(chan snapshot.Event)}
}

func (m *counting) Get(_ context.Context, path string, _ url.Values, out any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[path]++
	answer := "[]"
	switch path {
	case "/info":
		answer = `{"Swarm":{"ControlAvailable":true,"Cluster":{"ID":"sw"}}}`
	case "/services":
		answer = fmt.Sprintf(`[{"ID":"svc","Spec":%s}]`, m.spec)
		if m.was != "" {
			answer = fmt.Sprintf(`[{"ID":"svc","Spec":%s,"PreviousSpec":%s}]`, m.spec, m.was)
		}
	}
	return json.Unmarshal([]byte(answer), out)
}

func (m *counting) FollowServices(ctx context.Context, _ time.Time, see func(snapshot.Event)) error {
	for {
		select {
		case e := <-m.events:
			see(e)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (m *counting) times(path string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[path]
}

func labelled(labels string) string {
	return strings.Replace(replicated, `{"Name":"shop",`, `{"Name":"shop","Labels":{`+labels+`},`, 1)
}

// TestASwarmWithoutEnabledServicesIsLeftAlone: it is asked for its services every few minutes, for no task, and again as soon as
// something happens to a service.
func TestASwarmWithoutEnabledServicesIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newCounting(replicated)
		c := New(Config{Manager: m})
		ctx, cancel := context.WithCancel(t.Context())
		var told []snapshot.Event
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Follow(ctx, time.Time{}, func(e snapshot.Event) { told = append(told, e) })
		}()
		time.Sleep(time.Hour + time.Minute) // between two looks
		if services, tasks := m.times("/services"), m.times("/tasks"); services > 15 || tasks > 0 {
			t.Errorf("in an hour it was asked %d times for services, and %d times for tasks", services, tasks)
		}
		m.mu.Lock()
		m.spec = labelled(`"snapback.enable":"true"`)
		m.mu.Unlock()
		m.events <- snapshot.Event{Action: "start"}
		synctest.Wait()
		if m.times("/tasks") != 1 {
			t.Errorf("once it was enabled, it was asked %d times for tasks", m.times("/tasks"))
		}
		cancel()
		<-done
		if len(told) != 2 || told[1].Action != "health_status" {
			t.Errorf("told was %+v", told)
		}
	})
}

// TestAFormerSpecOfAnotherBotIsNotOurs: its environment is not read, although the service is within what this bot is for by now.
func TestAFormerSpecOfAnotherBotIsNotOurs(t *testing.T) {
	m := newCounting(labelled(`"snapback.enable":"true","team":"a"`))
	m.was = labelled(`"snapback.enable":"true","team":"b"`)
	was := viewAs(t, m.was)
	for only, enabled := range map[string]bool{"team=a": false, "team=b": true, "": true} {
		in, err := New(Config{Manager: m, Only: only}).Inspect(t.Context(), was.revision)
		if err != nil || in.State != "exited" || in.Enabled != enabled || (len(in.Document) > 0) != enabled {
			t.Errorf("with %q: enabled %t, %s, %s, %v", only, in.Enabled, in.State, in.Document, err)
		}
	}
	if _, err := New(Config{Manager: m}).Inspect(t.Context(), "other"); !errors.Is(err, snapshot.ErrUnknownContainer) {
		t.Errorf("another name: %v", err)
	}
}
