package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
)

// readPolicy is for a post-mortem that is read within the page. It holds what people and programs have written: nothing in it runs, it
// has no origin, and it can be framed by the console alone.
const readPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// export sends the post-mortem of an incident that this person may see: as a download in any form, or with read to be read in the
// page. What shells have shown is not in it: that is played by itself, see replay. It returns errNoIncident.
func (c *Console) export(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	q := r.URL.Query()
	in, err := c.askedIncident(r, s)
	if err != nil {
		return err
	}
	want := download.Request{For: "person " + s.SlackID, Incident: in, Format: q.Get("format")}
	if q.Has("read") {
		want.Format, want.Inline = "html", true
		w.Header().Set("Content-Security-Policy", readPolicy)
		w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	}
	return c.send(w, r, c.Exporter, want)
}

// askedIncident is the one that a request names, if this person may see it. It returns errNoIncident.
func (c *Console) askedIncident(r *http.Request, s signin.Session) (incidents.Incident, error) {
	id, err := strconv.ParseInt(r.URL.Query().Get("incident"), 10, 64)
	if err != nil {
		return incidents.Incident{}, errNoIncident
	}
	seen, err := c.board.look(r.Context(), c)
	if err != nil {
		return incidents.Incident{}, err
	}
	in, _, err := c.myIncident(r.Context(), s, seen, id)
	return in, err
}

func (c *Console) send(w http.ResponseWriter, r *http.Request, from download.Exporter, want download.Request) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(download.Limit)) // a test's writer has none
	ctx, cancel := context.WithTimeout(r.Context(), download.Limit)
	defer cancel()
	err := c.Downloads.Send(w, r.WithContext(ctx), from, want)
	if errors.Is(err, download.ErrCut) {
		c.Logger.Warn("post-mortem cut short", "incident_id", want.Incident.ID, "err", err)
		return nil
	}
	return err
}
