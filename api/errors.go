package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/incidents/flat/picture"
)

// Errors reads how many errors containers made.
type Errors interface {
	// ErrorMinutes lists what is kept of a container from since on, oldest first. Nobody knows of the container: none.
	ErrorMinutes(ctx context.Context, key string, since time.Time, fine bool) ([]flat.Minute, error)
}

// Pictures draws them. picture.Painter does.
type Pictures interface {
	// Chart returns picture.ErrNone when there is nothing to be drawn.
	Chart(ctx context.Context, in incidents.Incident) (chart.Chart, error)
}

// containerErrors lists minutes in the order of time, since they are a series, and all of them, since they are kept for about a day.
func (a *API) containerErrors(w http.ResponseWriter, r *http.Request) error {
	since, err := sinceOf(r, time.Now(), time.Now().Add(-chart.Window).UTC())
	if err != nil {
		return err
	}
	c, err := a.anyContainer(r)
	if err != nil {
		return err
	}
	minutes, err := a.deps.Errors.ErrorMinutes(r.Context(), c.Key, since, false)
	if err != nil {
		return err
	}
	tag(w, c)
	return respond(w, http.StatusOK, wire.Errors{Container: c.Name, Since: since, Minutes: shapeAll(minutes, shapeMinute)})
}

// sinceOf is a time, or how long before now; usual when neither is given.
func sinceOf(r *http.Request, now, usual time.Time) (time.Time, error) {
	text := r.URL.Query().Get("since")
	if text == "" {
		return usual, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), nil
	}
	if ago, err := lasting(text); err == nil && ago > 0 {
		return now.Add(-ago).UTC(), nil
	}
	return now, malformed("since is a time such as 2026-11-24T03:00:00Z, or how long ago, such as 90m or 7d.")
}

func shapeMinute(m flat.Minute) wire.ErrorMinute {
	out := wire.ErrorMinute{At: m.At, Errors: m.Errors, Rate: m.Rate(), Seconds: m.Seconds, Share: m.Share}
	if m.Traffic {
		out.Requests = &m.Requests
	}
	return out
}

// incidentChart is a picture of errors. An SVG follows its reader's system unless a theme is asked for.
func (a *API) incidentChart(w http.ResponseWriter, r *http.Request) error {
	format, theme := r.URL.Query().Get("format"), r.URL.Query().Get("theme")
	themes := map[string]chart.Theme{"": chart.Auto, "auto": chart.Auto, "light": chart.Light, "dark": chart.Dark}
	if _, known := themes[theme]; !known || format != "" && format != "svg" && format != "png" {
		return malformed("format is svg or png, and theme is light, dark or, for svg, auto.")
	}
	in, err := a.incident(r)
	if err != nil {
		return err
	}
	c, err := a.deps.Pictures.Chart(r.Context(), in)
	if errors.Is(err, picture.ErrNone) {
		return &refusal{err: errNoChart}
	}
	if err != nil {
		return err
	}
	if format == "png" {
		return a.sendPNG(w, c, themes[theme])
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
	_, _ = w.Write(c.SVG(themes[theme])) // a client that has gone needs no answer
	return nil
}

// phonePixels is how many pixels a point has on a phone.
const phonePixels = 3

func (a *API) sendPNG(w http.ResponseWriter, c chart.Chart, theme chart.Theme) error {
	if theme == chart.Auto {
		theme = chart.Light
	}
	doc, err := c.PNG(theme, phonePixels)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(doc) // a client that has gone needs no answer
	return nil
}
