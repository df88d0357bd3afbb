package pgserver

import (
	"context"
	"time"
)

const (
	// watchEvery is how often an adopted server, which can't be waited for, and the log are looked at.
	watchEvery = time.Second
	// A server that lived this long earns a quick restart again.
	steady        = time.Minute
	firstPause    = 100 * time.Millisecond
	longestPause  = 30 * time.Second
	restartWithin = 10 * time.Minute // recovery from a crash included
)

// supervise restarts the server whenever it ends, until ctx does. Several programs may do this for one
// server: the first one through the gate restarts it, and the others join that.
func (s *Server) supervise(ctx context.Context) {
	defer close(s.done)
	wait := firstPause
	for {
		since := time.Now()
		if s.watch(ctx) != nil {
			return
		}
		if time.Since(since) > steady {
			wait = firstPause
		}
		s.cfg.Logger.Error("database server ended", "pid", s.PID(), "log", s.folder.log(), "restart_in", wait)
		if pause(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, longestPause)
		s.restart(ctx)
	}
}

// watch returns nil when the server has ended, and otherwise when ctx has.
func (s *Server) watch(ctx context.Context) error {
	pg := s.current()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for !pg.gone() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-pg.exited: // nil, and so never ready, for an adopted one
		case <-tick.C:
			s.boundLog()
		}
	}
	return ctx.Err()
}

func (s *Server) boundLog() {
	if err := boundLog(s.folder.log(), maxLog); err != nil {
		s.cfg.Logger.Warn("database log not cut", "err", err)
	}
}

func (s *Server) restart(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, restartWithin)
	defer cancel()
	if err := s.exclusively(ctx, s.bringUp); err != nil {
		s.cfg.Logger.Error("database server not restarted", "err", err)
		return
	}
	s.cfg.Logger.Info("database server restarted", "pid", s.PID())
}
