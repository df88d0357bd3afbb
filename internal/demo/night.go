package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/demo/load"
	"github.com/snapback/snapback/internal/demo/page"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

// The marks of what is said.
const (
	info = "info"
	good = "good"
	bad  = "bad"
)

// night is one run of the demo.
type night struct {
	opts Options
	run  string

	slack   *slackfake.Server
	channel *slackfake.Channel
	maria   *slackfake.User
	pd      *pagerdutyfake.Server
	onCall  pagerdutyfake.User
	secrets secrets
	pageURL string

	place    place
	host     string // the engine's own address, when it is not the one that DOCKER_HOST names
	badPool  string // DB_POOL of the bad deploy, for each task
	shop     engine.Deployment
	traffic  *load.Prober
	opened   time.Time // when the shop was well first
	product  string    // Snapback's address
	figures  figures
	incident *pagerdutyfake.Incident

	stops []stop // undone last to first

	mu     sync.Mutex // guards all below
	lines  []page.Line
	hint   string
	status engine.Status
	ran    string                  // the version that ran last
	paged  *pagerdutyfake.Incident // the incident, for the page
}

// stop undoes something that the run has made.
type stop struct {
	what string
	do   func(context.Context) error
}

func newNight(opts Options) *night {
	run := newRun()
	return &night{opts: opts, run: run, secrets: newSecrets(), status: engine.Status{Kept: []string{}, State: "absent"}}
}

// undo registers what to do at the end.
func (n *night) undo(what string, do func(context.Context) error) {
	n.stops = append(n.stops, stop{what, do})
}

// background runs f until the end, which waits for it.
func (n *night) background(what string, f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}) // closed when f has returned
	go func() { defer close(done); f(ctx) }()
	n.undo(what, func(limit context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-limit.Done():
			return limit.Err()
		}
	})
}

// tidyUp undoes all, and goes on after an error.
func (n *night) tidyUp(ctx context.Context) error {
	if len(n.stops) > 0 {
		n.say(info, "Tidying up")
	}
	var errs []error
	for _, s := range slices.Backward(n.stops) {
		if err := s.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.what, err))
		}
	}
	n.stops = nil
	return errors.Join(errs...)
}

// say tells the visitor, on the page and on the terminal.
func (n *night) say(mark, format string, args ...any) {
	line := page.Line{At: time.Now(), Mark: mark, Text: fmt.Sprintf(format, args...)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
	fmt.Fprintf(n.opts.Stdout, "%s  %s\n", line.At.Format("15:04:05"), line.Text)
}

// print writes to the terminal alone.
func (n *night) print(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = io.WriteString(n.opts.Stdout, text)
}

// suggest says what the visitor may do now.
func (n *night) suggest(hint string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hint = hint
}

// until waits for a condition, which it asks again and again. Its error names what did not come.
func until(ctx context.Context, what string, limit time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: not within %s", what, limit))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// side is what the page shows beside the phone.
func (n *night) side() page.Side {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := page.Side{Shop: n.status, Hint: n.hint, Log: slices.Clone(n.lines), Load: load.Summary{Buckets: []load.Bucket{}}}
	if n.status.Name != "" {
		s.ShopURL, s.Load = shopURL(n.shop), n.traffic.Summary(200)
	}
	if n.paged != nil {
		s.Incident = shown(n.paged)
	}
	if n.restoredNow() && !n.opts.Auto {
		s.Again = "Deploy " + badVersion + " again"
	}
	return s
}

// restoredNow says that a restore has put the shop back, and that the night isn't over. It must be called with mu held.
func (n *night) restoredNow() bool {
	return n.paged != nil && n.paged.Status() != pagerdutyfake.Resolved && n.ran == goodVersion
}

func shown(i *pagerdutyfake.Incident) *page.Incident {
	out := &page.Incident{ID: i.ID(), Number: i.Number(), Title: alertTitle, Service: serviceName, Status: i.Status(), Notes: []string{}}
	if by, ok := i.AcknowledgedBy(); ok {
		out.By = by.Name
	}
	for _, note := range i.Notes() {
		out.Notes = append(out.Notes, note.Content)
	}
	return out
}

func shopURL(d engine.Deployment) string { return "http://" + d.Port.String() + "/" }
