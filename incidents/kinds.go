package incidents

import "strings"

// Kind says what an entry of a timeline tells of: a dotted word such as restore.verified. Kinds are stored and read by
// scripts, so their strings never change. What each one means, who hears of it and how it is exported stands in one
// table: see Meaning.
type Kind string

// The kinds that the bot writes itself.
const (
	KindRestoreRequested   Kind = "restore.requested"
	KindRestoreState       Kind = "restore.state"
	KindRestoreRefused     Kind = "restore.refused"
	KindRestoreVerified    Kind = "restore.verified"
	KindRestoreReverted    Kind = "restore.reverted"
	KindRestoreFailed      Kind = "restore.failed"
	KindRestoreWaiting     Kind = "restore.waiting"
	KindRestoreMended      Kind = "restore.mended"
	KindRestoreMendFailed  Kind = "restore.mend.failed"
	KindRestoreKeptRemoved Kind = "restore.kept-removed"
	KindEvidence           Kind = "restore.evidence"

	KindSnapshotAsked    Kind = "snapshot.requested"
	KindSnapshotTaken    Kind = "snapshot.taken"
	KindSnapshotDeleted  Kind = "snapshot.deleted"
	KindSnapshotMissing  Kind = "snapshot.missing"
	KindDiskFull         Kind = "snapshot.disk-full"
	KindSnapshotsRebuilt Kind = "snapshots.rebuilt"

	KindDeploy         Kind = "deploy"
	KindDeployReturned Kind = "deploy.returned"
	KindDeployBack     Kind = "deploy.back"

	KindHoldOn         Kind = "hold.on"
	KindHoldReleased   Kind = "hold.released"
	KindHoldOverridden Kind = "hold.overridden"

	KindEngineAdopted Kind = "engine.adopted"
	KindEngineCopied  Kind = "engine.copied"
	KindEngineAway    Kind = "engine.away"
	KindEngineBack    Kind = "engine.back"

	KindAcknowledgeAsked  Kind = "acknowledge.requested"
	KindAcknowledgeFailed Kind = "acknowledge.failed"
	KindResolveAsked      Kind = "resolve.requested"
	KindResolveFailed     Kind = "resolve.failed"
	KindNote              Kind = "note"
	KindNoteFailed        Kind = "note.failed"
	KindRefused           Kind = "refused"

	KindPagerDutyDeaf  Kind = "pagerduty.deaf"
	KindPagerDutyHeard Kind = "pagerduty.heard"

	KindRowChanged  Kind = "row.changed"
	KindRowUnproved Kind = "row.unproved"

	KindSlackPosted  Kind = "slack.posted"
	KindSlackRefused Kind = "slack.refused"

	KindErrorsFalling Kind = "errors.falling"
	KindErrorsFlat    Kind = "errors.flat"
	KindErrorsNotFlat Kind = "errors.not-flat"
	KindErrorsUnknown Kind = "errors.unknown"
	KindErrorsBack    Kind = "errors.back"

	KindErrorsFlatAgain Kind = "errors.flat.again"

	KindTerminalAsked     Kind = "terminal.requested"
	KindTerminalLink      Kind = "terminal.link"
	KindTerminalOpened    Kind = "terminal.opened"
	KindTerminalShell     Kind = "terminal.shell"
	KindTerminalNoShell   Kind = "terminal.shell.failed"
	KindTerminalEnded     Kind = "terminal.ended"
	KindTerminalShared    Kind = "terminal.shared"
	KindTerminalWatched   Kind = "terminal.watched"
	KindTerminalKeyboard  Kind = "terminal.keyboard"
	KindTerminalEndFailed Kind = "terminal.end.failed"
	KindTerminalCastFull  Kind = "terminal.recording.full"
	KindRecordingsRemoved Kind = "terminal.recordings.removed"

	KindSigninLink        Kind = "signin.link"
	KindPasskeyRegistered Kind = "passkey.registered"
	KindPasskeyRevoked    Kind = "passkey.revoked"
	KindSignedIn          Kind = "signin"
	KindSigninProved      Kind = "signin.proved"
	KindSigninRefused     Kind = "signin.refused"
	KindSignedOut         Kind = "signin.ended"
)

