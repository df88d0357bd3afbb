package terminal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// restore does what a restore does, in its order: the replacement is made and written down, the old one is stopped and
// renamed, the new one takes the name and starts.
func (n *night) restore(kind, script string) {
	n.t.Helper()
	ctx, second := n.t.Context(), 1
	old := n.id()
	c, err := n.cli.ContainerCreate(ctx, &container.Config{
		Image: n.image, Cmd: []string{"sh", "-c", script}, Labels: map[string]string{"snapback.enable": "true"}, Env: []string{"PATH=/bin"},
	}, nil, nil, nil, n.name+".snapback-1")
	n.must(err)
	n.t.Cleanup(func() { _ = n.cli.ContainerRemove(context.Background(), c.ID, container.RemoveOptions{Force: true}) })
	_, err = n.store.pool.Exec(ctx, `
		WITH s AS (INSERT INTO snapshots (key, container, name, reason, created_at, image_id, image_ref, committed, container_id, document)
			VALUES ($1, 'api', 'pre-deploy-0322', 'pre-deploy', now(), 'x', 'x', false, $2, '') RETURNING id)
		INSERT INTO restores (kind, key, container, snapshot_id, snapshot, state, requested_by, requested_at, entered_at, record)
		SELECT $4, $1, 'api', id, 'pre-deploy-0322', 'swapping', '{}', now(), now(), jsonb_build_object('plan', jsonb_build_object('new_id', $3::text, 'old_id', $2::text)) FROM s`,
		n.name, old, c.ID, kind)
	n.must(err)
	n.must(n.cli.ContainerStop(ctx, old, container.StopOptions{Timeout: &second}))
	n.must(n.cli.ContainerRename(ctx, old, n.name+".before-0347"))
	n.must(n.cli.ContainerRename(ctx, c.ID, n.name))
	n.must(n.cli.ContainerStart(ctx, c.ID, container.StartOptions{}))
}

func (n *night) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// TestSessionFollowsItsContainerThroughARestore has a shell in a container that is put back.
func TestSessionFollowsItsContainerThroughARestore(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"restore": "api was put back to pre-deploy-0322",
		"undo":    "api was taken back to before it was put to pre-deploy-0322",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			id, have := n.session(access.ModeShell)
			b := n.connect(id, have)
			b.startShell()
			n.restore(kind, `echo it is the good one >/which; echo hello from the good one; sleep 1000`)
			within(t, time.Minute, "the logs go on", func() bool { return b.saw("hello from the good one") })
			if !b.saw(want + ": following ") {
				t.Error("the logs don't say what happened")
			}
			within(t, time.Minute, "the shell says what happened", func() bool { return b.shellIs("ended") && strings.HasPrefix(b.message(), want) })
			if m := b.message(); m != want+", which ended this shell. A new one starts in what runs now." {
				t.Errorf("it says %q", m)
			}
			if e := n.timeline.last(incidents.KindTerminalEndFailed); e.Summary != "" {
				t.Errorf("the timeline says %q", e.Summary)
			}
			b.startShell()
			b.typeIn("cat /which\n")
			within(t, time.Minute, "the new shell is in what runs now", func() bool { return strings.Contains(b.shown(), "it is the good one") })
		})
	}
}

