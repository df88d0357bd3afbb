package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

// Config says where and how the server runs.
type Config struct {
	// Dir is the folder that the server lives in; made if needed. As root, the folder directly above
	// is opened for passing through (o+x) if the server's account needs that.
	Dir string
	// Bin is the folder of PostgreSQL's programs; empty: found by pg_config, PATH and Debian's folders.
	Bin string
	// Logger hears of restarts; nil: nobody does.
	Logger *slog.Logger
	// MaxConnections is the server's limit; zero: 120.
	MaxConnections int
	// OrphanTimeout is how long a server lives without a user when the last one was killed or has called Release.
	// Whole seconds. Zero: until the next Start on the folder adopts it and its Stop stops it.
	OrphanTimeout time.Duration
	// Ephemeral is for tests and demos: nothing is forced to the disk, and the data are removed with the server.
	Ephemeral bool
}

// Server is one use of the server of a folder. Several, in one or several programs, share that
// server, and the last one to Stop stops it.
type Server struct {
	cfg    Config
	folder folder
	bin    binaries
	users  *lock // held shared from Start on

	cancel context.CancelFunc // ends supervise
	done   chan struct{}      // closed when supervise has ended

	mu   sync.Mutex  // guards what follows
	pg   *postmaster // the latest one
	left bool        // Stop or Release has been called
}

// Start brings the folder's server up, or joins it where it runs already, and watches over it until Stop or
// Release. Ctx bounds the start alone, which lasts as long as a recovery from a crash does.
//
// It returns ErrNoBinaries, ErrVersion, an error that is syscall.ENOSPC when the disk is full, or others of one line each.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 120
	}
	acct, err := serverAccount()
	if err != nil {
		if _, none := findBinaries(ctx, cfg.Bin, ""); none != nil {
			return nil, none // which is what has to be mended first
		}
		return nil, err
	}
	f, err := openFolder(cfg.Dir, acct)
	if err != nil {
		return nil, err
	}
	users, err := openLock(f.path("users.lock"))
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, folder: f, users: users, done: make(chan struct{})}
	if err := s.begin(ctx); err != nil {
		users.release()
		return nil, err
	}
	return s, nil
}

func (s *Server) begin(ctx context.Context) error {
	if err := s.exclusively(ctx, s.join); err != nil {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	go s.supervise(life)
	return nil
}

// exclusively keeps all others from starting and stopping the folder's server meanwhile.
func (s *Server) exclusively(ctx context.Context, act func(context.Context) error) error {
	gate, err := openLock(s.folder.path("start.lock"))
	if err != nil {
		return err
	}
	defer gate.release()
	if err := gate.take(ctx, syscall.LOCK_EX); err != nil {
		return err
	}
	return act(ctx)
}

func (s *Server) join(ctx context.Context) error {
	if err := s.users.take(ctx, syscall.LOCK_SH); err != nil {
		return err
	}
	return s.bringUp(ctx)
}

// bringUp leaves s with a server that takes connections. It tries a few times: the sessions of a killed server hold
// its memory for a moment longer, and one that a killed program was just starting has no postmaster.pid yet.
func (s *Server) bringUp(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := s.adoptOrLaunch(ctx)
		if attempt == 4 || !errors.Is(err, errExited) || errors.Is(err, syscall.ENOSPC) {
			return err
		}
		if pause(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

func (s *Server) adoptOrLaunch(ctx context.Context) error {
	changed, err := s.folder.writeSettings(s.cfg)
	if err != nil {
		return err
	}
	found, err := s.folder.leftover()
	if err != nil {
		return err
	}
	if found != nil {
		if changed {
			found.signal(syscall.SIGHUP)
		}
		err := found.ready(ctx)
		if err == nil {
			s.set(found)
			return nil
		}
		if !errors.Is(err, errExited) {
			return fmt.Errorf("joining the PostgreSQL server that runs in %s (process %d): %w", s.folder.root, found.pid, err)
		}
	}
	return s.launch(ctx)
}

func (s *Server) launch(ctx context.Context) error {
	major, err := s.folder.major()
	if err != nil {
		return err
	}
	bin, err := findBinaries(ctx, s.cfg.Bin, major)
	if err != nil {
		return err
	}
	s.bin = bin
	if major == "" {
		if err := s.folder.initdb(ctx, bin, s.cfg.Ephemeral); err != nil {
			return err
		}
	}
	pg, err := s.folder.launch(ctx, bin)
	if err != nil {
		return err
	}
	s.set(pg)
	return s.guard(pg)
}

func (s *Server) guard(pg *postmaster) error {
	if s.cfg.OrphanTimeout == 0 {
		return nil
	}
	return s.folder.postGuard(pg, s.cfg.OrphanTimeout, s.cfg.Ephemeral)
}

func (s *Server) set(pg *postmaster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pg = pg
}

func (s *Server) current() *postmaster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pg
}

// URL is the database's address as libpq and pgx understand it. It has no secret in it. It stays
// the same when the server is restarted, except where the folder's name is so long that the socket is in /tmp.
func (s *Server) URL() string { return address(s.current().socket, owner) }

// PID is the process of the server at this moment.
func (s *Server) PID() int { return s.current().pid }

// Stop ends this use, and the server too if this was the last one: fast, or at once when ctx ends before that.
// The second call, from wherever, does nothing.
func (s *Server) Stop(ctx context.Context) error {
	if !s.leave() {
		return nil
	}
	defer s.users.release()
	return s.exclusively(ctx, s.stopIfLast)
}

// Release ends this use and leaves the server to others, or to Config.OrphanTimeout.
func (s *Server) Release() {
	if s.leave() {
		s.users.release()
	}
}

// leave ends the supervision, so that it doesn't restart what Stop stops.
func (s *Server) leave() bool {
	s.mu.Lock()
	again := s.left
	s.left = true
	s.mu.Unlock()
	if again {
		return false
	}
	s.cancel()
	<-s.done
	return true
}

func (s *Server) stopIfLast(ctx context.Context) error {
	last, err := s.last(ctx)
	if err != nil || !last {
		return err
	}
	pg, err := s.latest()
	if err != nil {
		return err
	}
	pg.stop(ctx, 30*time.Second)
	if !pg.gone() {
		return fmt.Errorf("stopping PostgreSQL: process %d doesn't end", pg.pid)
	}
	return errors.Join(s.folder.dropSocketFolder(pg.socket), s.forget())
}

// latest is the server that runs now: another user may have restarted it before we noticed.
func (s *Server) latest() (*postmaster, error) {
	pg := s.current()
	if !pg.gone() {
		return pg, nil
	}
	found, err := s.folder.leftover()
	if found == nil {
		found = pg
	}
	return found, err
}

// last asks for a while: a guard holds the lock when it looks for users, for an instant, and for longer on a busy machine.
func (s *Server) last(ctx context.Context) (bool, error) {
	for range 100 {
		alone, err := s.users.try(syscall.LOCK_EX)
		if alone || err != nil {
			return alone, err
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			break
		}
	}
	return false, nil
}

func (s *Server) forget() error {
	if !s.cfg.Ephemeral {
		return nil
	}
	return os.RemoveAll(s.folder.data())
}
