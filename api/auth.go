package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/limit"
	"github.com/snapback/snapback/snapshot"
)

// authorize lets a request through whose token may be used for any one of scopes.
func (a *API) authorize(scopes []access.Scope, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		token, err := a.authenticate(r)
		if errors.Is(err, errUnauthorized) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="snapback"`)
		}
		if err != nil {
			return err
		}
		traceOf(r).token = token
		if !token.May(scopes) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="snapback", error="insufficient_scope", scope="%s"`, scopes[0]))
			return &refusal{err: errScope, detail: fmt.Sprintf("The token %s lacks the scope %s. snapback token create makes one that has it.", token.Name, scopes[0])}
		}
		return next(w, r)
	}
}

// authenticate finds the token that the request bears. Why one is refused is for the log alone: an attacker need not
// know whether it was revoked or never was. Every token that has the form of one is looked up, wherever it comes from.
func (a *API) authenticate(r *http.Request) (access.Token, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	if t, ok := access.BootstrapToken(a.BootstrapToken); ok && strings.EqualFold(scheme, "Bearer") && t.Matches(secret) {
		return t, nil
	}
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return access.Token{}, a.unauthorized(r, "missing", "")
	}
	id := access.TokenID(secret)
	if id == "" {
		return access.Token{}, a.unauthorized(r, "malformed", "")
	}
	token, err := a.findToken(r.Context(), id)
	switch {
	case errors.Is(err, access.ErrUnknownToken):
		return access.Token{}, a.unauthorized(r, "unknown", id)
	case err != nil:
		return access.Token{}, fmt.Errorf("finding the token: %w", err)
	case !token.Matches(secret):
		return access.Token{}, a.unauthorized(r, "wrong_secret", id)
	case !token.RevokedAt.IsZero():
		return access.Token{}, a.unauthorized(r, "revoked", id)
	}
	a.touch(r.Context(), token)
	return token, nil
}

const (
	maxLookUps = 8               // of tokens at once: a flood of guesses must leave the database to the webhooks
	lookUpWait = 5 * time.Second // for one's turn; an indexed look-up takes less than a millisecond
)

// findToken waits for its turn, first come, first served, so that a guesser can be waited out. It returns errBusy.
func (a *API) findToken(ctx context.Context, id string) (access.Token, error) {
	turn := time.NewTimer(lookUpWait)
	defer turn.Stop()
	select {
	case a.lookUps <- struct{}{}:
		defer func() { <-a.lookUps }()
		return a.deps.Tokens.FindToken(ctx, id)
	case <-turn.C:
		return access.Token{}, errBusy
	case <-ctx.Done():
		return access.Token{}, context.Cause(ctx)
	}
}

// unauthorized writes down why, unless too much from there was refused already: a flood must not fill the log twice over.
func (a *API) unauthorized(r *http.Request, cause, tokenID string) error {
	if a.limiter.Exhausted(limit.Source(r.RemoteAddr), time.Now()) {
		return errUnauthorized
	}
	a.log.WarnContext(r.Context(), "token refused", "request_id", traceOf(r).id, "cause", cause, "token_id", tokenID)
	return errUnauthorized
}

// touch notes the token's use, at most once a minute, since a busy pipeline would otherwise write a row at every
// request. That it can't be noted stops nobody.
func (a *API) touch(ctx context.Context, t access.Token) {
	now := time.Now().UTC()
	if now.Sub(t.LastUsedAt) < time.Minute {
		return
	}
	if err := a.deps.Tokens.TouchToken(ctx, t.ID, now); err != nil {
		a.log.WarnContext(ctx, "token use not noted", "token_id", t.ID, "err", err)
	}
}

// by is who asks, for the timeline. The native ID is the same for the same wish delivered twice.
func by(r *http.Request, incident int64, reason string) snapshot.By {
	t := traceOf(r)
	native := "request/" + t.id
	if key := wishKey(r); key != "" {
		native = key
	}
	return snapshot.By{
		Actor:    incidents.Actor{Kind: incidents.Token, Name: t.token.Name},
		Incident: incident,
		Reason:   reason,
		Source:   incidents.Source{System: "api", NativeID: native},
	}
}