// The kinds that PagerDuty's webhooks bring, named as its webhooks v3 documentation names the event types. An event of a
// type that is not among them is kept under its own name.
const (
	KindPagerDutyTriggered       Kind = "incident.triggered"
	KindPagerDutyAcked           Kind = "incident.acknowledged"
	KindPagerDutyUnacked         Kind = "incident.unacknowledged"
	KindPagerDutyResolved        Kind = "incident.resolved"
	KindPagerDutyReopened        Kind = "incident.reopened"
	KindPagerDutyEscalated       Kind = "incident.escalated"
	KindPagerDutyReassigned      Kind = "incident.reassigned"
	KindPagerDutyDelegated       Kind = "incident.delegated"
	KindPagerDutyPriority        Kind = "incident.priority_updated"
	KindPagerDutyNoted           Kind = "incident.annotated"
	KindPagerDutyStatusUpdate    Kind = "incident.status_update_published"
	KindPagerDutyResponderAdded  Kind = "incident.responder.added"
	KindPagerDutyResponderAnswer Kind = "incident.responder.replied"
	KindPagerDutyServiceUpdated  Kind = "incident.service_updated"
	KindPagerDutyConference      Kind = "incident.conference_bridge.updated"
	KindPagerDutyCustomFields    Kind = "incident.custom_field_values.updated"
	KindPagerDutyTypeChanged     Kind = "incident.incident_type.changed"
	KindPagerDutyRoleAssigned    Kind = "incident.role.assigned"
	KindPagerDutyPing            Kind = "pagey.ping"
)

// Meaning is what a kind stands for: a row of the table. The zero value is an entry that only the timeline shows.
type Meaning struct {
	Is string // what an entry of this kind says, for whoever reads the table

	Mark    string // before the entry in its incident's Slack thread; "": it is not posted
	Outside bool   // it is posted to the channel as well when no incident is concerned
	Loud    bool   // its reply in the thread is shown in the channel too

	Call      Call // what PagerDuty is asked because of it
	IfRefused Kind // what is written when PagerDuty refuses that for good

	Links   Links   // where an entry leads that has no link of its own
	Section Section // where the Markdown and the HTML export show it beside the timeline
	Event   string  // the CDEvents type it is exported as; "": none

	Moment string // what it is called where a recording is played; "": nothing marks it there
}

// Call is what PagerDuty is asked because of an entry.
type Call int

// The calls to PagerDuty.
const (
	NoCall Call = iota
	CallAcknowledge
	CallResolve
	CallNote // the entry's summary becomes a note
)

// Links is where an entry leads that has no link of its own.
type Links int

// The places that entries lead to.
const (
	ToSnapshot  Links = iota // the snapshot that the details name, else as ToContainer
	ToContainer              // the container's snapshots, else as ToTimeline
	ToTimeline               // its incident's timeline
)

// Section is a part of a post-mortem.
type Section int

// The sections that entries stand in beside the timeline, which has all of them.
const (
	NoSection Section = iota
	Deploys           // "What the last deploy changed"
	Restores          // how restores ended
)

// warning stands before what somebody should look at.
const warning = "⚠️"

