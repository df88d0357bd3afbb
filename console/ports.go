package console

import (
	"context"
	"time"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/site"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Door signs people in; *signin.Service does, and says there what is returned.
type Door interface {
	Site() site.Site
	BeginRegistration(ctx context.Context, token string) (*protocol.CredentialCreation, error)
	Register(ctx context.Context, token string, answer []byte, device string) (signin.Session, string, error)
	BeginSignIn() (*protocol.CredentialAssertion, error)
	SignIn(ctx context.Context, answer []byte) (signin.Session, string, error)
	BeginProof(s signin.Session) (*protocol.CredentialAssertion, error)
	Prove(ctx context.Context, s signin.Session, answer []byte) error
	Fresh(s signin.Session) error
	Current(ctx context.Context, cookie string, used bool) (signin.Session, error)
	End(ctx context.Context, s signin.Session, why signin.Reason) error
}

// Access says who may; *access.Guard does, and says there what it returns.
type Access interface {
	MayFromConsole(ctx context.Context, w access.Wish) error
	// InChannel says whether somebody is a member of a channel. An error is Slack's silence.
	InChannel(ctx context.Context, slackID, channel string) (bool, error)
	// Stands is the channel of an incident's message; "" before it is posted.
	Stands(ctx context.Context, in incidents.Incident) (string, error)
	// Home is where what concerns a container is posted.
	Home(l access.Labels) string
}

// Containers lists the enabled ones; snapshot.Fleet does.
type Containers interface {
	List(ctx context.Context) ([]snapshot.Container, error)
}

// Restorer restores; *restore.Restorer does, and says there what it returns.
type Restorer interface {
	// Offers holds all that is kept against what runs, in the order in which it is offered, and runs the preflight of the first n.
	Offers(ctx context.Context, c snapshot.Container, opened time.Time, n int) ([]restore.Offer, error)
	// Offer runs the preflight of one snapshot.
	Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (restore.Offer, error)
	Request(ctx context.Context, ask restore.Ask) (restore.Restore, error)
	Undo(ctx context.Context, id int64, by snapshot.By, idempotency string) (restore.Restore, error)
	Progress(id int64) *snapshot.Progress
}

// Timeline keeps who did what.
type Timeline interface {
	// Record appends an entry. IncidentID 0 is what happened outside any incident.
	Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
	// RecordOnce is Record, unless the timeline has an entry of that kind from that source already.
	RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
	// EntriesBefore lists at most limit entries from before that sequence number (0: from its end), newest first.
	EntriesBefore(ctx context.Context, incident, before int64, limit int) ([]incidents.Entry, error)
}

// Data reads what is written down.
type Data interface {
	// AnyPasskey says whether anybody can sign in.
	AnyPasskey(ctx context.Context) (bool, error)
	// Incident reads one by our own ID. It returns incidents.ErrUnknown.
	Incident(ctx context.Context, id int64) (incidents.Incident, error)
	// OpenIncidents lists those of the given PagerDuty services (nil: of all) that are not resolved, newest first.
	OpenIncidents(ctx context.Context, services []string) ([]incidents.Incident, error)
	// ResolvedIncidents lists at most limit of those that were resolved after since, the one that was resolved last first.
	ResolvedIncidents(ctx context.Context, since time.Time, limit int) ([]incidents.Incident, error)
	// MessageChannels are the Slack channels in which the messages of those incidents stand. One whose message is not posted is not in it.
	MessageChannels(ctx context.Context, of []int64) (map[int64]string, error)
	// Shell is the one that a recording is of, also when that was removed. It returns incidents.ErrNoRecording.
	Shell(ctx context.Context, recording string) (incidents.Shell, error)
	// ShellsIn lists the newest shells in a container whose recordings are kept, at most limit, newest first.
	ShellsIn(ctx context.Context, key string, limit int) ([]incidents.Shell, error)
	// LastDeploys is the newest deploy of each of the containers that have had one.
	LastDeploys(ctx context.Context, keys []string) (map[string]snapshot.Deploy, error)
	// Deploys lists the newest of the given containers, at most limit, newest first.
	Deploys(ctx context.Context, keys []string, limit int) ([]snapshot.Deploy, error)
	// Together is, by the ID of each of the given deploys, what else was deployed in the same deploy. One that was deployed alone is
	// not in it.
	Together(ctx context.Context, of ...snapshot.Deploy) (map[int64][]snapshot.Deploy, error)
	// Snapshot reads one of a container's. It returns snapshot.ErrUnknownSnapshot.
	Snapshot(ctx context.Context, key, name string) (snapshot.Snapshot, error)
	// RolledBack says which restore has undone a deploy; false when none has, or when that was undone itself.
	RolledBack(ctx context.Context, d snapshot.Deploy) (snapshot.Undone, bool, error)
	// LastRestoresOf are a container's newest restores, newest first: two at most, one that was refused or reverted, and one that was
	// neither.
	LastRestoresOf(ctx context.Context, key string) ([]restore.Restore, error)
	// Restore reads one. It returns snapshot.ErrUnknownRestore.
	Restore(ctx context.Context, id int64) (restore.Restore, error)
	// ErrorMinutesOf is the counted minutes of each of the containers, oldest first.
	ErrorMinutesOf(ctx context.Context, keys []string, since time.Time) (map[string][]flat.Minute, error)
}
