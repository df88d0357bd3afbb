package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

// healthz says that the program runs, and no more: a database that is away is no reason to restart it.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) error {
	return respond(w, http.StatusOK, wire.Health{Status: "ok"})
}

// readyz says what the bot can reach. What keeps a check from passing is in the log: anybody may ask here.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) error {
	answers, ready := a.answering(r.Context())
	answer := wire.Readiness{Status: "ready", Checks: answers}
	status := http.StatusOK
	if !ready {
		status, answer.Status = http.StatusServiceUnavailable, "not ready"
	}
	return respond(w, status, answer)
}

// Ready says of each check whether it is passed, as /readyz does.
func (a *API) Ready(ctx context.Context) map[string]bool {
	answers, _ := a.answering(ctx)
	passed := map[string]bool{}
	for check, answer := range answers {
		passed[check] = answer == checkPassed
	}
	return passed
}

func (a *API) answering(ctx context.Context) (answers map[string]string, ready bool) {
	return a.ready.get(func() (map[string]string, bool) { return a.ask(ctx) })
}

const checkPassed = "ok"

// readiness keeps what was found out for a second, so that whoever asks all the time asks the database once in a while.
type readiness struct {
	mu      sync.Mutex // guards all below, and is held while it is found out
	at      time.Time
	answers map[string]string
	ready   bool
}

func (r *readiness) get(ask func() (map[string]string, bool)) (map[string]string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) >= time.Second {
		r.answers, r.ready = ask()
		r.at = time.Now()
	}
	return r.answers, r.ready
}

// ask asks all checks at once. It does not end with the request, since others are answered with it as well.
func (a *API) ask(ctx context.Context) (answers map[string]string, ready bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	var checks []Check
	if a.deps.Checks != nil {
		checks = a.deps.Checks()
	}
	errs := make([]error, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { errs[i] = check.Ask(ctx) })
	}
	all.Wait()
	answers = map[string]string{}
	for i, check := range checks {
		answers[check.Name] = checkPassed
		if errs[i] != nil {
			answers[check.Name] = "not answering"
			if errors.Is(errs[i], snapshot.ErrEngineDenied) {
				answers[check.Name] = "denied"
			}
			a.log.WarnContext(ctx, "not ready", "check", check.Name, "err", errs[i])
		}
	}
	return answers, enough(checks, errs)
}

// enough says that all checks have passed, of those that can stand in for each other one.
func enough(checks []Check, errs []error) bool {
	passed := map[string]bool{}
	for i, c := range checks {
		if errs[i] == nil {
			passed[c.OneOf] = true
		}
	}
	for i, c := range checks {
		if errs[i] != nil && (c.OneOf == "" || !passed[c.OneOf]) {
			return false
		}
	}
	return true
}
