package main

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot/restore"
)

// seen is what a container is, as far as a restore that is over has to answer for it.
type seen struct {
	ID, State, Policy string
}

// check compares all that there is on the engine with what the journal says that the restore came to, and remembers
// that for the next one. It returns the restore.
func (c *crash) check(id int64) restore.Restore {
	c.t.Helper()
	if id == 0 { // never asked for: nothing may have happened
		c.compare("no restore")
		return restore.Restore{}
	}
	r := c.over(id)
	if r.State == restore.Verified {
		if p := r.Plan; p.OldID != "" {
			c.kept[p.KeptName] = p.OldID
		}
		if r.Kind == restore.Undoing {
			delete(c.kept, r.Plan.TempName)
		} else {
			c.policy[r.Plan.NewID] = "unless-stopped"
		}
		c.runs = r.Plan.NewID
	}
	c.compare(string(r.Kind) + " " + string(r.State))
	c.say(r.Sentence(r.State))
	c.checkTimeline()
	return r
}

// compare lists every container of this test's that bears the name, or a name that restores make of it.
func (c *crash) compare(after string) {
	c.t.Helper()
	want := map[string]seen{c.name: {c.runs, "running", c.policy[c.runs]}}
	for name, id := range c.kept {
		want[name] = seen{id, "exited", "no"}
	}
	if diff := cmp.Diff(want, c.onEngine()); diff != "" {
		c.t.Errorf("after %s, containers (-want +got):\n%s", after, diff)
	}
}

func (c *crash) onEngine() map[string]seen {
	c.t.Helper()
	cli := c.Engine().Client()
	rows, err := cli.ContainerList(c.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", c.Only()))})
	if err != nil {
		c.t.Fatal(err)
	}
	got := map[string]seen{}
	for _, row := range rows {
		in, err := cli.ContainerInspect(c.t.Context(), row.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		name := strings.TrimPrefix(in.Name, "/")
		if name == c.name || strings.HasPrefix(name, c.name+".") {
			got[name] = seen{in.ID, in.State.Status, string(in.HostConfig.RestartPolicy.Name)}
		}
	}
	return got
}

func (c *crash) checkTimeline() {
	c.t.Helper()
	if err := incidents.Verify(c.entries()); err != nil {
		c.t.Error(err)
	}
}

// say notes what people have to be told; checkTold sees to it in the end.
func (c *crash) say(sentence string) {
	if r := []rune(sentence); len(r) > 60 {
		sentence = string(r[:60])
	}
	c.said[sentence]++
}

// checkTold waits until everything has been told, each thing once. What a killed bot was telling is taken up by the next
// one after a while only.
func (c *crash) checkTold() {
	c.t.Helper()
	for _, sentence := range slices.Sorted(maps.Keys(c.said)) {
		want := c.said[sentence]
		ctx, cancel := context.WithTimeout(c.t.Context(), 90*time.Second)
		_, err := c.channel.WaitMessage(ctx, func(slackfake.Message) bool { return c.told(sentence) >= want })
		cancel()
		if got := c.told(sentence); err != nil || got != want {
			c.t.Errorf("%q was told %d times, want %d (%v)", sentence, got, want, err)
		}
	}
}

// told says how often a sentence can be read in the channel and its threads.
func (c *crash) told(sentence string) int {
	n := 0
	for _, m := range c.channel.Messages() {
		for _, reply := range m.Replies {
			if strings.Contains(reply.String(), sentence) {
				n++
			}
		}
	}
	return n
}

// within notes how long something took that is to happen within limit, on a machine that is not busy with other things. One of
// many may take longer, though not much; report sees to the others.
func (c *crash) within(what string, took, limit time.Duration) {
	c.t.Helper()
	c.took, c.limit = append(c.took, took), limit
	if most := 5 * allowed(c.t, limit); took > most {
		c.t.Errorf("%s took %s, more than %s (load %s)", what, took, most, load())
	}
}

// report logs how long the things took that within has seen, and fails the test when that was too long for most.
func (c *crash) report(what string) {
	c.t.Helper()
	if len(c.took) == 0 {
		return
	}
	slices.Sort(c.took)
	median, most := c.took[len(c.took)/2], allowed(c.t, c.limit)
	c.t.Logf("%s: median %s, longest %s, of %d (load %s)", what, median, c.took[len(c.took)-1], len(c.took), load())
	if median > most {
		c.t.Errorf("%s: more than %s", what, most)
	}
}

// allowed is what a limit is on this machine now: where more programs want a core than there are, each gets its share of one.
func allowed(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	minute, err := strconv.ParseFloat(strings.Fields(load())[0], 64)
	if err != nil {
		t.Fatalf("the machine's load: %s", err)
	}
	return time.Duration(float64(limit) * max(1, minute/float64(runtime.NumCPU())))
}
