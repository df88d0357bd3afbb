package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/download"
)

// handler answers, or returns why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one row of the table of what the API answers.
type route struct {
	method  string
	pattern string
	scopes  []access.Scope // any one of these; none: open to everybody
	handle  handler
	limit   time.Duration // how long it may take
	once    bool          // Idempotency-Key is honoured
	secret  bool          // the answer is for one pair of eyes, and is never kept
	health  bool          // on the metrics address as well
}

const (
	quick = 30 * time.Second
	long  = wire.CommitLimit // for commits, which take as long as a layer is large
)

// routes is the one table. openapi.json says the same, and a test holds the two against each other.
func (a *API) routes() []route {
	read, write := []access.Scope{access.ReadSnapshots}, []access.Scope{access.WriteSnapshots}
	restore, look := []access.Scope{access.RestoreScope}, []access.Scope{access.ReadSnapshots, access.RestoreScope}
	waiting := a.MaxWait + quick
	return []route{
		{method: "GET", pattern: "/containers", scopes: read, handle: a.listContainers, limit: quick},
		{method: "GET", pattern: "/containers/{id}", scopes: read, handle: a.getContainer, limit: quick},
		{method: "GET", pattern: "/containers/{id}/errors", scopes: read, handle: a.containerErrors, limit: quick},
		{method: "GET", pattern: "/containers/{id}/hold", scopes: read, handle: a.getHold, limit: quick},
		{method: "DELETE", pattern: "/containers/{id}/hold", scopes: restore, handle: a.releaseHold, limit: quick},
		{method: "GET", pattern: "/containers/{id}/snapshots", scopes: read, handle: a.listSnapshots, limit: quick},
		{method: "POST", pattern: "/containers/{id}/snapshots", scopes: write, handle: a.takeSnapshot, limit: long, once: true},
		{method: "GET", pattern: "/containers/{id}/snapshots/{name}", scopes: read, handle: a.getSnapshot, limit: quick},
		{method: "PATCH", pattern: "/containers/{id}/snapshots/{name}", scopes: restore, handle: a.restoreSnapshot, limit: waiting, once: true},
		{method: "PUT", pattern: "/containers/{id}/snapshots/{name}", scopes: restore, handle: a.restoreSnapshot, limit: waiting, once: true},
		{method: "DELETE", pattern: "/containers/{id}/snapshots/{name}", scopes: write, handle: a.deleteSnapshot, limit: quick},
		{method: "GET", pattern: "/services", scopes: read, handle: a.listServices, limit: quick},
		{method: "GET", pattern: "/deploys", scopes: read, handle: a.listDeploys, limit: quick},
		{method: "POST", pattern: "/snapshots/rebuild", scopes: []access.Scope{access.Admin}, handle: a.rebuildSnapshots, limit: long, once: true},
		{method: "GET", pattern: "/restores/{id}", scopes: look, handle: a.getRestore, limit: quick},
		{method: "POST", pattern: "/restores/{id}/undo", scopes: restore, handle: a.undoRestore, limit: waiting, once: true},
		{method: "GET", pattern: "/incidents", scopes: []access.Scope{access.ReadIncidents}, handle: a.listIncidents, limit: quick},
		{method: "GET", pattern: "/incidents/{id}", scopes: []access.Scope{access.ReadIncidents}, handle: a.getIncident, limit: quick},
		{method: "GET", pattern: "/incidents/{id}/timeline", scopes: []access.Scope{access.ReadIncidents}, handle: a.incidentTimeline, limit: quick},
		{method: "GET", pattern: "/incidents/{id}/proof", scopes: []access.Scope{access.ReadIncidents}, handle: a.proveIncident, limit: download.Limit},
		{method: "GET", pattern: "/incidents/{id}/export", scopes: []access.Scope{access.ReadIncidents}, handle: a.exportIncident, limit: download.Limit},
		{method: "GET", pattern: "/incidents/{id}/chart", scopes: []access.Scope{access.ReadIncidents}, handle: a.incidentChart, limit: quick},
		{method: "POST", pattern: "/incidents/{id}/notes", scopes: []access.Scope{access.WriteIncidents}, handle: a.addNote, limit: quick, once: true},
		{method: "POST", pattern: "/incidents/{id}/terminal-links", scopes: []access.Scope{access.TerminalScope}, handle: a.mintLink, limit: quick, once: true, secret: true},
		{method: "GET", pattern: "/timeline", scopes: []access.Scope{access.ReadIncidents}, handle: a.looseTimeline, limit: quick},
		{method: "GET", pattern: "/timeline/proof", scopes: []access.Scope{access.ReadIncidents}, handle: a.proveLoose, limit: download.Limit},
		{method: "POST", pattern: "/webhooks/pagerduty", handle: a.receivePagerDuty, limit: webhookLimit},
		{method: "GET", pattern: "/openapi.json", handle: a.openAPI, limit: quick},
		{method: "GET", pattern: "/docs", handle: a.docsPage, limit: quick},
		{method: "GET", pattern: "/healthz", handle: a.healthz, limit: quick, health: true},
		{method: "GET", pattern: "/readyz", handle: a.readyz, limit: quick, health: true},
	}
}

func byPattern(routes []route) map[string][]route {
	grouped := map[string][]route{}
	for _, rt := range routes {
		grouped[rt.pattern] = append(grouped[rt.pattern], rt)
	}
	return grouped
}

// methods chooses by method. HEAD is answered as GET is; net/http leaves the body out.
func (a *API) methods(routes []route) http.Handler {
	handlers := map[string]http.Handler{}
	var allow []string
	for _, rt := range routes {
		h := a.serve(rt)
		handlers[rt.method], allow = h, append(allow, rt.method)
		if rt.method == http.MethodGet {
			handlers[http.MethodHead], allow = h, append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traceOf(r).route = routes[0].pattern
		if h := handlers[r.Method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		a.refuse(w, r, errMethod)
	})
}

// serve is what a route's requests pass: deadline, token, twin, handler.
func (a *API) serve(rt route) http.Handler {
	h := rt.handle
	if rt.once {
		h = a.once(rt, h)
	}
	if len(rt.scopes) > 0 {
		h = a.authorize(rt.scopes, h)
	}
	return limitTime(rt.limit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traceOf(r).route = rt.pattern
		if err := h(w, r); err != nil {
			a.refuse(w, r, err)
		}
	}))
}

// mounted is another package's handler.
func (a *API) mounted(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traceOf(r).route = pattern
		next.ServeHTTP(w, r)
	})
}

func (a *API) unknown() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.refuse(w, r, errUnknownPath) })
}
