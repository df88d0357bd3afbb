// Package load is the traffic of the demo: a steady stream of requests to the shop, and what became of them, by second.
// It tells three outcomes apart, because a person would: a page, an error, and nobody there.
package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	history  = 10 * time.Minute // how much is remembered
	atOnce   = 64               // requests under way at most; beyond that a tick is skipped
	patience = 2 * time.Second  // for one request
)

// Bucket is one second of traffic, counted by when requests were answered.
type Bucket struct {
	Second int64 `json:"t"` // Unix time
	OK     int   `json:"ok"`
	Errors int   `json:"errors"` // answered with 5xx
	Down   int   `json:"down"`   // not answered
}

// Requests is how many there were.
func (b Bucket) Requests() int { return b.OK + b.Errors + b.Down }

// Failed is how many were of no use to whoever sent them.
func (b Bucket) Failed() int { return b.Errors + b.Down }

// Config says what to send. URL is required.
type Config struct {
	URL   string
	Every time.Duration    // between two requests; 0: 50 ms
	Clock func() time.Time // nil: time.Now
}

// Prober sends the requests and keeps the figures.
type Prober struct {
	cfg    Config
	client *http.Client

	mu       sync.Mutex  // guards all below
	buckets  []Bucket    // oldest first, none missing in between
	answered []time.Time // when the requests that were answered had been sent; roughly in order
}

// New makes a prober; Run makes it send.
func New(cfg Config) *Prober {
	if cfg.Every == 0 {
		cfg.Every = 50 * time.Millisecond
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	// A kept connection would go to the old container's socket for as long as it half-lives: each request dials anew.
	transport := &http.Transport{DisableKeepAlives: true}
	return &Prober{cfg: cfg, client: &http.Client{Transport: transport, Timeout: patience}}
}

// Run sends requests until ctx ends, and waits for those under way.
func (p *Prober) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, atOnce)
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case places <- struct{}{}:
			wg.Go(func() { defer func() { <-places }(); p.probe(ctx) })
		default:
		}
	}
}

func (p *Prober) probe(ctx context.Context) {
	sent := p.cfg.Clock()
	status, err := p.ask(ctx)
	if ctx.Err() == nil { // at the end nobody is to blame
		p.count(sent, status, err)
	}
}

func (p *Prober) ask(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.cfg.URL, nil)
	if err != nil {
		return 0, fmt.Errorf("asking the shop: %w", err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("asking the shop: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, err
}

func (p *Prober) count(sent time.Time, status int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.current(p.cfg.Clock().Unix())
	switch {
	case err != nil:
		b.Down++
		return
	case status >= 500:
		b.Errors++
	default:
		b.OK++
	}
	p.answered = append(p.answered, sent)
}

// current is the bucket of a second; earlier ones in which nothing was answered are filled in. The caller holds mu.
func (p *Prober) current(second int64) *Bucket {
	if len(p.buckets) == 0 {
		p.buckets = []Bucket{{Second: second}}
	}
	for last := p.buckets[len(p.buckets)-1].Second; last < second; last++ {
		p.buckets = append(p.buckets, Bucket{Second: last + 1})
	}
	p.forget(second)
	return &p.buckets[len(p.buckets)-1]
}

// forget drops what is older than the history. The caller holds mu.
func (p *Prober) forget(second int64) {
	if over := len(p.buckets) - int(history/time.Second); over > 0 {
		p.buckets = append([]Bucket(nil), p.buckets[over:]...)
	}
	oldest := time.Unix(second, 0).Add(-history)
	n := 0
	for n < len(p.answered) && p.answered[n].Before(oldest) {
		n++
	}
	if n > len(p.answered)/2 { // seldom, so that it costs nothing
		p.answered = append([]time.Time(nil), p.answered[n:]...)
	}
}
