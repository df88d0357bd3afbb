// Package download sends post-mortems, which may be large, to whoever may have them: whole or not at all. The HTTP API and the console
// share one Desk, so that both together take no more of the bot than either may.
//
// It does not know who may: that is asked before.
package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/limit"
)

const (
	most   = 8                // that are made or sent at once
	share  = 4                // of these, that one person or token may have
	making = 2                // that are made at once, one for each: each holds two connections to the database, and a CPU
	Limit  = 10 * time.Minute // for making one
)

// What can go wrong. Before ErrCut a part was sent, with status 200: its receiver sees by the length that it is not whole.
var (
	ErrBusy   = errors.New("too many exports at once")
	ErrNoRoom = errors.New("no room on the disk for the answer")
	ErrCut    = errors.New("the answer was not taken to its end")
)

// Exporter writes a post-mortem, without having all of it in memory. What it wrote before an error is thrown away. format is one that
// incidents.FindFormat knows; with recordings, it holds what the incident's shells have shown, where the format can.
type Exporter interface {
	Export(ctx context.Context, w io.Writer, format string, incident incidents.Incident, recordings bool) error
}

// Desk bounds what exports may take of the bot.
type Desk struct {
	dir    string
	all    *limit.Shares
	making *limit.Shares // those that are not made yet
}

// NewDesk makes one that keeps answers, encrypted, in dir until they are sent; "" is the system's place for temporary files.
func NewDesk(dir string) *Desk {
	return &Desk{dir, limit.NewShares(most, share), limit.NewShares(making, 1)}
}

// Request is a post-mortem that somebody wants, and may have.
type Request struct {
	Incident   incidents.Incident
	For        string // tells those apart who ask, each of whom has a share
	Format     string // "": md
	Recordings bool   // they may have what shells have shown, which is as good as a shell
	Inline     bool   // it is shown by the browser, under a policy that whoever asks has set; else it is saved
}

// Send answers with a post-mortem. It is made completely before the first byte is sent, so that it is whole or not there. It is a
// download unless it is asked for inline: a page with what people and programs have written is not opened on the bot's own origin. It
// returns
// incidents.ErrFormat, ErrBusy, ErrNoRoom and ErrCut, and has sent nothing when it returns another one than ErrCut.
func (d *Desk) Send(w http.ResponseWriter, r *http.Request, from Exporter, want Request) error {
	if want.Format == "" {
		want.Format = "md"
	}
	format, err := incidents.FindFormat(want.Format)
	if err != nil {
		return err
	}
	end, ok := d.all.Try(want.For) // a request does not wait for slow clients of others
	if !ok {
		return ErrBusy
	}
	defer end()
	whole, err := d.spooled(r.Context(), from, want)
	if err != nil {
		return fmt.Errorf("exporting incident %s: %w", want.Incident.PagerDutyID, err)
	}
	defer whole.close()
	w.Header().Set("Content-Type", format.MediaType)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`%s; filename="incident-%d.%s"`, want.disposition(), number(want.Incident), extension(want.Format)))
	return whole.send(w, r)
}

func (q Request) disposition() string {
	if q.Inline {
		return "inline"
	}
	return "attachment"
}

// Make waits for who's turn, which comes soon: nothing that is made waits for a client.
func (d *Desk) Make(ctx context.Context, who string, do func() error) error {
	end, err := d.making.Wait(ctx, who)
	if err != nil {
		return err
	}
	defer end()
	return do()
}

// spooled holds nothing of the database any more when it returns.
func (d *Desk) spooled(ctx context.Context, from Exporter, want Request) (*spool, error) {
	whole, err := newSpool(d.dir)
	if err != nil {
		return nil, err
	}
	err = d.Make(ctx, want.For, func() error { return from.Export(ctx, whole, want.Format, want.Incident, want.Recordings) })
	if err != nil {
		whole.close()
		return nil, err
	}
	return whole, nil
}

// limitWrite ignores writers that have no connection, such as a test's.
func limitWrite(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

func number(i incidents.Incident) int64 {
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