// TestTheLogOfWhatARestoreReplacedIsReadOn has the lines that the night was about in a container that runs no more.
func TestTheLogOfWhatARestoreReplacedIsReadOn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	bad := n.replace(`seq 1 400; echo 'FATAL the pool is gone'; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("FATAL") })
	n.restore("restore", `echo all is well; sleep 1000`)
	within(t, time.Minute, "the logs go on", func() bool { return b.saw("all is well") })
	n2 := n.id()

	const seam = "From here on it is the log of container "
	ask := func(by string, at time.Time) (lines []string, times []time.Time, over bool) {
		t.Helper()
		a, lines, times, over := n.pastOf(id, have, url.Values{by: {stamp(at)}})
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", by, a.status, a.code)
		}
		return lines, times, over
	}
	first, at, end := ask("since", time.Unix(0, 0))
	if len(first) != 301 || first[0] != seam+bad[:12] || first[1] != "1" || end {
		t.Fatalf("from the beginning: %d lines, end %v: %.60q", len(first), end, first)
	}
	rest, _, end := ask("after", at[300])
	if n := len(rest); n != 103 || rest[n-3] != "FATAL the pool is gone" || rest[n-2] != seam+n2[:12] || rest[n-1] != "all is well" || !end {
		t.Errorf("then: end %v, %q", end, rest)
	}
	last, at, _ := ask("before", n.clock.now().Add(time.Hour))
	if n := len(last); n < 300 || last[n-1] != "all is well" || last[n-2] != seam+n2[:12] || last[n-3] != "FATAL the pool is gone" {
		t.Errorf("backwards: %q", last)
	}
	more, _, _ := ask("before", at[0])
	if len(more) == 0 || more[0] != "1" || slices.Contains(more, last[0]) {
		t.Errorf("and on: %q", more)
	}
	if a := n.do("POST", "/t/share?session="+id, fmt.Sprintf(`{"at":%q,"text":"FATAL the pool is gone"}`, stamp(at[len(at)-3])), have); a.status != http.StatusNoContent {
		t.Errorf("sharing its line: %d %s", a.status, a.code)
	}
	n.must(n.cli.ContainerRemove(t.Context(), bad, container.RemoveOptions{Force: true}))
	if lines, _, _ := ask("since", time.Unix(0, 0)); !slices.Equal(lines, []string{"all is well"}) {
		t.Errorf("when it is gone: %q", lines)
	}
}

// TestTheLogAfterAnUndoIsInOrder has a container that runs, is replaced, and is started again: its log has what was before and after.
func TestTheLogAfterAnUndoIsInOrder(t *testing.T) {
	t.Parallel()
	n := setup(t)
	bad := n.replace(`echo "bad $(cat /times 2>/dev/null)"; echo again >/times; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("bad ") })
	n.restore("restore", `echo good; sleep 1000`)
	within(t, time.Minute, "the logs go on", func() bool { return b.saw("good") })
	good, second := n.id(), 1
	n.must(n.cli.ContainerStop(t.Context(), good, container.StopOptions{Timeout: &second}))
	n.must(n.cli.ContainerRename(t.Context(), good, n.name+".before-undo"))
	n.must(n.cli.ContainerRename(t.Context(), bad, n.name))
	_, err := n.store.pool.Exec(t.Context(), `UPDATE restores SET state = 'verified' WHERE key = $1`, n.name)
	n.must(err)
	_, err = n.store.pool.Exec(t.Context(), `INSERT INTO restores (kind, key, container, snapshot_id, snapshot, state, requested_by, requested_at, entered_at, record)
		SELECT 'undo', key, container, snapshot_id, snapshot, 'verified', '{}', now(), now(), jsonb_build_object('plan', jsonb_build_object('new_id', $2::text, 'old_id', $3::text))
		FROM restores WHERE key = $1`, n.name, bad, good)
	n.must(err)
	n.must(n.cli.ContainerStart(t.Context(), bad, container.StartOptions{}))
	within(t, time.Minute, "it runs again", func() bool { return b.saw("bad again") })
	seam := func(id string) string { return "From here on it is the log of container " + id[:12] }
	want := []string{"bad ", seam(good), "good", seam(bad), "bad again"}
	for by, at := range map[string]time.Time{"since": time.Unix(0, 0), "before": n.clock.now().Add(time.Hour)} {
		if a, lines, _, _ := n.pastOf(id, have, url.Values{by: {stamp(at)}}); a.status != http.StatusOK || !slices.Equal(lines, want) {
			t.Errorf("%s: %d, %q, want %q", by, a.status, lines, want)
		}
	}
}

func TestShellOfAStoppedContainerSaysSo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b, second := n.shell(), 1
	n.must(n.cli.ContainerStop(t.Context(), n.name, container.StopOptions{Timeout: &second}))
	within(t, time.Minute, "it ends", func() bool { return b.shellIs("ended") })
	if m := b.message(); !strings.HasPrefix(m, "The container was stopped") && !strings.HasPrefix(m, "The shell exited with code 137.") || strings.Contains(m, "could not") {
		t.Errorf("it says %q", m)
	}
}
