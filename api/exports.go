package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

const (
	maxExports    = 8                // that are made or sent at once
	exportsMaking = 2                // that are made at once: each holds two connections to the database, and a CPU
	exportLimit   = 10 * time.Minute // for making one
)

var (
	errExportsBusy = errors.New("too many exports at once")
	errNoRoom      = errors.New("no room on the disk for the answer")
	errCut         = errors.New("the answer was not taken to its end")
)

// exports bounds what exports may take of the bot.
type exports struct {
	all    chan struct{} // has a value for each
	making chan struct{} // has a value for each that is not made yet
}

func newExports() exports {
	return exports{make(chan struct{}, maxExports), make(chan struct{}, exportsMaking)}
}

// begin counts one in, or returns errExportsBusy. A request does not wait for slow clients of others.
func (e exports) begin() (end func(), err error) {
	select {
	case e.all <- struct{}{}:
		return func() { <-e.all }, nil
	default:
		return nil, errExportsBusy
	}
}

// make waits for its turn, which comes soon: nothing that is made waits for a client.
func (e exports) make(ctx context.Context, do func() error) error {
	select {
	case e.making <- struct{}{}:
		defer func() { <-e.making }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// exportIncident is made completely before the first byte is sent, so that a post-mortem is whole or not there. It is
// a download in every form: a page with what people and programs have written is not opened on the API's own origin.
// What shells have shown is as good as a shell, so that it takes the scope of one as well.
func (a *API) exportIncident(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("format")
	if name == "" {
		name = "md"
	}
	format, err := incidents.FindFormat(name)
	if err != nil {
		return &refusal{err: incidents.ErrFormat, detail: "There is no such export format. There are md, html, json, cdevents and zip."}
	}
	i, err := a.incident(r)
	if err != nil {
		return err
	}
	end, err := a.exports.begin()
	if err != nil {
		setRetryAfter(w, 10*time.Second)
		return err
	}
	defer end()
	whole, err := a.makeExport(r, name, i)
	if err != nil {
		return fmt.Errorf("exporting incident %s: %w", i.PagerDutyID, err)
	}
	defer whole.close()
	w.Header().Set("Content-Type", format.MediaType)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="incident-%d.%s"`, fileNumber(i), extension(name)))
	if err := whole.send(w, r); err != nil {
		a.cutShort(r, err)
	}
	return nil
}

// makeExport holds nothing of the database any more when it returns.
func (a *API) makeExport(r *http.Request, format string, i incidents.Incident) (*spool, error) {
	whole, err := newSpool(a.SpoolDir)
	if err != nil {
		return nil, err
	}
	recordings := traceOf(r).token.May([]access.Scope{access.TerminalScope})
	err = a.exports.make(r.Context(), func() error {
		return a.deps.Exporter.Export(r.Context(), whole, format, i, recordings)
	})
	if err != nil {
		whole.close()
		return nil, err
	}
	return whole, nil
}

// cutShort says in the log that an answer with status 200 was none. Its client sees it by the length.
func (a *API) cutShort(r *http.Request, err error) {
	t := traceOf(r)
	t.code = "cut_short"
	a.log.WarnContext(r.Context(), "answer cut short", "request_id", t.id, "err", err)
}

// digestHeader is the value of Repr-Digest (RFC 9530).
func digestHeader(sum []byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

func fileNumber(i incidents.Incident) int64 {
	if i.Number > 0 {
		return i.Number
	}
	return i.ID
}

func extension(format string) string {
	if format == "cdevents" {
		return "cdevents.json"
	}
	return format
}
