package snapshottest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// Kit is a database, an engine and what works on them, for one test.
type Kit struct {
	T *testing.T
	*enginetest.Scope
	DB       *store.DB
	Taker    *capture.Taker
	Restorer *restore.Restorer
}

var Maria = incidents.Actor{Kind: incidents.Person, SlackID: "U1", Name: "Maria"}

func Setup(t *testing.T) *Kit {
	t.Helper()
	t.Parallel()
	db := storetest.New(t)
	k := &Kit{T: t, Scope: enginetest.New(t), DB: db}
	k.Remember(db)
	k.Taker = capture.New(capture.Config{Engine: k.Engine(), Ref: docker.Ref, Store: db, Lock: db, Audit: db})
	k.Restorer = k.NewRestorer("bot")
	return k
}

func (k *Kit) NewRestorer(bot string) *restore.Restorer {
	return k.Started(restore.Config{Engine: k.Engine(), Journal: k.DB, Bot: bot})
}

func (k *Kit) Started(c restore.Config) *restore.Restorer {
	c.Snapshots, c.Taker = k.DB, k.Taker
	r := restore.New(c)
	r.Start()
	k.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			k.T.Error(err)
		}
	})
	return r
}

func (k *Kit) By() snapshot.By { return snapshot.By{Actor: Maria, Reason: "checkout is broken"} }

// Container finds a container of this test as the bot sees it.
func (k *Kit) Container(name string) snapshot.Container {
	k.T.Helper()
	all, err := k.Engine().List(k.T.Context())
	if err != nil {
		k.T.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Name == name })
	if i < 0 {
		k.T.Fatalf("no container %s", name)
	}
	return all[i]
}

func (k *Kit) Take(name string) snapshot.Snapshot {
	k.T.Helper()
	s, err := k.Taker.Take(k.T.Context(), k.Container(name), snapshot.TakeRequest{Reason: snapshot.PreDeploy, By: k.By()})
	if err != nil {
		k.T.Fatal(err)
	}
	return s
}

// Restore asks, and waits until it is over.
func (k *Kit) Restore(c snapshot.Container, name string) restore.Restore {
	k.T.Helper()
	r, err := k.Restorer.Request(k.T.Context(), restore.Ask{Force: true, Container: c, Snapshot: name, Seen: c.ID, By: k.By()})
	if err != nil {
		k.T.Fatal(err)
	}
	return k.Wait(r.ID)
}

func (k *Kit) Wait(id int64) restore.Restore {
	k.T.Helper()
	ctx, cancel := context.WithTimeout(k.T.Context(), time.Minute)
	defer cancel()
	r, err := k.Restorer.Wait(ctx, id)
	if err != nil {
		k.T.Fatalf("restore %d is %s: %v", id, r.State, err)
	}
	return r
}

// Names lists all containers of a name of this test, and those that restores made of it, with their states. The states are
// asked for one by one, since the engine's list lags behind.
func (k *Kit) Names(name string) map[string]string {
	k.T.Helper()
	found := map[string]string{}
	for _, id := range strings.Fields(k.Docker("ps", "-aq", "--no-trunc", "--filter", "name="+name)) {
		in, err := k.Engine().Inspect(k.T.Context(), id)
		if errors.Is(err, snapshot.ErrUnknownContainer) {
			continue
		}
		if err != nil {
			k.T.Fatal(err)
		}
		if in.Name == name || strings.HasPrefix(in.Name, name+".") {
			found[in.Name] = in.State
		}
	}
	return found
}

func (k *Kit) Env(name string) []string {
	k.T.Helper()
	var doc struct{ Config struct{ Env []string } }
	if err := json.Unmarshal(k.Raw(name), &doc); err != nil {
		k.T.Fatal(err)
	}
	return doc.Config.Env
}

// Kinds are the kinds of entries outside any incident, in order.
func (k *Kit) Kinds() []incidents.Kind {
	k.T.Helper()
	entries, err := k.DB.Entries(k.T.Context(), 0, 0)
	if err != nil {
		k.T.Fatal(err)
	}
	if err := incidents.Verify(entries); err != nil {
		k.T.Error(err)
	}
	var kinds []incidents.Kind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// Eventful is an engine on which something happens right before a commit, or before it is looked whether one is needed.
type Eventful struct {
	*docker.Engine
	Before, Look func()
}

func (e Eventful) Written(ctx context.Context, id string) (bool, error) {
	e.Look()
	return e.Engine.Written(ctx, id)
}

func (e Eventful) Commit(ctx context.Context, id, ref string, pause bool) (string, int64, error) {
	e.Before()
	return e.Engine.Commit(ctx, id, ref, pause)
}

// Bot is a taker of another bot's, on the same engine and database.
func (k *Kit) Bot(beforeCommit, beforeLook func()) *capture.Taker {
	return capture.New(capture.Config{
		Engine: Eventful{Engine: k.Engine(), Before: beforeCommit, Look: beforeLook}, Ref: docker.Ref, Store: k.DB, Lock: k.DB, Audit: k.DB,
	})
}

// Written starts a container that has written into its own layer, whose every commit is another image.
func (k *Kit) Written(name string) snapshot.Container {
	k.T.Helper()
	k.Run(name, k.Server("shop"))
	k.Docker("exec", name, "/app", "touch", "/written")
	return k.Container(name)
}

// NewRing is a key ring that no other test has.
func NewRing(t *testing.T) *keyring.Ring {
	t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	return Must(keyring.Parse("t:" + base64.StdEncoding.EncodeToString(secret)))
}

func (k *Kit) TakeNamed(container, name string) snapshot.Snapshot {
	k.T.Helper()
	s, err := k.Taker.Take(k.T.Context(), k.Container(container), snapshot.TakeRequest{Name: name, By: k.By()})
	if err != nil {
		k.T.Fatal(err)
	}
	return s
}

// Tags are our tags on the engine for a container.
func (k *Kit) Tags(container string) []string {
	k.T.Helper()
	return strings.Fields(k.Docker("image", "ls", "--format", "{{.Tag}}", "snapback/"+container))
}
