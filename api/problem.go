package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/refusals"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Refusals that arise here.
var (
	errMalformed       = errors.New("the request can't be read")
	errUnauthorized    = errors.New("no valid token")
	errScope           = errors.New("the token lacks the scope")
	errOtherBot        = errors.New("another bot looks after the container")
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
	errNoChart         = errors.New("there is no chart of it")
	errHandedOut       = errors.New("the link was handed out")
	errInternal        = errors.New("internal error")
	errWebhookDisabled = errors.New("no webhook secret is set")
)

// statusClientGone is for the log alone, after nginx: nobody is there to read it.
const statusClientGone = 499

// The refusals that only HTTP has, in rows that stand before and after those of the domain (refusals.Table). The first row
// that errors.Is finds holds.
//
// A restore that was refused, reverted or failed is 422 and not 5xx on purpose: tools repeat a 5xx by themselves, and
// every repetition would take the container down again.
var (
	beforeDomain = []refusals.Row{
		{Err: context.Canceled, Status: statusClientGone, Code: "client_gone",
			Detail: "The client went away."},
		{Err: errTooMany, Status: http.StatusTooManyRequests, Code: "too_many_refusals",
			Detail: "Too many requests from here were refused. Wait as Retry-After says, and check the token."},
		{Err: incidents.ErrUnsigned, Status: http.StatusUnauthorized, Code: "bad_signature",
			Detail: "The webhook's signature is missing or wrong. The bot does not know the subscription's secret: snapback pagerduty rotate, or correct PAGERDUTY_WEBHOOK_SECRETS."},
		{Err: incidents.ErrBadSignature, Status: http.StatusUnauthorized, Code: "bad_signature",
			Detail: "The webhook's signature is missing or wrong. The bot does not know the subscription's secret: snapback pagerduty rotate, or correct PAGERDUTY_WEBHOOK_SECRETS."},
		{Err: errUnauthorized, Status: http.StatusUnauthorized, Code: "unauthorized",
			Detail: "Send a valid token as Authorization: Bearer. snapback token create makes one."},
		{Err: errOtherBot, Status: http.StatusServiceUnavailable, Code: "elsewhere",
			Detail: "Another bot looks after this container: ask that one."},
		{Err: errScope, Status: http.StatusForbidden, Code: "insufficient_scope",
			Detail: "The token lacks a scope that this needs. snapback token create makes one that has it."},
		{Err: access.ErrDenied, Status: http.StatusForbidden, Code: "not_allowed",
			Detail: "That person may not do this with this container. Its labels snapback.restore.allow and snapback.terminal.allow say who may."},
		{Err: errUnknownPath, Status: http.StatusNotFound, Code: "unknown_path",
			Detail: "Nothing is here. /docs lists what is, and GET /openapi.json does so for programs."},
		{Err: errNoChart, Status: http.StatusNotFound, Code: "no_chart",
			Detail: "No errors are kept that belong to this incident: no container names its service, nobody counted, or it is longer ago than a day."},
		{Err: errMethod, Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "That method is not for this path. Allow lists those that are."},
		{Err: errMediaType, Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Detail: "Send the body as application/json, in UTF-8."},
		{Err: errTooLarge, Status: http.StatusRequestEntityTooLarge, Code: "too_large",
			Detail: "A body may have at most 1 MiB."},
		{Err: errMalformed, Status: http.StatusBadRequest, Code: "malformed",
			Detail: "The request can't be read."},
	}
	afterDomain = []refusals.Row{
		{Err: errResolved, Status: http.StatusConflict, Code: "incident_resolved",
			Detail: "The incident is resolved, which ends its terminals."},
		{Err: errOtherService, Status: http.StatusConflict, Code: "other_service",
			Detail: "The incident is not about that container."},
		{Err: snapshot.ErrKeyInFlight, Status: http.StatusConflict, Code: "idempotency_key_in_flight",
			Detail: "The first request with this Idempotency-Key is not over. Try again in a moment."},
		{Err: errHandedOut, Status: http.StatusConflict, Code: "link_handed_out",
			Detail: "The link of this Idempotency-Key was handed out, and is not kept. Ask for another one with a new key."},
		{Err: snapshot.ErrKeyReused, Status: http.StatusUnprocessableEntity, Code: "idempotency_key_reused",
			Detail: "This Idempotency-Key was used for another request. Use a new one."},
		{Err: errReverted, Status: http.StatusUnprocessableEntity, Code: "reverted",
			Detail: "The restore did not work, and the container from before is back."},
		{Err: errFailed, Status: http.StatusUnprocessableEntity, Code: "restore_failed",
			Detail: "The restore failed, and so did putting the container from before back. A person has to look."},
		{Err: access.ErrTooMany, Status: http.StatusTooManyRequests, Code: "too_many_terminals",
			Detail: "Too many terminals are open. End one first."},
		{Err: download.ErrBusy, Status: http.StatusServiceUnavailable, Code: "exports_busy",
			Detail: "Many exports are under way. Try again in a moment."},
		{Err: download.ErrNoRoom, Status: http.StatusServiceUnavailable, Code: "no_room",
			Detail: "The disk of SNAPBACK_DATA_DIR has no room for the export. Nothing was sent; make room, and try again."},
		{Err: access.ErrUnsure, Status: http.StatusServiceUnavailable, Code: "unsure",
			Detail: "Slack or PagerDuty does not tell who may. Nothing was done; try again in a minute."},
		{Err: ErrUnavailable, Status: http.StatusServiceUnavailable, Code: "database_away",
			Detail: "The database does not answer. Nothing was done; try again when it does."},
		{Err: errBusy, Status: http.StatusServiceUnavailable, Code: "busy",
			Detail: "Too many tokens are being looked up. Nothing was done; try again in a few seconds."},
		{Err: errWebhookDisabled, Status: http.StatusServiceUnavailable, Code: "webhooks_disabled",
			Detail: "No secret of a webhook subscription is known, so webhooks can't be verified: snapback pagerduty subscribe makes one, or set PAGERDUTY_WEBHOOK_SECRETS."},
		{Err: context.DeadlineExceeded, Status: http.StatusServiceUnavailable, Code: "timeout",
			Detail: "It took too long. Look what was done before you try again."},
	}
)

