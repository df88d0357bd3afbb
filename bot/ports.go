package bot

import (
	"context"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Deps is what the bot needs from the rest of the program. All are required but Directory, Labels, Terminal, Signin, Conditions,
// Pictures, Errors, Holds and Sources.
type Deps struct {
	Incidents  Incidents
	Timeline   Timeline
	Messages   Messages
	Inbox      Inbox
	Access     Access
	Containers Containers
	Snapshots  Snapshots
	Deploys    Deploys
	Offers     Offers
	Restorer   Restorer
	Restores   Restores
	Directory  *Directory // nil: one of the bot's own
	Labels     Labels     // nil: labels of containers that are not enabled are not looked at
	Terminal   Terminal   // nil: there is no Terminal button
	Signin     Signin     // nil: nobody can sign in to a console
	Conditions Conditions // nil: how containers are is not told
	Pictures   Pictures   // nil: there is no picture of the errors in threads
	Errors     Errors     // nil: nobody counts errors
	Holds      Holds      // nil: nothing is on hold
	Sources    Sources    // nil: nobody knows why errors are not counted
}

// Incidents reads incidents.
type Incidents interface {
	// Incident reads one by our own ID. It returns incidents.ErrUnknown.
	Incident(ctx context.Context, id int64) (incidents.Incident, error)
	// OpenIncidents lists those of the given PagerDuty services (nil: of all) that are not resolved, newest first.
	OpenIncidents(ctx context.Context, services []string) ([]incidents.Incident, error)
}

// Timeline reads a chain of entries and appends to it. Chain 0 is what happened outside any incident.
type Timeline interface {
	// Entries lists the chain's entries whose seq is greater than after, oldest first.
	Entries(ctx context.Context, incidentID, after int64) ([]incidents.Entry, error)
	// News lists, oldest first, the incident's entries from after the one with that sequence number, those recorded since, and all
	// of the given kinds.
	News(ctx context.Context, incidentID, after int64, since time.Time, kinds ...incidents.Kind) ([]incidents.Entry, error)
	// RecordOnce appends e, unless the chain has an entry of that kind from that source already: it returns that one then.
	RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
	// RecordUntold is RecordOnce for who tells that entry as well: Deliver is not called for it.
	RecordUntold(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// Messages keeps what has been posted.
type Messages interface {
	// WithMessage calls do while no other bot is in a WithMessage of the same chain. A chain of which nothing is known
	// yet has Attempt -1. What save is given is committed when it returns, whatever do returns later. It returns
	// what do returns, unwrapped or not.
	// Save leaves of the picture all as it is but what is due: when more is, Draw is called.
	WithMessage(ctx context.Context, incidentID int64, do func(ctx context.Context, m incidents.Message, save func(incidents.Message) error) error) error
	// WithPicture is the same for the picture in the chain's thread, beside WithMessage. Save leaves what is due as it is.
	WithPicture(ctx context.Context, incidentID int64, do func(ctx context.Context, m incidents.Message, save func(incidents.ThreadPicture) error) error) error
}

// Inbox keeps what came in until it has been handled.
type Inbox interface {
	// Accept stores body and has Handle called with it and with the time of now. fresh is false, and nothing is stored,
	// when this source has delivered nativeID before.
	Accept(ctx context.Context, source, nativeID string, body []byte) (fresh bool, err error)
}

// Access says who may; *access.Guard is one, and says there what it returns.
type Access interface {
	Tapper(ctx context.Context, id, name string, maybeForeign bool) (access.Person, error)
	May(ctx context.Context, w access.Wish) error
	// Stands is the channel of an incident's message; "" before it is posted.
	Stands(ctx context.Context, in incidents.Incident) (string, error)
	// Home is where what concerns a container is posted.
	Home(l access.Labels) string
}

// Containers finds enabled containers.
type Containers interface {
	// List returns every enabled container as it is now. One that is gone although snapshots of it are kept may be among
	// them, as it was last seen and with State "gone". Those that another bot looks after are Elsewhere, and as that bot has
	// last seen them. It returns snapshot.ErrEngineAway.
	List(ctx context.Context) ([]snapshot.Container, error)
}

// Labels looks at the labels of containers that are not enabled.
type Labels interface {
	// Mislabelled tells of those whose labels speak of the bot all the same, each in a sentence that says why.
	Mislabelled(ctx context.Context) ([]string, error)
}

// Snapshots lists what is kept.
type Snapshots interface {
	// Snapshots lists a container's, newest first.
	Snapshots(ctx context.Context, key string) ([]snapshot.Snapshot, error)
}

// Deploys tells what was deployed.
type Deploys interface {
	// Deploys lists the newest of the given containers (nil: of all), at most limit, newest first.
	Deploys(ctx context.Context, keys []string, limit int) ([]snapshot.Deploy, error)
	// DeployBefore is the newest deploy of the given containers until at; false when there was none.
	DeployBefore(ctx context.Context, keys []string, at time.Time) (snapshot.Deploy, bool, error)
	// RolledBack says which restore has undone a deploy; false when none has, or when that was undone itself.
	RolledBack(ctx context.Context, d snapshot.Deploy) (snapshot.Undone, bool, error)
	// Together is, by the ID of each of the given deploys, what else was deployed in the same deploy. One that was deployed alone is
	// not in it.
	Together(ctx context.Context, of ...snapshot.Deploy) (map[int64][]snapshot.Deploy, error)
}

// Offers says what restores would do that nobody has asked for. restore.Restorer does.
type Offers interface {
	// Offers holds all that is kept against what runs, in the order in which it is offered, and runs the preflight of the first n,
	// and of more when none of these is a way out.
	Offers(ctx context.Context, c snapshot.Container, opened time.Time, n int) ([]restore.Offer, error)
	Offer(ctx context.Context, c snapshot.Container, s snapshot.Snapshot) (restore.Offer, error)
}

// Restorer starts restores, and knows how far those are that it runs. restore.Restorer does; its errors are those documented there.
type Restorer interface {
	Request(ctx context.Context, ask restore.Ask) (restore.Restore, error)
	Undo(ctx context.Context, id int64, by snapshot.By, idempotency string) (restore.Restore, error)
	Progress(id int64) *snapshot.Progress
}

// Restores reads restores.
type Restores interface {
	// Restore reads one. It returns snapshot.ErrUnknownRestore.
	Restore(ctx context.Context, id int64) (restore.Restore, error)
	// LastRestores are the newest ones within an incident, newest first. Of each container there may be two: one that was refused or
	// reverted, and one that was neither, which may be another incident's or none's when that came later.
	LastRestores(ctx context.Context, incidentID int64) ([]restore.Restore, error)
}

// Terminal makes links that open a terminal once, for one person.
type Terminal interface {
	// Mint writes its own timeline entry. That the person may has been checked.
	Mint(ctx context.Context, g access.Grant, ttl time.Duration) (access.Link, error)
}

// Signin makes links that register a passkey for the console, once. *signin.Service does.
type Signin interface {
	// MintInSlack writes its own timeline entry. It returns signin.ErrNoPasskeys, with what to do in the error's text.
	MintInSlack(ctx context.Context, who access.Person, from incidents.Source) (signin.Minted, error)
}

// Conditions looks up how containers are. snapshot.Examiner does.
type Conditions interface {
	// Condition looks up how one is, with the last errors of its log, and with its use of the CPU when whole is set. What does not come
	// before ctx ends is named in it; it returns snapshot.ErrEngineAway when nothing came.
	Condition(ctx context.Context, c snapshot.Container, whole bool) (snapshot.Condition, error)
}

// Holds knows what is on hold; snapshot.Holds does, and says there what it returns.
type Holds interface {
	Told(ctx context.Context, incidentID int64) ([]snapshot.Hold, error)
	All(ctx context.Context) ([]snapshot.Hold, error)
	Release(ctx context.Context, key string, by snapshot.By) ([]snapshot.Hold, error)
}

// Pictures draws the errors around incidents. picture.Painter does.
type Pictures interface {
	// Chart returns picture.ErrNone when there is nothing to be drawn.
	Chart(ctx context.Context, in incidents.Incident) (chart.Chart, error)
}
