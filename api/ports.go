package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/recovery"
	"github.com/snapback/snapback/snapshot/restore"
)

// Errors that those behind the interfaces return, wrapped or not. Those of snapshot and incidents are understood too.
var (
	ErrUnavailable = errors.New("the database does not answer")
)

// Deps is everything that the API asks of the rest. All are required but DatabaseAway, Checks and PagerDuty.
type Deps struct {
	Containers  Containers
	Snapshots   Snapshots
	Deploys     Deploys
	Taker       Taker
	Rebuilder   Rebuilder
	Restorer    Restorer
	Restores    Restores
	Holds       Holds
	Incidents   Incidents
	Errors      Errors
	Pictures    Pictures
	Exporter    download.Exporter
	Prover      Prover
	Access      Access
	Terminals   TerminalLinks
	Tokens      TokenStore
	Idempotency Idempotency
	PagerDuty   WebhookReceiver // nil: POST /webhooks/pagerduty answers 503

	// DatabaseAway says whether an error means that the database does not answer, which is told as 503. nil: only
	// what wraps ErrUnavailable.
	DatabaseAway func(error) bool
	Checks       func() []Check // what /readyz asks, such as database and engine: there may be others each time
}

// Containers finds what a request may be about.
type Containers interface {
	// Containers returns every enabled container, and those last seen whose snapshots are kept though none runs now.
	// It returns snapshot.ErrEngineAway when that can't be known.
	Containers(ctx context.Context) ([]snapshot.Container, error)
	// List returns those that other bots look after as well, and all as they were last seen when the engine does not answer.
	List(ctx context.Context) ([]snapshot.Container, error)
}

// Snapshots reads snapshots; every snapshot.Store is one. key is a container's identity.
type Snapshots interface {
	// Snapshots lists all of a container's, in any order.
	Snapshots(ctx context.Context, key string) ([]snapshot.Snapshot, error)
	// Snapshot reads one. It returns snapshot.ErrUnknownSnapshot.
	Snapshot(ctx context.Context, key, name string) (snapshot.Snapshot, error)
}

// Deploys tells what was deployed.
type Deploys interface {
	// DeployPage lists deploys, the newest first.
	DeployPage(ctx context.Context, p snapshot.DeployPage) ([]snapshot.Past, error)
	// Together is, by the ID of each of the given deploys, what else was deployed in the same deploy. One that was deployed alone is
	// not in it.
	Together(ctx context.Context, of ...snapshot.Deploy) (map[int64][]snapshot.Deploy, error)
}

// Taker takes and removes snapshots; *capture.Taker is one, and says there what it returns.
type Taker interface {
	Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (snapshot.Snapshot, error)
	Delete(ctx context.Context, key, name string, by snapshot.By) error
	Archiving(key string) *snapshot.Progress
}

// Rebuilder finds snapshots again that the database has lost; *recovery.Duplicator is one.
type Rebuilder interface {
	Rebuild(ctx context.Context, by snapshot.By) (recovery.Rebuilt, error)
}

// Restorer puts snapshots back; *restore.Restorer is one, and says there what it returns.
type Restorer interface {
	Request(ctx context.Context, ask restore.Ask) (restore.Restore, error)
	Undo(ctx context.Context, id int64, by snapshot.By, idempotency string) (restore.Restore, error)
	Wait(ctx context.Context, id int64) (restore.Restore, error)
	Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (restore.Offer, error)
	Progress(id int64) *snapshot.Progress
}

// Restores reads the journal; every restore.Journal is one.
type Restores interface {
	// Restore returns snapshot.ErrUnknownRestore.
	Restore(ctx context.Context, id int64) (restore.Restore, error)
}

// Holds knows what is on hold; snapshot.Holds does, and says there what it returns.
type Holds interface {
	Of(ctx context.Context, key string) ([]snapshot.Hold, error)
	Sentence(h snapshot.Hold) string
	Release(ctx context.Context, key string, by snapshot.By) ([]snapshot.Hold, error)
	Check(ctx context.Context, c snapshot.Container, deploying string) error
	Override(ctx context.Context, c snapshot.Container, h snapshot.Hold, by snapshot.By) error
}

