package store_test

import (
	"errors"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

func TestABotIsFoundByItsNameWhileItIsThere(t *testing.T) {
	db := setup(t)
	_, err := db.Pool().Exec(t.Context(), `INSERT INTO bots (bot, link, run, engine, engine_id, host, scope, peer, seen_at) VALUES
		('one/web', 'web', 'r', 'web', 'i', 'h', '', 'one.lan:1', now()), ('one/db', 'db', 'r', 'db', 'j', 'h', '', 'one.lan:1', now()),
		('mute', '', 'r', 'web', 'i', 'h', '', '', now()), ('gone', '', 'r', 'web', 'i', 'h', '', 'gone.lan:1', now() - interval '2 minutes')`)
	testkit.OK(t, err)
	if p, err := db.Peer(t.Context(), "one"); err != nil || p != (terminal.Peer{Bot: "one", Address: "one.lan:1"}) {
		t.Errorf("one of two engines: %v, %v", p, err)
	}
	for _, name := range []string{"mute", "gone", "nobody"} {
		if p, err := db.Peer(t.Context(), name); !errors.Is(err, terminal.ErrElsewhere) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}
