package terminal

import (
	"errors"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
)

// The refusals that a person can meet. Stores, engines and gates return them, wrapped or not.
var (
	ErrLinkUnknown      = errors.New("the link is unknown")
	ErrLinkForged       = errors.New("the link does not carry a valid signature")
	ErrLinkExpired      = errors.New("the link has expired")
	ErrLinkUsed         = errors.New("the link was used already")
	ErrNoSession        = errors.New("no session")
	ErrSessionOver      = errors.New("the session is over")
	ErrOtherSession     = errors.New("the browser has opened another session since")
	ErrIncidentResolved = access.ErrResolved
	ErrNotAllowed       = access.ErrDenied
	ErrUnsure           = access.ErrUnsure
	ErrNotEnabled       = access.ErrNotEnabled
	ErrElsewhere        = access.ErrElsewhere
	ErrNoContainer      = errors.New("no container stands under that identity")
	ErrNotRunning       = errors.New("the container is not running")
	ErrNoShell          = errors.New("the container has no shell")
	ErrHostProcesses    = errors.New("the container sees the host's processes")
	ErrTooMany          = access.ErrTooMany
	ErrSignedOut        = access.ErrSignedOut
	ErrProve            = access.ErrProve
	ErrStoreAway        = errors.New("what keeps links and sessions does not answer")
	ErrNotRecorded      = errors.New("the recording can't be written")
	ErrNoRecording      = errors.New("no such recording")
	errFilter           = errors.New("a filter that can't be read")
	errTooLong          = errors.New("a log that takes too long to read")
	errNoLine           = errors.New("no such line in the log")
	errNoIncident       = errors.New("no incident to share with")
	errSpeech           = errors.New("not the page's subprotocol")
	errUpgrade          = errors.New("no upgrade to a websocket")
	ErrBadGrant         = errors.New("not a grant that a link can be made for")
)

// Session is what a redeemed link bought, or somebody who is signed in to the console has opened. Times are UTC; the zero EndedAt means open.
type Session struct {
	ID string
	access.Grant
	OpenedAt   time.Time
	LastSeenAt time.Time // of the person's doing, not of the browser's heartbeat
	ExpiresAt  time.Time
	EndedAt    time.Time
	Reason     Reason
}

// Reason is why a session ended. It is stored, and part of what the timeline says.
type Reason string

// The reasons. Nothing else ends a session.
const (
	ReasonTapped      Reason = "ended"
	ReasonIdle        Reason = "idle"
	ReasonExpired     Reason = "expired"
	ReasonResolved    Reason = "resolved"
	ReasonNotEnabled  Reason = "not_enabled"
	ReasonNotAllowed  Reason = "not_allowed"
	ReasonNotRecorded Reason = "not_recorded"
	ReasonSignedOut   Reason = "signed_out"
	ReasonReopened    Reason = "reopened"
	ReasonUnchecked   Reason = "unchecked" // the permission could not be looked up for too long
)

// String is the reason in words for the person.
func (r Reason) String() string {
	if s, ok := reasonWords[r]; ok {
		return s
	}
	return "The session is over."
}

var reasonWords = map[Reason]string{
	ReasonTapped:      "You ended the session.",
	ReasonIdle:        "Nothing was tapped or typed for a while, so the session was ended.",
	ReasonExpired:     "The session has reached its longest duration.",
	ReasonResolved:    "The incident is resolved, which ends its terminals.",
	ReasonNotEnabled:  "The container no longer carries the label snapback.enable=true.",
	ReasonNotAllowed:  "You may no longer use this terminal.",
	ReasonNotRecorded: "The session could not be recorded, so it was ended.",
	ReasonSignedOut:   "The console's session is over, which ends its terminals.",
	ReasonReopened:    "It was opened again in the console, with what is allowed now.",
	ReasonUnchecked:   "The permission could not be checked, so the session was ended.",
}

// Target is the container that stands under an identity at this moment, or the service.
type Target struct {
	ID      string // of a service, that of its revision: its tasks need not be others for another
	Service bool
	Name    string
	Image   string
	State   string // the engine's word: running, exited, paused, restarting, …
	Started string // when, as the engine writes it: another one after a restart; "" of a service
	Command string // of the shell, from the label snapback.terminal.command; empty: the first of bash, sh
	NoShell bool   // the label snapback.terminal.allow says none
}

// Running says whether a shell can be started in it.
func (t Target) Running() bool { return t.State == "running" }

// Place is the container in which a shell of a Target is started.
type Place struct {
	ID   string
	Task string // what people call it, where it is a task of a service, and its node: "shop.2 on node-b"; "": it is the Target's own
}

// Task is one of a service's.
type Task struct {
	Name  string `json:"name"`            // what people call it: shop.2; it stands in front of its lines in the log
	On    string `json:"on,omitempty"`    // what its node is called; "": it has none
	State string `json:"state,omitempty"` // in the manager's word
}

// NoEngineError says that no engine of the bot has a container in which a shell could be started.
type NoEngineError struct {
	Tasks []string // that run, as in Place
}

// Error is for the person as well.
func (e *NoEngineError) Error() string {
	if len(e.Tasks) == 0 {
		return "No task of this service runs, so there is nothing to run a shell in. Its log is still there."
	}
	return "The bot reaches no engine on which a task of this service runs, so a shell is to be had there only, with docker exec: " + strings.Join(e.Tasks, ", ") + "."
}

// LogLine is one line that the container wrote, without its line break.
type LogLine struct {
	At     time.Time
	Stderr bool
	Text   []byte
	Task   string // of a service of a Swarm: the ID of the task that has written it; "": it is of a container
	Parts  int    // how many of the engine's messages it is made of: a long line is several, and so many of a tail
}

// LogOptions choose where to begin. Logs are followed. Of a service, all counts for each of its tasks.
type LogOptions struct {
	Once  bool      // what there is, without following
	Tail  int       // this many lines from before; 0: none
	Since time.Time // only lines after; zero: from the tail on
}

// ExecSpec is what to run in a container.
type ExecSpec struct {
	Cmd  []string
	Env  []string
	User string // empty: the container's own; no other in a container that sees the host's processes
}

// ShellRecord is what has to be known to end a shell's processes, also by a bot that did not start it.
type ShellRecord struct {
	ID          string // also the recording's; each process of the shell has it in its environment as SNAPBACK_SHELL
	SessionID   string
	Bot         string // that runs it; "": not known
	Container   string // the session's: its identity
	ContainerID string // in which it runs
	SID         int    // the kernel session of the processes, in the container's PID namespace; 0: not known yet
	StartTime   string // of that session's leader, in the kernel's ticks, against reused PIDs
	StartedAt   time.Time
	SeenAt      time.Time // the bot that holds the shell says at intervals that it still does
}

// Recording is the head of an asciicast v3 recording; its text is appended in chunks.
type Recording struct {
	ID         string
	SessionID  string
	IncidentID int64 // 0: none
	Container  string
	StartedAt  time.Time
}