// Incidents reads incidents and their timelines, and appends to those.
type Incidents interface {
	// Incidents lists at most limit of those with an ID below before (0: the newest), newest first.
	Incidents(ctx context.Context, before int64, limit int) ([]incidents.Incident, error)
	// FindIncident looks up by our ID, PagerDuty's ID or its number. It returns incidents.ErrUnknown.
	FindIncident(ctx context.Context, ref string) (incidents.Incident, error)
	// OpenIncidents lists those of PagerDuty's services that are not resolved.
	OpenIncidents(ctx context.Context, services []string) ([]incidents.Incident, error)
	// EntriesAfter lists at most limit entries of a timeline from after that sequence number, oldest first; incident 0 is
	// what happened outside any.
	EntriesAfter(ctx context.Context, incident, after int64, limit int) ([]incidents.Entry, error)
	// EntriesBefore lists those from before it (0: from the end), newest first.
	EntriesBefore(ctx context.Context, incident, before int64, limit int) ([]incidents.Entry, error)
	// Record appends an entry and returns it sealed.
	Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// Prover says whether a timeline, its incident and its recordings are what was written; incident 0 is what happened outside
// any. It returns incidents.ErrUnknown.
type Prover interface {
	Prove(ctx context.Context, incident int64) (incidents.Proof, error)
}

// Access says who may; *access.Guard is one.
type Access interface {
	// MayBeNamed returns an error that wraps access.ErrDenied when the person may not have that terminal, access.ErrUnsure while
	// nobody can say, and the channel on which their permission hangs.
	MayBeNamed(ctx context.Context, w access.Wish) (channel string, err error)
}

// TerminalLinks makes signed links.
type TerminalLinks interface {
	// Mint makes one for whoever was found to be allowed; a ttl of 0 is the default. It returns access.ErrTooMany.
	Mint(ctx context.Context, g access.Grant, ttl time.Duration) (access.Link, error)
}

// TokenStore keeps API tokens; it never sees a secret.
type TokenStore interface {
	// FindToken returns access.ErrUnknownToken; a revoked one is returned as such.
	FindToken(ctx context.Context, id string) (access.Token, error)
	// TouchToken notes that it was used.
	TouchToken(ctx context.Context, id string, at time.Time) error
}

// Idempotency remembers answers, for a day or longer. key is a digest: it tells nothing of the token or the client's key.
type Idempotency interface {
	// BeginRequest claims key for a request. It returns the answer if the same request was answered before,
	// snapshot.ErrKeyReused when fingerprint differs from the first one, and snapshot.ErrKeyInFlight while the first request runs:
	// for 15 minutes from its BeginRequest, after which the bot that ran it is taken for dead and the key can be claimed again.
	BeginRequest(ctx context.Context, key string, fingerprint []byte) (done json.RawMessage, err error)
	// FinishRequest keeps the answer.
	FinishRequest(ctx context.Context, key string, answer json.RawMessage) error
	// ReleaseRequest gives the key back, for a request after which nothing was done, or that can safely be done again.
	ReleaseRequest(ctx context.Context, key string) error
}

// WebhookReceiver takes PagerDuty's webhooks in.
type WebhookReceiver interface {
	// Receive verifies the signature, de-duplicates and stores; nil means that the event is stored, now or earlier.
	// It returns incidents.ErrUnsigned or incidents.ErrBadSignature. incidents.ErrMalformed says that the body is PagerDuty's but
	// no event that can be read; it was stored all the same, as a delivery without an incident. Any other error means
	// that nothing was stored, and makes PagerDuty try again.
	Receive(ctx context.Context, header http.Header, body []byte) error
}

// Check is one thing that /readyz asks. What it returns is logged, and not shown.
type Check struct {
	Name  string
	Ask   func(ctx context.Context) error
	OneOf string // of those with the same, one that passes is enough for the bot to be ready; "": this one has to
}
