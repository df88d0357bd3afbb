package prometheus

import (
	"math"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
)

// alive yields something whenever the server scrapes anything.
const alive = "count(up)"

// ask tells what came since the last answer.
func (s *Source) ask(c snapshot.Observation) error {
	now, from := time.Now(), s.toldTo(c.Key)
	if oldest := now.Add(-s.Back); from.Before(oldest) {
		from = oldest
	}
	if now.Sub(from) > 3*s.Every {
		if err := s.askPast(c, from, now); err != nil {
			return err
		}
		from = s.toldTo(c.Key)
	}
	count := flat.Count{Key: c.Key, From: from, To: now, Share: 1}
	minutes := now.Sub(from).Minutes()
	rate, err := s.Client.Now(s.ctx, c.Query)
	if err != nil {
		return err
	}
	count.Errors = rate * minutes
	if c.Requests != "" {
		rate, err := s.Client.Now(s.ctx, c.Requests)
		if err != nil {
			return err
		}
		count.Requests, count.Traffic = rate*minutes, true
	}
	return s.tell(count)
}

// askPast tells of the past, step by step, as far as the server was scraping then.
func (s *Source) askPast(c snapshot.Observation, from, to time.Time) error {
	first := from.Truncate(s.Step).Add(s.Step)
	known, err := s.Client.Range(s.ctx, alive, first, to, s.Step)
	if err != nil {
		return err
	}
	failed, err := s.Client.Range(s.ctx, c.Query, first, to, s.Step)
	if err != nil {
		return err
	}
	var requests map[int64]float64
	if c.Requests != "" {
		if requests, err = s.Client.Range(s.ctx, c.Requests, first, to, s.Step); err != nil {
			return err
		}
	}
	for at := first; !at.After(to); at = at.Add(s.Step) {
		ms, minutes := at.UnixMilli(), s.Step.Minutes()
		rate, there := failed[ms]
		if _, scraped := known[ms]; !there && !scraped || math.IsNaN(rate+requests[ms]) {
			continue
		}
		if err = s.tell(flat.Count{
			Key: c.Key, From: at.Add(-s.Step), To: at, Errors: rate * minutes, Requests: requests[ms] * minutes, Traffic: requests != nil, Share: 1,
		}); err != nil {
			return err
		}
	}
	s.setTold(c.Key, to.Truncate(s.Step))
	return nil
}

func (s *Source) tell(c flat.Count) error {
	if err := s.Recorder.Add(s.ctx, c); err != nil {
		return err
	}
	s.setTold(c.Key, c.To)
	return nil
}
