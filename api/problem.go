package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Refusals that arise here.
var (
	errMalformed       = errors.New("the request can't be read")
	errUnauthorized    = errors.New("no valid token")
	errScope           = errors.New("the token lacks the scope")
	errUnknownPath     = errors.New("no such path")
	errMethod          = errors.New("no such method here")
	errMediaType       = errors.New("not JSON")
	errTooLarge        = errors.New("the body is too large")
	errTooMany         = errors.New("too many refused requests")
	errBusy            = errors.New("too many tokens are being looked up")
	errReverted        = errors.New("the restore was reverted")
	errFailed          = errors.New("the restore failed")
	errResolved        = errors.New("the incident is resolved")
	errOtherService    = errors.New("the incident is about another container")
	errHandedOut       = errors.New("the link was handed out")
	errInternal        = errors.New("internal error")
	errWebhookDisabled = errors.New("no webhook secret is set")
)

// verdict is how an error is told.
type verdict struct {
	err      error
	status   int
	code     string // stable: clients tell refusals apart by it
	sentence string // says what to do
}

// statusClientGone is for the log alone, after nginx: nobody is there to read it.
const statusClientGone = 499

// verdicts is the one table from errors to answers. The first row that errors.Is finds holds.
//
// A restore that was refused, reverted or failed is 422 and not 5xx on purpose: tools repeat a 5xx by themselves, and
// every repetition would take the container down again.
var verdicts = []verdict{
	{context.Canceled, statusClientGone, "client_gone", "The client went away."},
	{errTooMany, http.StatusTooManyRequests, "too_many_refusals", "Too many requests from here were refused. Wait as Retry-After says, and check the token."},
	{ErrWebhookUnsigned, http.StatusUnauthorized, "bad_signature", "The webhook's signature is missing or wrong. Compare PAGERDUTY_WEBHOOK_SECRETS with the subscription's secret."},
	{ErrWebhookBadSignature, http.StatusUnauthorized, "bad_signature", "The webhook's signature is missing or wrong. Compare PAGERDUTY_WEBHOOK_SECRETS with the subscription's secret."},
	{errUnauthorized, http.StatusUnauthorized, "unauthorized", "Send a valid token as Authorization: Bearer. snapback token create makes one."},
	{errScope, http.StatusForbidden, "insufficient_scope", "The token lacks a scope that this needs. snapback token create makes one that has it."},
	{ErrNotAllowed, http.StatusForbidden, "not_allowed", "That person may not do this with this container. Its labels snapback.restore.allow and snapback.terminal.allow say who may."},
	{errUnknownPath, http.StatusNotFound, "unknown_path", "Nothing is here. GET /openapi.json lists what is."},
	{errMethod, http.StatusMethodNotAllowed, "method_not_allowed", "That method is not for this path. Allow lists those that are."},
	{errMediaType, http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body as application/json, in UTF-8."},
	{errTooLarge, http.StatusRequestEntityTooLarge, "too_large", "A body may have at most 1 MiB."},
	{incidents.ErrFormat, http.StatusBadRequest, "unknown_format", "There is no such export format."},
	{errMalformed, http.StatusBadRequest, "malformed", "The request can't be read."},
	{snapshot.ErrBadName, http.StatusBadRequest, "bad_name", "A snapshot's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit."},
	{snapshot.ErrUnknownContainer, http.StatusNotFound, "unknown_container", "No enabled container answers to that."},
	{snapshot.ErrUnknownSnapshot, http.StatusNotFound, "unknown_snapshot", "The container has no snapshot of that name."},
	{snapshot.ErrUnknownRestore, http.StatusNotFound, "unknown_restore", "There is no such restore."},
	{incidents.ErrUnknown, http.StatusNotFound, "unknown_incident", "No incident has that ID or number."},
	{snapshot.ErrAmbiguous, http.StatusConflict, "ambiguous", "Several containers answer to that. Use the name or the ID of one."},
	{snapshot.ErrInProgress, http.StatusConflict, "restore_in_progress", "A restore of this container is running. Wait until it is over."},
	{snapshot.ErrNameTaken, http.StatusConflict, "name_taken", "A snapshot of that name exists. Choose another name, or none."},
	{snapshot.ErrInUse, http.StatusConflict, "in_use", "It is in use by a restore. Wait until that is over."},
	{snapshot.ErrNothingToUndo, http.StatusConflict, "nothing_to_undo", "The container from before that restore is not kept any more, or was put back already."},
	{errResolved, http.StatusConflict, "incident_resolved", "The incident is resolved, which ends its terminals."},
	{errOtherService, http.StatusConflict, "other_service", "The incident is not about that container."},
	{ErrKeyInFlight, http.StatusConflict, "idempotency_key_in_flight", "The first request with this Idempotency-Key is not over. Try again in a moment."},
	{errHandedOut, http.StatusConflict, "link_handed_out", "The link of this Idempotency-Key was handed out, and is not kept. Ask for another one with a new key."},
	{snapshot.ErrGone, http.StatusGone, "gone", "The engine does not have it any more. Look again."},
	{snapshot.ErrReplaced, http.StatusPreconditionFailed, "replaced", "The container is no longer the one in If-Match. Look again, and ask again."},
	{ErrKeyReused, http.StatusUnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key was used for another request. Use a new one."},
	{snapshot.ErrNotRestorable, http.StatusUnprocessableEntity, "not_restorable", "The snapshot can't be restored now. Nothing was changed."},
	{snapshot.ErrCarriesBot, http.StatusUnprocessableEntity, "carries_bot", "The bot runs in that container, or reaches the engine through it: it would end itself halfway. Nothing was done. Deploy it as you deploy the bot."},
	{snapshot.ErrDiskFull, http.StatusUnprocessableEntity, "disk_full", "The disk has no room for another snapshot (SNAPBACK_DISK_LIMIT). Nothing was taken. Remove images that nobody needs, or raise the limit."},
	{snapshot.ErrNotEnabled, http.StatusUnprocessableEntity, "not_enabled", "The container is not labelled snapback.enable=true."},
	{errReverted, http.StatusUnprocessableEntity, "reverted", "The restore did not work, and the container from before is back."},
	{errFailed, http.StatusUnprocessableEntity, "restore_failed", "The restore failed, and so did putting the container from before back. A person has to look."},
	{ErrTooManyTerminals, http.StatusTooManyRequests, "too_many_terminals", "Too many terminals are open. End one first."},
	{snapshot.ErrEngineAway, http.StatusServiceUnavailable, "engine_away", "The container engine does not answer. Try again when it does."},
	{snapshot.ErrEngineDenied, http.StatusServiceUnavailable, "engine_denied", "The container engine, or a proxy before it, denies a call that this needs. Allow it there."},
	{snapshot.ErrCommitsBusy, http.StatusServiceUnavailable, "commits_busy", "Other snapshots of this engine take long to write. Nothing was taken; try again in a while."},
	{errExportsBusy, http.StatusServiceUnavailable, "exports_busy", "Many exports are under way. Try again in a moment."},
	{errNoRoom, http.StatusServiceUnavailable, "no_room", "The disk of SNAPBACK_DATA_DIR has no room for the export. Nothing was sent; make room, and try again."},
	{snapshot.ErrStopping, http.StatusServiceUnavailable, "stopping", "The bot is stopping. Try again in a moment; what was begun is carried on."},
	{ErrUnsure, http.StatusServiceUnavailable, "unsure", "Slack or PagerDuty does not tell who may. Nothing was done; try again in a minute."},
	{ErrUnavailable, http.StatusServiceUnavailable, "database_away", "The database does not answer. Nothing was done; try again when it does."},
	{errBusy, http.StatusServiceUnavailable, "busy", "Too many tokens are being looked up. Nothing was done; try again in a few seconds."},
	{errWebhookDisabled, http.StatusServiceUnavailable, "webhooks_disabled", "PAGERDUTY_WEBHOOK_SECRETS is not set, so webhooks can't be verified."},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "timeout", "It took too long. Look what was done before you try again."},
	{errInternal, http.StatusInternalServerError, "internal_error", "Internal error. The log tells more under the request's ID."},
}

// refusal adds to an error what its verdict can't know.
type refusal struct {
	err     error
	detail  string // in place of the verdict's sentence; "": that one
	names   []string
	reasons []string
	restore *wire.Restore
}

func (r *refusal) Error() string {
	if r.detail == "" {
		return r.err.Error()
	}
	return r.err.Error() + ": " + r.detail
}

func (r *refusal) Unwrap() error { return r.err }

// malformed refuses a request for a reason that the client may know.
func malformed(detail string) error { return &refusal{err: errMalformed, detail: detail} }

// judge finds the row for err; what is in no row is an internal error.
func (a *API) judge(err error) verdict {
	if a.deps.DatabaseAway != nil && a.deps.DatabaseAway(err) {
		err = ErrUnavailable
	}
	for _, v := range verdicts {
		if errors.Is(err, v.err) {
			return v
		}
	}
	return verdicts[len(verdicts)-1]
}

// problem is err as it is told. Of an error that is nobody's business but the log's, it tells nothing.
func (a *API) problem(err error, requestID string) wire.Problem {
	v := a.judge(err)
	p := wire.Problem{
		Type:      "urn:snapback:problem:" + v.code,
		Title:     http.StatusText(v.status),
		Status:    v.status,
		Detail:    v.sentence,
		Code:      v.code,
		RequestID: requestID,
	}
	var running *snapshot.InProgressError
	if errors.As(err, &running) {
		p.Detail, p.Restore = running.Error()+". Wait until it is over.", shapeRestore(running.Running)
	}
	var denied *snapshot.DeniedError
	if errors.As(err, &denied) {
		p.Detail = denied.Error() + ". Allow it there; snapback doctor lists all such calls."
	}
	var refused *snapshot.RefusedError
	if errors.As(err, &refused) {
		p.Reasons = refused.Reasons
	}
	var r *refusal
	if errors.As(err, &r) {
		r.fill(&p)
	}
	return p
}

func (r *refusal) fill(p *wire.Problem) {
	if r.detail != "" {
		p.Detail = r.detail
	}
	p.Names = r.names
	if r.reasons != nil {
		p.Reasons = r.reasons
	}
	if r.restore != nil {
		p.Restore = r.restore
	}
}

// refuse answers with err. A cause that is not told is logged under the request's ID.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	t := traceOf(r)
	p := a.problem(err, t.id)
	t.code = p.Code
	if p.Status >= http.StatusInternalServerError {
		a.log.ErrorContext(r.Context(), "request not served", "request_id", t.id, "code", p.Code, "err", err)
	}
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable && p.Code != "engine_denied" || p.Code == "idempotency_key_in_flight" {
		setRetryAfter(w, time.Second)
	}
	writeProblem(w, p)
}

func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	if w.Header().Get("Retry-After") == "" {
		seconds := max(1, int((d+time.Second-1)/time.Second))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
}

func writeProblem(w http.ResponseWriter, p wire.Problem) {
	write(w, p.Status, "application/problem+json", p)
}
