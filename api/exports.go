package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
)

// exportIncident answers with a post-mortem. What shells have shown is as good as a shell, so that it takes the scope of one as well.
func (a *API) exportIncident(w http.ResponseWriter, r *http.Request) error {
	format := r.URL.Query().Get("format")
	if _, err := incidents.FindFormat(format); format != "" && err != nil {
		return &refusal{err: incidents.ErrFormat, detail: "There is no such export format. There are md, html, json, cdevents and zip."}
	}
	i, err := a.incident(r)
	if err != nil {
		return err
	}
	recordings := traceOf(r).token.May([]access.Scope{access.TerminalScope})
	err = a.Downloads.Send(w, r, a.deps.Exporter, download.Request{For: tokenOf(r), Incident: i, Format: format, Recordings: recordings})
	switch {
	case errors.Is(err, download.ErrBusy):
		setRetryAfter(w, 10*time.Second)
	case errors.Is(err, download.ErrCut):
		a.cutShort(r, err)
		return nil
	}
	return err
}

// tokenOf tells those apart who share what the bot can do at once.
func tokenOf(r *http.Request) string { return "token " + traceOf(r).token.ID }

// cutShort says in the log that an answer with status 200 was none. Its client sees it by the length.
func (a *API) cutShort(r *http.Request, err error) {
	t := traceOf(r)
	t.code = "cut_short"
	a.log.WarnContext(r.Context(), "answer cut short", "request_id", t.id, "err", err)
}
