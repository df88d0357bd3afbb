package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// authorize lets a request through whose token may be used for any one of scopes.
func (a *API) authorize(scopes []Scope, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		token, err := a.authenticate(r)
		if errors.Is(err, errUnauthorized) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="snapback"`)
		}
		if errors.Is(err, errTooMany) {
			setRetryAfter(w, a.limiter.wait(r.RemoteAddr, time.Now()))
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
// know whether it was revoked or never was. From where too much was refused, a token that has not worked here is not even
// looked up: what is tried from there costs neither the database nor the log.
func (a *API) authenticate(r *http.Request) (Token, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	if t, ok := a.bootstrap(); ok && strings.EqualFold(scheme, "Bearer") && t.matches(secret) {
		return t, nil
	}
	if a.limiter.wait(r.RemoteAddr, time.Now()) > 0 && !a.familiar.has(secret) {
		return Token{}, errTooMany
	}
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return Token{}, a.unauthorized(r, "missing", "")
	}
	id := tokenID(secret)
	if id == "" {
		return Token{}, a.unauthorized(r, "malformed", "")
	}
	token, err := a.deps.Tokens.FindToken(r.Context(), id)
	switch {
	case errors.Is(err, ErrUnknownToken):
		return Token{}, a.unauthorized(r, "unknown", id)
	case err != nil:
		return Token{}, fmt.Errorf("finding the token: %w", err)
	case !token.matches(secret):
		return Token{}, a.unauthorized(r, "wrong_secret", id)
	case !token.RevokedAt.IsZero():
		a.familiar.drop(token)
		return Token{}, a.unauthorized(r, "revoked", id)
	}
	a.familiar.add(token)
	a.touch(r.Context(), token)
	return token, nil
}

func (a *API) unauthorized(r *http.Request, cause, tokenID string) error {
	a.log.WarnContext(r.Context(), "token refused", "request_id", traceOf(r).id, "cause", cause, "token_id", tokenID)
	return errUnauthorized
}

// touch notes the token's use, at most once a minute, since a busy pipeline would otherwise write a row at every
// request. That it can't be noted stops nobody.
func (a *API) touch(ctx context.Context, t Token) {
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
