package terminal_test

import (
	"context"
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
		SELECT $4, $1, 'api', id, 'pre-deploy-0322', 'swapping', '{}', now(), now(), jsonb_build_object('plan', jsonb_build_object('new_id', $3::text)) FROM s`,
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
