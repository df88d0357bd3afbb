package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
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

func TestNeighboursAreNeededForWhatOthersDoNotReach(t *testing.T) {
	db := setup(t)
	const (
		aWeb, aDB = `('a/web', 'web', 'web', '', '')`, `('a/db', 'db', 'db', '', '')`
		bWeb, bDB = `('b/1', '1', 'web', '', 'b.lan:1')`, `('b/2', '2', 'db', '', 'b.lan:1')`
	)
	each := []store.Neighbour{{Name: "a", Needed: true}, {Name: "b", Needed: true}}
	for name, test := range map[string]struct {
		bots []string
		want []store.Neighbour
	}{
		"nobody":           {nil, []store.Neighbour{}},
		"one, of two":      {[]string{aWeb, aDB}, []store.Neighbour{{Name: "a"}}},
		"both reach both":  {[]string{aWeb, aDB, bWeb, bDB}, []store.Neighbour{{Name: "a"}, {Name: "b", Address: "b.lan:1"}}},
		"one reaches more": {[]string{aWeb, bWeb, bDB}, []store.Neighbour{{Name: "a"}, {"b", "b.lan:1", true}}},
		"each has its own": {[]string{aWeb, `('b', '', 'db', '', '')`}, each},
		"a part of one":    {[]string{aWeb, `('b', '', 'web', 'team=b', '')`}, []store.Neighbour{{Name: "a", Needed: true}, {Name: "b"}}},
		"two parts of one": {[]string{`('a', '', 'web', 'team=a', '')`, `('b', '', 'web', 'team=b', '')`}, each},
	} {
		_, err := db.Pool().Exec(t.Context(), `DELETE FROM bots`)
		testkit.OK(t, err)
		if len(test.bots) > 0 {
			_, err := db.Pool().Exec(t.Context(), `INSERT INTO bots (bot, link, engine, scope, peer, run, engine_id, host)
				SELECT b.*, 'r', 'i', 'h' FROM (VALUES `+strings.Join(test.bots, ", ")+`) b`)
			testkit.OK(t, err)
		}
		_, err = db.Pool().Exec(t.Context(), `INSERT INTO bots (bot, run, engine, engine_id, host, scope, seen_at)
			VALUES ('gone', 'r', 'x', 'i', 'h', '', now() - interval '2 minutes')`)
		testkit.OK(t, err)
		got, err := db.Neighbours(t.Context())
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}
