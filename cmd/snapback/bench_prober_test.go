package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	probeEvery   = 10 * time.Millisecond
	probePatient = time.Second
)

// prober asks an address every 10 ms, whatever became of the questions before, each over a connection of its own.
type prober struct {
	b      *testing.B
	url    string
	client *http.Client
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex // guards both below
	answered []time.Time
	news     chan struct{} // closed, and replaced, at every answer
}

func probe(b *testing.B, url string) *prober {
	ctx, cancel := context.WithCancel(b.Context())
	p := &prober{
		b: b, url: url, cancel: cancel, news: make(chan struct{}),
		client: &http.Client{Timeout: probePatient, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	p.wg.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.wg.Go(func() { p.ask(ctx) })
			case <-ctx.Done():
				return
			}
		}
	})
	return p
}

func (p *prober) ask(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = append(p.answered, time.Now())
	close(p.news)
	p.news = make(chan struct{})
}

// await waits for a number of answers that came after a moment.
func (p *prober) await(after time.Time, n int) {
	p.b.Helper()
	deadline := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		news, got := p.news, 0
		for _, at := range slices.Backward(p.answered) {
			if at.Before(after) {
				break
			}
			got++
		}
		p.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-news:
		case <-deadline:
			p.b.Fatalf("%s does not answer", p.url)
		}
	}
}

// end stops asking, and returns the longest time in which there was no answer: from the last one before to the first
// one after.
func (p *prober) end() time.Duration {
	p.cancel()
	p.wg.Wait()
	slices.SortFunc(p.answered, time.Time.Compare)
	var gap time.Duration
	for i := 1; i < len(p.answered); i++ {
		gap = max(gap, p.answered[i].Sub(p.answered[i-1]))
	}
	return gap
}