// table has a row for every kind. Columns that are not named are as in the zero Meaning.
var table = map[Kind]Meaning{
	KindRestoreRequested: {Is: "somebody asked for a restore or an undo; written before the engine is called", Mark: "▶️", Outside: true},
	KindRestoreState:     {Is: "a restore entered a state that is not its last; the details hold it"},
	KindRestoreRefused:   {Is: "a restore was refused before anything was touched", Mark: "✋", Outside: true},
	KindRestoreVerified: {Is: "a restore held", Mark: "✅", Outside: true,
		Call: CallNote, IfRefused: KindNoteFailed, Section: Restores, Event: serviceRolledBack, Moment: "Restored"},
	KindRestoreReverted: {Is: "a restore did not work, and the container from before runs again", Mark: "↩️", Outside: true,
		Call: CallNote, IfRefused: KindNoteFailed, Section: Restores, Moment: "Restore reverted"},
	KindRestoreFailed: {Is: "a restore ended where a person has to act", Mark: "🆘", Outside: true, Loud: true,
		Call: CallNote, IfRefused: KindNoteFailed, Section: Restores, Moment: "Restore failed"},
	KindRestoreWaiting:     {Is: "a restore waits for an engine that does not answer", Mark: "⏳", Outside: true},
	KindRestoreMended:      {Is: "a bot acted on a restore that was no longer its own, and that was put right", Mark: warning, Outside: true},
	KindRestoreMendFailed:  {Is: "a bot acted on a restore that was no longer its own, and that could not be put right", Mark: warning, Outside: true},
	KindRestoreKeptRemoved: {Is: "the container from before a restore was removed, its time being over"},
	KindEvidence:           {Is: "what is kept of a container that a restore replaced"},

	KindSnapshotAsked:    {Is: "a snapshot was asked for; written before the engine is called"},
	KindSnapshotTaken:    {Is: "a snapshot was taken"},
	KindSnapshotDeleted:  {Is: "a snapshot was deleted", Links: ToContainer},
	KindSnapshotMissing:  {Is: "snapshots can't be restored any more, since their images are gone", Mark: warning, Outside: true},
	KindDiskFull:         {Is: "no snapshots are taken, since the engine's disk is too full", Mark: warning, Outside: true},
	KindSnapshotsRebuilt: {Is: "the list of snapshots was rebuilt from what the engine holds"},

	KindDeploy: {Is: "a container was replaced or changed", Section: Deploys, Event: serviceDeployed, Moment: "Deploy"},
	KindDeployReturned: {Is: "what a restore had undone was deployed again", Mark: warning, Outside: true,
		Section: Deploys, Event: serviceDeployed, Moment: "Deploy"},
	KindDeployBack: {Is: "a deploy that is on hold came back", Mark: "⛔", Outside: true, Loud: true,
		Call: CallNote, IfRefused: KindNoteFailed, Section: Deploys, Event: serviceDeployed, Moment: "Deploy"},

	KindHoldOn:         {Is: "what a restore has rolled back is on hold", Mark: "✋", Outside: true},
	KindHoldReleased:   {Is: "a hold ended: somebody released it, or the deploy was brought back on purpose", Mark: "🔓", Outside: true},
	KindHoldOverridden: {Is: "a pipeline deploys although there is a hold, since it was told to", Mark: warning, Outside: true},

	KindEngineAdopted: {Is: "an engine that calls itself by a new ID was recognised", Mark: warning, Outside: true},
	KindEngineCopied:  {Is: "an engine looks like a copy of another", Mark: warning, Outside: true},
	KindEngineAway:    {Is: "an engine has not answered for a while", Mark: warning, Outside: true},
	KindEngineBack:    {Is: "an engine answers again of which people were told that it did not", Mark: "✅", Outside: true},

	KindAcknowledgeAsked:  {Is: "somebody asked in Slack to acknowledge", Call: CallAcknowledge, IfRefused: KindAcknowledgeFailed},
	KindAcknowledgeFailed: {Is: "PagerDuty refused to acknowledge", Mark: warning, Outside: true},
	KindResolveAsked:      {Is: "somebody asked in Slack to resolve", Call: CallResolve, IfRefused: KindResolveFailed},
	KindResolveFailed:     {Is: "PagerDuty refused to resolve", Mark: warning, Outside: true},
	KindNote:              {Is: "somebody wrote a note", Mark: "📝", Call: CallNote, IfRefused: KindNoteFailed},
	KindNoteFailed:        {Is: "PagerDuty refused a note", Mark: warning, Outside: true},
	KindRefused:           {Is: "somebody may not do what they asked for, or it is no longer possible"},

	KindPagerDutyDeaf:  {Is: "PagerDuty's alerts don't reach the bot; the summary says why, and what to do", Mark: "🆘", Outside: true},
	KindPagerDutyHeard: {Is: "PagerDuty's alerts reach the bot again, and what was missed was fetched", Mark: "✅", Outside: true},

	KindRowChanged:  {Is: "the incident's own columns were not as the entry before had left them", Mark: warning, Links: ToTimeline},
	KindRowUnproved: {Is: "the signature of the entry before can't be checked by the bot that wrote this one, as while keys are rotated", Links: ToTimeline},

	KindSlackPosted:  {Is: "the incident's message was posted; the source is the message"},
	KindSlackRefused: {Is: "a Slack channel did not take the incident's message, which is in another one; the message says so"},

	KindErrorsFalling: {Is: "errors fall after a restore", Mark: "📉"},
	KindErrorsFlat: {Is: "after a restore, the error rate is back at its baseline", Mark: "✅", Loud: true,
		Call: CallNote, IfRefused: KindNoteFailed, Moment: "Flat"},
	KindErrorsNotFlat: {Is: "minutes after a restore, the error rate is still above its baseline", Mark: warning,
		Call: CallNote, IfRefused: KindNoteFailed},
	KindErrorsUnknown: {Is: "after a restore, it can't be told whether errors are flat; the summary says why", Mark: warning},
	KindErrorsBack: {Is: "errors were flat after a restore, and are no more", Mark: warning,
		Call: CallNote, IfRefused: KindNoteFailed, Moment: "Errors are back"},

	KindErrorsFlatAgain: {Is: "errors that were back after a restore are flat once more", Mark: "✅",
		Call: CallNote, IfRefused: KindNoteFailed, Moment: "Flat again"}, // or PagerDuty's last note would be that they are back

	KindTerminalAsked:     {Is: "an API token asked for a terminal link", Links: ToTimeline},
	KindTerminalLink:      {Is: "a terminal link was made", Links: ToTimeline},
	KindTerminalOpened:    {Is: "a terminal was opened, by a link or in the console", Links: ToTimeline},
	KindTerminalShell:     {Is: "somebody starts a shell; the details name its recording", Links: ToTimeline},
	KindTerminalNoShell:   {Is: "the shell that somebody was starting did not come about; the summary says why", Links: ToTimeline},
	KindTerminalShared:    {Is: "somebody shared a line of a container's log", Mark: "📋", Links: ToTimeline},
	KindTerminalEnded:     {Is: "a terminal session ended; the details seal its recordings", Links: ToTimeline},
	KindTerminalCastFull:  {Is: "a shell's recording ends at its largest size; the shell goes on", Links: ToTimeline},
	KindTerminalWatched:   {Is: "somebody watches another person's shell; once for each session and shell", Links: ToTimeline},
	KindTerminalKeyboard:  {Is: "the keyboard of a shell went to somebody else who is at it", Links: ToTimeline},
	KindRecordingsRemoved: {Is: "recordings of shells were removed, their time being over; the details say what they held", Links: ToTimeline},
	KindTerminalEndFailed: {Is: "processes of a shell are left that could not be ended", Mark: warning, Outside: true, Links: ToTimeline},

	KindSigninLink:        {Is: "a link was made that registers a passkey for the console, once", Links: ToTimeline},
	KindPasskeyRegistered: {Is: "somebody registered a passkey for the console", Mark: "🔑", Outside: true, Links: ToTimeline},
	KindPasskeyRevoked:    {Is: "passkeys for the console were revoked, and their sessions ended", Mark: "🔑", Outside: true, Links: ToTimeline},
	KindSignedIn:          {Is: "somebody signed in to the console", Links: ToTimeline},
	KindSigninProved:      {Is: "somebody who is signed in showed their passkey again", Links: ToTimeline},
	KindSigninRefused:     {Is: "somebody was refused at the console's door; the details say why", Links: ToTimeline},
	KindSignedOut:         {Is: "a session in the console ended; the details say why", Links: ToTimeline},

	KindPagerDutyTriggered:       {Is: "the incident was opened", Moment: "Alert"},
	KindPagerDutyAcked:           {Is: "the incident was acknowledged", Mark: "👀"},
	KindPagerDutyUnacked:         {Is: "the acknowledgement was taken back or ran out", Mark: "🚨"},
	KindPagerDutyResolved:        {Is: "the incident was resolved", Mark: "✅", Moment: "Resolved"},
	KindPagerDutyReopened:        {Is: "the incident was opened again", Mark: "🚨", Moment: "Alert again"},
	KindPagerDutyEscalated:       {Is: "the incident was escalated", Mark: "🚨"},
	KindPagerDutyReassigned:      {Is: "the incident was given to others"},
	KindPagerDutyDelegated:       {Is: "the incident was given to another escalation policy"},
	KindPagerDutyPriority:        {Is: "the priority was set"},
	KindPagerDutyNoted:           {Is: "a note was written in PagerDuty", Mark: "📝"},
	KindPagerDutyStatusUpdate:    {Is: "a status update was published", Mark: "📣"},
	KindPagerDutyResponderAdded:  {Is: "somebody was asked to respond"},
	KindPagerDutyResponderAnswer: {Is: "somebody answered whether they respond"},
	KindPagerDutyServiceUpdated:  {Is: "the incident was moved to another service"},
	KindPagerDutyConference:      {Is: "the conference bridge was changed"},
	KindPagerDutyCustomFields:    {Is: "custom fields were changed"},
	KindPagerDutyTypeChanged:     {Is: "the incident's type was changed"},
	KindPagerDutyRoleAssigned:    {Is: "a role in the incident was given to somebody"},
	KindPagerDutyPing:            {Is: "PagerDuty tried the webhook; it concerns no incident, so that no timeline has it"},
}

// Meaning is k's row of the table, and whether there is one. A kind without a row is one that PagerDuty has added, or that
// a bot of a newer release has written: its entry is on the timeline, and posted only when its name says that something
// failed.
func (k Kind) Meaning() (Meaning, bool) {
	m, known := table[k]
	if !known && strings.HasSuffix(string(k), ".failed") {
		return Meaning{Mark: warning, Outside: true}, false
	}
	return m, known
}

// IsErrors says that an entry of this kind tells what became of the errors after a restore.
func (k Kind) IsErrors() bool { return strings.HasPrefix(string(k), "errors.") }

// Call is what PagerDuty is asked because of an entry of this kind.
func (k Kind) Call() Call {
	m, _ := k.Meaning()
	return m.Call
}
