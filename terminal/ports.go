package terminal

import (
	"context"
	"io"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// Ring signs and verifies with keys that have IDs. What is signed for one purpose verifies for no other.
type Ring interface {
	Sign(purpose string, msg []byte) (kid string, mac []byte)
	Verify(purpose, kid string, msg, mac []byte) bool
}

// Engine is the container engine. Every method checks the label snapback.enable=true by ID right before it acts, and
// returns ErrNotEnabled without it, ErrNoContainer when there is no such container.
type Engine interface {
	// Resolve finds the container that stands under an identity.
	Resolve(ctx context.Context, container string) (Target, error)
	// Logs follows what a container writes until ctx ends, the container does, or emit returns an error. Secrets of the
	// container's environment are masked: logs are for more people than its environment. Of a service, what there is comes in no order but
	// that of each task; ErrEnough from emit ends it for the task of that line.
	Logs(ctx context.Context, id string, o LogOptions, emit func(LogLine) error) error
	// Place says in which container a shell is started: of a service of a Swarm, in that of a task. It returns a *NoEngineError.
	Place(ctx context.Context, t Target) (Place, error)
	// Exec starts a command with a TTY. ErrNotRunning when the container does not run.
	Exec(ctx context.Context, id string, s ExecSpec) (Exec, error)
	// Run runs a command to its end and returns what it wrote to its standard output. ErrNotRunning as in Exec;
	// ErrHostProcesses for another user than the container's own, where what it might signal is the host's. It ends shells, so it
	// does not ask whether the service of a task is enabled still.
	Run(ctx context.Context, id string, s ExecSpec) ([]byte, error)
}

// Tasks knows where a service runs.
type Tasks interface {
	// Tasks are those of a Target that is a service, one of each name, in the names' order. It returns ErrNoContainer when the service is gone.
	Tasks(ctx context.Context, t Target) ([]Task, error)
}

// Exec is a command with a TTY. Closing it does not end the command.
type Exec interface {
	io.ReadWriteCloser
	Resize(ctx context.Context, cols, rows int) error
	// ExitCode is the command's; ok is false while it runs, and when the engine can't tell.
	ExitCode(ctx context.Context) (code int, ok bool, err error)
}

// Gate says whether a session may be, now. It is asked before a link is used up, when a browser connects, before a
// shell starts, and every few seconds.
type Gate interface {
	// Check returns nil, access.ErrResolved, access.ErrSignedOut, access.ErrDenied, access.ErrNotEnabled, access.ErrUnsure when nothing but the
	// person's permission could not be found out, or another error where it could not find out.
	Check(ctx context.Context, g access.Grant) error
	// CheckShell is Check before a shell is started. It returns access.ErrProve as well.
	CheckShell(ctx context.Context, g access.Grant) error
	// CheckNote is Check before something is written onto the incident's timeline by hand: who may is who may write notes.
	CheckNote(ctx context.Context, g access.Grant) error
}

// Timeline keeps who did what.
type Timeline interface {
	// Record appends an entry and returns it sealed. IncidentID 0 is what happened outside any incident.
	Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
	// RecordOnce is Record, unless there is an entry of that kind from that source, by its NativeID, already.
	RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// Errors knows how many a container makes.
type Errors interface {
	// Live is what they are now, with what happened in the incident (0: in none). Dark says that the page around the picture is.
	Live(ctx context.Context, incident int64, container, name string, dark bool) (incidents.ErrorsNow, error)
}

// Store keeps links, sessions, shells and recordings. All of it may return ErrStoreAway.
type Store interface {
	LinkStore
	SessionStore
	SeatStore
	ShellStore
	RecordingStore
	RestoreStore
}

// RestoreStore knows what was done to containers.
type RestoreStore interface {
	// RestoredAs says in words which restore or undo made a container: "put back to pre-deploy-0322". Empty: none did.
	RestoredAs(ctx context.Context, container, id string) (string, error)
	// ReplacedBy is the engine's ID of the container in whose place the last restore or undo has put this one; "" when none has.
	ReplacedBy(ctx context.Context, container, id string) (string, error)
	// Moments are the times that somebody may want to read a container's log from, oldest first. Incident 0 is none.
	Moments(ctx context.Context, container string, incident int64) ([]Moment, error)
}

// LinkStore keeps links by the hash of their token.
type LinkStore interface {
	CreateLink(ctx context.Context, tokenHash []byte, kid string, g access.Grant, expires time.Time) error
	// Redeem uses a link up and opens s, both or neither. Of several at once, one wins. The others get a *UsedError;
	// ErrLinkUnknown and ErrLinkExpired (at s.OpenedAt) are the other refusals.
	Redeem(ctx context.Context, by Redeemer, s Session) error
	// RedeemAgain gives the session of a link to whoever has used it with the same nonce after since, under the cookie that is named now:
	// the answer may have been lost. One that ended with ReasonNotRecorded is opened again. ErrNoSession when there is none to give.
	RedeemAgain(ctx context.Context, by Redeemer, since, at time.Time) (Session, error)
}

// Redeemer is who uses a link up, by the hashes of what they have.
type Redeemer struct {
	Token  []byte
	Nonce  []byte // that the page has made up; nil: it makes none up, and nothing is given twice
	Cookie []byte // of the session
}

// UsedError says when a link was used. It is ErrLinkUsed.
type UsedError struct{ At time.Time }

func (e *UsedError) Error() string { return ErrLinkUsed.Error() }

// Is makes errors.Is(err, ErrLinkUsed) true.
func (e *UsedError) Is(target error) bool { return target == ErrLinkUsed }

// SessionStore keeps sessions.
type SessionStore interface {
	// SessionByCookie returns ErrNoSession when none has that cookie; one that is over is returned.
	SessionByCookie(ctx context.Context, cookieHash []byte) (Session, error)
	// Touch notes that the person did something, and returns the session as it is now. The zero time only reads.
	Touch(ctx context.Context, id string, at time.Time) (Session, error)
	// End ends a session, and says whether this call was the one that did.
	End(ctx context.Context, id string, why Reason, at time.Time) (bool, error)
	// Audited notes that the end of a session is on the timeline.
	Audited(ctx context.Context, id string) error
	// Sessions returns those that are open, and those that ended without a word on the timeline.
	Sessions(ctx context.Context) ([]Session, error)
}

// ShellStore keeps what is needed to end a shell.
type ShellStore interface {
	// PutShell adds or replaces it.
	PutShell(ctx context.Context, s ShellRecord) error
	// ShellSeen notes that a bot still holds it.
	ShellSeen(ctx context.Context, id string, at time.Time) error
	// ShellGone notes that its processes are gone.
	ShellGone(ctx context.Context, id string, at time.Time) error
	// StaleShells returns those that are not gone and that nobody has held since, on all engines.
	StaleShells(ctx context.Context, since time.Time) ([]ShellRecord, error)
	// HeldShells returns those of a container's open sessions that are not gone and that some bot has held since, oldest first.
	HeldShells(ctx context.Context, container string, since time.Time) ([]ShellRecord, error)
}

// RecordingStore keeps recordings. Their chunks are only ever appended, and none is once a recording has ended.
type RecordingStore interface {
	BeginRecording(ctx context.Context, r Recording) error
	// AppendRecording returns ErrSessionOver when the recording has ended. The same chunk under the same number again is no error: whoever
	// has heard no answer asks once more. Another chunk under it is one.
	AppendRecording(ctx context.Context, id string, seq int, chunk []byte) error
	// SealRecordings ends all of a session's, and says what they are: the same however often it is called.
	SealRecordings(ctx context.Context, sessionID string, at time.Time) ([]incidents.Sealed, error)
	EndRecording(ctx context.Context, id string, at time.Time) error
}
