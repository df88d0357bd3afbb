package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/limit"
	"github.com/snapback/snapback/internal/site"
	"github.com/snapback/snapback/internal/webpage"
)

// Config is what a Console needs. All but the last four are required.
type Config struct {
	Door       Door
	Access     Access
	Containers Containers
	Data       Data
	Restorer   Restorer
	Timeline   Timeline
	Exporter   download.Exporter
	Recordings Recordings
	Downloads  *download.Desk
	Terminals  Terminals

	Engine func(context.Context) error // says why the engine does not answer; nil: nobody asks
	Every  time.Duration               // how often what is shown is looked up while somebody looks; 0: 3 s
	Now    func() time.Time            // nil: time.Now
	Logger *slog.Logger                // nil: silent
}

// Console serves the page and what is behind it.
type Console struct {
	Config
	refusals *limit.Limiter[netip.Prefix]
	web      webpage.Page
	front    webpage.Front
	board    board
	streams  streams

	background context.Context // of what is looked up for several; ended by Stop
	cancel     context.CancelCauseFunc
	looking    sync.WaitGroup
}

const (
	refusalBurst = 30
	maxSources   = 10000
)

// New makes one. It has to be stopped. It fails when the front end that was built in is broken.
func New(c Config) (*Console, error) {
	if c.Every == 0 {
		c.Every = 3 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	front, err := webpage.OpenFront(dist, "web/dist")
	background, cancel := context.WithCancelCause(context.Background())
	return &Console{
		background: background, cancel: cancel, web: pageAt(c.Door.Site()),
		Config: c, refusals: limit.New[netip.Prefix](2*time.Second, refusalBurst, maxSources), front: front,
		streams: streams{of: map[string][]*opened{}},
	}, err
}

func pageAt(at site.Site) webpage.Page {
	return webpage.Page{
		Origin: at.Origin, Secure: at.Secure, Cookie: "snapback-console",
		Powers: "publickey-credentials-get=(self), publickey-credentials-create=(self)",
	}
}

// Stop ends what is live, so that the server can stop. Browsers come back by themselves. It can be called twice.
func (c *Console) Stop(context.Context) error {
	c.streams.endAll(errStopping)
	c.board.mu.Lock() // no look begins after this
	c.cancel(errStopping)
	c.board.mu.Unlock()
	c.looking.Wait() // not for long: all that is looked up ends with background
	return nil
}

func (c *Console) now() time.Time { return c.Now().UTC() }

// Handler serves / and everything below /console/.
func (c *Console) Handler() http.Handler {
	return webpage.Mux("/console/", []webpage.Route{
		{Method: "GET", Path: "/{$}", Serve: c.page},
		{Method: "GET", Path: "/console/assets/{name}", Serve: c.front.Asset},
		{Method: "GET", Path: "/console/door", Serve: c.door},
		{Method: "POST", Path: "/console/signin/begin", Serve: c.fromHere(c.beginSignIn)},
		{Method: "POST", Path: "/console/signin/finish", Serve: c.fromHere(c.finishSignIn)},
		{Method: "POST", Path: "/console/register/begin", Serve: c.fromHere(c.beginRegistration)},
		{Method: "POST", Path: "/console/register/finish", Serve: c.fromHere(c.finishRegistration)},
		{Method: "POST", Path: "/console/prove/begin", Serve: c.fromHere(c.known(c.beginProof))},
		{Method: "POST", Path: "/console/prove/finish", Serve: c.fromHere(c.known(c.finishProof))},
		{Method: "GET", Path: "/console/fresh", Serve: webpage.SameOrigin(c.known(c.fresh(c.isFresh)))},
		{Method: "POST", Path: "/console/signout", Serve: c.fromHere(c.known(c.signOut))},
		{Method: "GET", Path: "/console/session", Serve: webpage.SameOrigin(c.open(c.session))},
		{Method: "GET", Path: "/console/home", Serve: webpage.SameOrigin(c.known(c.home))},
		{Method: "GET", Path: "/console/live", Serve: webpage.SameOrigin(c.open(c.live))},
		{Method: "GET", Path: "/console/container", Serve: webpage.SameOrigin(c.open(c.container))},
		{Method: "GET", Path: "/console/offer", Serve: webpage.SameOrigin(c.known(c.offer))},
		{Method: "POST", Path: "/console/terminal", Serve: c.fromHere(c.known(c.terminal))},
		{Method: "POST", Path: "/console/restore", Serve: c.fromHere(c.known(c.restore))},
		{Method: "POST", Path: "/console/undo", Serve: c.fromHere(c.known(c.undo))},
		{Method: "GET", Path: "/console/export", Serve: webpage.SameOrigin(c.known(c.export))},
		{Method: "GET", Path: "/console/replay", Serve: webpage.SameOrigin(c.known(c.fresh(c.replay)))},
		{Method: "POST", Path: "/console/acknowledge", Serve: c.fromHere(c.known(c.acknowledge))},
		{Method: "POST", Path: "/console/resolve", Serve: c.fromHere(c.known(c.resolve))},
		{Method: "POST", Path: "/console/note", Serve: c.fromHere(c.known(c.note))},
	}, c.answer)
}
