// Package docker is the container engine as the snapshot package sees it, spoken to over Docker's API. It is the only
// package that imports Docker's client, so that a change of client stays inside this folder.
//
// What makes it hard is that an inspect document is not a create request: body.go holds every rule by which one is
// turned into the other, and compare.go proves afterwards that the result is what was asked for.
//
// It decides nothing. Which snapshot, when, and what to do when an act did not work, is the snapshot package's matter.
package docker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/snapshot"
)

// Config is how to reach an engine.
type Config struct {
	Host   string              // such as unix:///run/docker.sock, or the name of a context; zero: DOCKER_HOST and its relatives, as every Docker tool reads them
	Certs  string              // of a Host of tcp://: the folder with ca.pem, cert.pem and key.pem; zero: that of DOCKER_CERT_PATH, if it is set
	Getenv func(string) string // of DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG and HOME; zero: os.Getenv
	Only   string              // a label, as key or key=value, that an enabled container must bear as well; zero: none
	Namer  Namer               // zero: the engine's name is what it calls itself
	Record Record              // zero: nobody remembers who was seen in which place
	Logger *slog.Logger        // zero: nothing is logged

	// DataDir is the bot's own folder, which stands in for the engine's when that can't be seen; zero: nothing does.
	DataDir string

	// HelperProgram is a static program that runs volumetar.Run when called with volumetar.Command, and moves the contents
	// of volumes from within a container; zero: this very program. HelperImage is the name of its image, to which a tag
	// is added, and the beginning of its containers' names; zero: snapback-helper.
	HelperProgram, HelperImage string
	// Stall is how long a helper may show no sign of getting on until it is taken for stuck; zero: 2 minutes. One that does not
	// run, and was made five times as long ago, is removed.
	Stall time.Duration
}

// Engine is one Docker engine. It can be used from several goroutines at once.
type Engine struct {
	cli  *client.Client
	http *http.Client
	base string // scheme and host of requests that the client has no method for
	from string // what names the engine, for people
	only string

	inTheClear bool
	log        *slog.Logger

	dataDir      string // as Config has it
	configFolder string // where the docker program keeps its settings

	helperProgram, helperRepo string // as Config has them
	helper                    helper
	stall                     time.Duration
	reach                     reach

	namer  Namer  // nil: engines are called what they call themselves
	record Record // nil: nothing is on record

	mu      sync.Mutex
	name    string // guarded by mu; "" until it was found out
	strange bool   // guarded by mu: since then, somebody has answered who may be another engine

	clockAhead time.Duration // guarded by mu, as is the next one; see clock.go
	clockAsked time.Time

	triedAt time.Time // guarded by mu, as is the next one; see denied.go
	denied  []string
	newest  string // guarded by mu; see version.go

	stand   standings                    // guarded by mu
	silent  map[string]time.Time         // guarded by mu: when the engine last had no answer about a container; see lookPatiently
	modes   map[string]namespaces        // guarded by mu, as is the next one; by container ID: never change in a container's life
	mounted map[string]map[string]string // see mountedImages

	followed map[string]document // guarded by mu: by container ID, those whose log is being followed; see logged
}

// New makes an Engine. An engine that does not answer yet is no error: every call says so for itself, with an error
// that wraps snapshot.ErrEngineAway. A name by which it can't be found is one, which names the setting.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	to, err := connect(cfg.Host, cfg.Certs, cfg.Getenv)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cli: to.cli, http: to.http, base: to.base, from: to.from, inTheClear: to.inTheClear, only: cfg.Only, namer: cfg.Namer, record: cfg.Record, dataDir: cfg.DataDir, log: cfg.Logger,
		modes: map[string]namespaces{}, silent: map[string]time.Time{}, mounted: map[string]map[string]string{}, followed: map[string]document{},
	}
	e.configFolder = configFolder(cfg.Getenv)
	e.helperProgram, e.helperRepo = cfg.HelperProgram, cmp.Or(cfg.HelperImage, helperRepo)
	e.stall = cmp.Or(cfg.Stall, helperStall)
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := e.Ping(ctx); err != nil {
		e.log.WarnContext(ctx, "the container engine does not answer yet", "engine", e.from, "err", err)
	}
	return e, nil
}

// Close lets go of idle connections.
func (e *Engine) Close() error { return e.cli.Close() }

// From is what names the engine, for people: a host, a setting, or a context.
func (e *Engine) From() string { return e.from }

// InTheClear says that the engine is spoken to over a network without TLS: whoever is on that network can do to it what the bot can, and
// reads the secrets in what it answers.
func (e *Engine) InTheClear() bool { return e.inTheClear }

// Client is the client itself, for what this package has no method for. Whoever uses it checks labels and IDs first.
func (e *Engine) Client() *client.Client { return e.cli }

// Ping asks the engine for a sign of life.
func (e *Engine) Ping(ctx context.Context) error {
	ping, err := e.cli.Ping(ctx)
	if cerrdefs.IsInternal(err) { // one that can't answer even this is starting or shutting down
		err = fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	}
	if err != nil {
		return fmt.Errorf("pinging the engine: %w", known(err, nil))
	}
	e.cli.NegotiateAPIVersionPing(ping)
	e.learnVersion(ping.APIVersion)
	return nil
}
