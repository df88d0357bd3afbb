// Package refusals is the one table from the domain's errors to what people and programs are answered: an HTTP status and a
// stable code, a sentence for the HTTP API, and a sentence for Slack.
//
// What arises in the HTTP API or in the terminal alone, such as a body that can't be read, stays with them.
package refusals

import (
	"errors"
	"net/http"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Row is how an error is answered.
type Row struct {
	Err    error
	Status int
	Code   string // stable: clients tell refusals apart by it
	Detail string // for the HTTP API: what is wrong, and what to do about it
	Slack  string // for whoever tapped, as mrkdwn; "": the tap is tried again, because the error may pass by itself
}

// table has the domain's errors. Where an error is several of them, the first row holds.
var table = []Row{
	{incidents.ErrFormat, http.StatusBadRequest, "unknown_format",
		"There is no such export format.", ""},
	{snapshot.ErrBadName, http.StatusBadRequest, "bad_name",
		"A snapshot's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit.", ""},
	{snapshot.ErrUnknownContainer, http.StatusNotFound, "unknown_container",
		"No enabled container answers to that.",
		"Nothing was done: no such container is there any more. `/snapback list` shows those that are."},
	{snapshot.ErrUnknownSnapshot, http.StatusNotFound, "unknown_snapshot",
		"The container has no snapshot of that name.",
		"Nothing was done: that snapshot has been removed. Details in the ⋯ menu lists those that are left."},
	{snapshot.ErrUnknownRestore, http.StatusNotFound, "unknown_restore",
		"There is no such restore.",
		"Nothing was done: I don't know that restore any more."},
	{incidents.ErrUnknown, http.StatusNotFound, "unknown_incident",
		"No incident has that ID or number.",
		"Nothing was done: I don't know that incident any more."},
	{snapshot.ErrNotHeld, http.StatusNotFound, "not_held",
		"No deploy of this container is on hold.",
		"Nothing was done: nothing is on hold there any more."},
	{snapshot.ErrHeld, http.StatusLocked, "held",
		"A deploy of this container is on hold, since a restore rolled it back.", ""},
	{snapshot.ErrAmbiguous, http.StatusConflict, "ambiguous",
		"Several containers answer to that. Use the name or the ID of one.",
		"Nothing was done: several containers answer to that name. Use the exact name from `/snapback list`."},
	{snapshot.ErrInProgress, http.StatusConflict, "restore_in_progress",
		"A restore of this container is running. Wait until it is over.",
		"A restore of that container is running already. Nothing else was started; watch its message."},
	{snapshot.ErrNameTaken, http.StatusConflict, "name_taken",
		"A snapshot of that name exists. Choose another name, or none.", ""},
	{snapshot.ErrInUse, http.StatusConflict, "in_use",
		"It is in use by a restore. Wait until that is over.", ""},
	{snapshot.ErrAlreadyThere, http.StatusConflict, "already_there",
		"That is what runs already: the image and all settings are the same, so nothing was done. To have a container made anew all the same, with no " +
			"files but those of the snapshot, ask with force=true (--force).",
		"Nothing was done: that is what runs already, so it would change nothing. What else is kept is under Details in the ⋯ menu."},
	{snapshot.ErrNothingToUndo, http.StatusConflict, "nothing_to_undo",
		"What ran before that restore is not kept any more, or was put back already.",
		"There is nothing to undo: what ran before is gone, or was put back already. A snapshot can be restored instead: see Details in the ⋯ menu."},
	{snapshot.ErrGone, http.StatusGone, "gone",
		"The engine does not have it any more. Look again.",
		"Nothing was done: the engine does not have the image of that snapshot any more. Try another one: see Details in the ⋯ menu."},
	{snapshot.ErrReplaced, http.StatusPreconditionFailed, "replaced",
		"The container is no longer the one in If-Match. Look again, and ask again.",
		"Nothing was done: the container was replaced after that message was posted. The message shows the new one now: look at it, and tap again if you still want to."},
	{snapshot.ErrNotRestorable, http.StatusUnprocessableEntity, "not_restorable",
		"The snapshot can't be restored now. Nothing was changed.", ""},
	{snapshot.ErrCarriesBot, http.StatusUnprocessableEntity, "carries_bot",
		"The bot runs in that container, or reaches the engine through it: it would end itself halfway. Nothing was done. Deploy it as you deploy the bot.",
		"Nothing was done: I run in that container, or reach the engine through it, and would end myself halfway. Deploy it as you deploy me."},
	{snapshot.ErrDiskFull, http.StatusUnprocessableEntity, "disk_full",
		"The disk has no room for another snapshot (SNAPBACK_DISK_LIMIT). Nothing was taken. Remove images that nobody needs, or raise the limit.",
		"No snapshot was taken: the disk has no room for it. Somebody has to remove images that nobody needs from the engine's host (`docker system df` tells which)."},
	{snapshot.ErrNotEnabled, http.StatusUnprocessableEntity, "not_enabled",
		"The container is not labelled snapback.enable=true.",
		"Nothing was done: the container is not labelled `snapback.enable=true` any more, so it is not mine to touch."},
	{snapshot.ErrEngineAway, http.StatusServiceUnavailable, "engine_away",
		"The container engine does not answer. Try again when it does.",
		"Nothing was done: the container engine does not answer. Try again in a minute; if it stays like this, somebody has to look at the engine's host."},
	{snapshot.ErrEngineDenied, http.StatusServiceUnavailable, "engine_denied",
		"The container engine, or a proxy before it, denies a call that this needs. Allow it there.", ""},
	{snapshot.ErrCommitsBusy, http.StatusServiceUnavailable, "commits_busy",
		"Other snapshots of this engine take long to write. Nothing was taken; try again in a while.", ""},
	{snapshot.ErrStopping, http.StatusServiceUnavailable, "stopping",
		"The bot is stopping. Try again in a moment; what was begun is carried on.", ""},
}

// Table is the whole table, in its order. It is not to be changed.
func Table() []Row { return table }

// Find returns the first row of the tables whose error err is.
func Find(err error, tables ...[]Row) (Row, bool) {
	for _, rows := range tables {
		for _, r := range rows {
			if errors.Is(err, r.Err) {
				return r, true
			}
		}
	}
	return Row{}, false
}