// internalError is how an error is answered that is in no table.
var internalError = refusals.Row{Err: errInternal, Status: http.StatusInternalServerError, Code: "internal_error",
	Detail: "Internal error. The log tells more under the request's ID."}

// refusal adds to an error what its row can't know.
type refusal struct {
	err     error
	detail  string // in place of the row's; "": that one
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

// answerTo finds the row for err; what is in no table is an internal error.
func (a *API) answerTo(err error) refusals.Row {
	if a.deps.DatabaseAway != nil && a.deps.DatabaseAway(err) {
		err = ErrUnavailable
	}
	if row, ok := refusals.Find(err, beforeDomain, refusals.Table(), afterDomain); ok {
		return row
	}
	return internalError
}

// problem is err as it is told. Of an error that is nobody's business but the log's, it tells nothing.
func (a *API) problem(err error, requestID string) wire.Problem {
	row := a.answerTo(err)
	p := wire.Problem{
		Type:      "urn:snapback:problem:" + row.Code,
		Title:     http.StatusText(row.Status),
		Status:    row.Status,
		Detail:    row.Detail,
		Code:      row.Code,
		RequestID: requestID,
	}
	var running *restore.InProgressError
	if errors.As(err, &running) {
		p.Detail, p.Restore = running.Error()+". Wait until it is over.", shapeRestore(running.Running)
	}
	var denied *snapshot.DeniedError
	if errors.As(err, &denied) {
		p.Detail = denied.Error() + ". Allow it there; snapback doctor lists all such calls."
	}
	var held *snapshot.HeldError
	if errors.As(err, &held) {
		p.Detail = held.Error()
	}
	var there *restore.AlreadyThereError
	if errors.As(err, &there) && there.Service {
		p.Detail = "Nothing was done: " + there.Anew() + "."
	}
	var refused *restore.RefusedError
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
