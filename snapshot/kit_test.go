package snapshot_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
)

// migrate brings a test's database up.
func migrate(ctx context.Context, dsn string) error {
	_, err := store.Migrate(ctx, dsn)
	return err
}

// kit is a database, an engine and what works on them, for one test.
type kit struct {
	t *testing.T
	*enginetest.Scope
	db       *store.DB
	taker    *snapshot.Taker
	restorer *snapshot.Restorer
}

var maria = incidents.Actor{Kind: incidents.Person, SlackID: "U1", Name: "Maria"}

func setup(t *testing.T) *kit {
	t.Helper()
	t.Parallel()
	ring, err := keyring.Parse("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Config{URL: pgtest.New(t, migrate), Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	k := &kit{t: t, Scope: enginetest.New(t), db: db}
	k.taker = snapshot.NewTaker(snapshot.TakerConfig{Engine: k.Engine(), Ref: docker.Ref, Shelf: db, Audit: db})
	k.restorer = k.newRestorer("bot")
	return k
}

func (k *kit) newRestorer(bot string) *snapshot.Restorer {
	return k.started(snapshot.Config{Engine: k.Engine(), Journal: k.db, Bot: bot})
}

func (k *kit) restorerWith(e snapshot.Engine, j snapshot.Journal) *snapshot.Restorer {
	return k.started(snapshot.Config{Engine: e, Journal: j, Bot: "the other bot"})
}

func (k *kit) started(c snapshot.Config) *snapshot.Restorer {
	c.Shelf, c.Taker = k.db, k.taker
	r := snapshot.NewRestorer(c)
	r.Start()
	k.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			k.t.Error(err)
		}
	})
	return r
}

func (k *kit) by() snapshot.By { return snapshot.By{Actor: maria, Reason: "checkout is broken"} }

// container finds a container of this test as the bot sees it.
func (k *kit) container(name string) snapshot.Container {
	k.t.Helper()
	all, err := k.Engine().List(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Name == name })
	if i < 0 {
		k.t.Fatalf("no container %s", name)
	}
	return all[i]
}

func (k *kit) take(name string) snapshot.Snapshot {
	k.t.Helper()
	s, err := k.taker.Take(k.t.Context(), k.container(name), snapshot.TakeAsk{Reason: snapshot.PreDeploy, By: k.by()})
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

// restore asks, and waits until it is over.
func (k *kit) restore(c snapshot.Container, name string) snapshot.Restore {
	k.t.Helper()
	r, err := k.restorer.Request(k.t.Context(), snapshot.Ask{Container: c, Snapshot: name, Seen: c.ID, By: k.by()})
	if err != nil {
		k.t.Fatal(err)
	}
	return k.wait(r.ID)
}

func (k *kit) wait(id int64) snapshot.Restore {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	r, err := k.restorer.Wait(ctx, id)
	if err != nil {
		k.t.Fatalf("restore %d is %s: %v", id, r.State, err)
	}
	return r
}

// names lists all containers of a name of this test, and those that restores made of it, with their states. The states are
// asked for one by one, since the engine's list lags behind.
func (k *kit) names(name string) map[string]string {
	k.t.Helper()
	found := map[string]string{}
	for _, id := range strings.Fields(k.Docker("ps", "-aq", "--no-trunc", "--filter", "name="+name)) {
		in, err := k.Engine().Inspect(k.t.Context(), id)
		if errors.Is(err, snapshot.ErrUnknownContainer) {
			continue
		}
		if err != nil {
			k.t.Fatal(err)
		}
		if in.Name == name || strings.HasPrefix(in.Name, name+".") {
			found[in.Name] = in.State
		}
	}
	return found
}

func (k *kit) env(name string) []string {
	k.t.Helper()
	var doc struct{ Config struct{ Env []string } }
	if err := json.Unmarshal(k.Raw(name), &doc); err != nil {
		k.t.Fatal(err)
	}
	return doc.Config.Env
}

// kinds are the kinds of entries outside any incident, in order.
func (k *kit) kinds() []incidents.Kind {
	k.t.Helper()
	entries, err := k.db.Entries(k.t.Context(), 0, 0)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := incidents.Verify(entries); err != nil {
		k.t.Error(err)
	}
	var kinds []incidents.Kind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}
