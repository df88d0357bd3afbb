package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/snapback/snapback/internal/assets"
	"github.com/snapback/snapback/internal/limit"
)

// Config is what a Console needs. All but the last four are required.
type Config struct {
	Door       Door
	Access     Access
	Containers Containers
	Data       Data
	Restorer   Restorer
	Timeline   Timeline

	Engine func(context.Context) error // says why the engine does not answer; nil: nobody asks
	Every  time.Duration               // how often what is shown is looked up while somebody looks; 0: 3 s
	Now    func() time.Time            // nil: time.Now
	Logger *slog.Logger                // nil: silent
}

// Console serves the page and what is behind it.
type Console struct {
	Config
	refusals *limit.Limiter[netip.Prefix]
	front    *assets.Set // nil: it was not built
	board    board
	streams  streams
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
	front, err := frontEnd()
	return &Console{
		Config: c, refusals: limit.New[netip.Prefix](2*time.Second, refusalBurst, maxSources), front: front,
		streams: streams{of: map[string][]*opened{}},
	}, err
}

// Stop ends what is live, so that the server can stop. Browsers come back by themselves.
func (c *Console) Stop(context.Context) error {
	c.streams.endAll(errStopping)
	return nil
}

func (c *Console) now() time.Time { return c.Now().UTC() }

// Handler serves / and everything below /console/.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range []struct {
		method, path string
		h            handlerFunc
	}{
		{"GET", "/{$}", c.page},
		{"GET", "/console/assets/{name}", c.asset},
		{"GET", "/console/door", c.door},
		{"POST", "/console/signin/begin", c.fromHere(c.beginSignIn)},
		{"POST", "/console/signin/finish", c.fromHere(c.finishSignIn)},
		{"POST", "/console/register/begin", c.fromHere(c.beginRegistration)},
		{"POST", "/console/register/finish", c.fromHere(c.finishRegistration)},
		{"POST", "/console/prove/begin", c.fromHere(c.known(c.beginProof))},
		{"POST", "/console/prove/finish", c.fromHere(c.known(c.finishProof))},
		{"POST", "/console/signout", c.fromHere(c.known(c.signOut))},
		{"GET", "/console/session", c.sameSite(c.open(c.session))},
		{"GET", "/console/home", c.sameSite(c.known(c.home))},
		{"GET", "/console/live", c.sameSite(c.open(c.live))},
		{"GET", "/console/container", c.sameSite(c.known(c.container))},
		{"POST", "/console/restore", c.fromHere(c.known(c.restore))},
		{"POST", "/console/undo", c.fromHere(c.known(c.undo))},
		{"POST", "/console/acknowledge", c.fromHere(c.known(c.acknowledge))},
		{"POST", "/console/resolve", c.fromHere(c.known(c.resolve))},
		{"POST", "/console/note", c.fromHere(c.known(c.note))},
	} {
		mux.Handle(r.method+" "+r.path, c.answer(r.h)) // GET takes HEAD as well
		mux.Handle(r.path, c.answer(func(http.ResponseWriter, *http.Request) error { return errMethod }))
	}
	mux.Handle("/console/", c.answer(func(http.ResponseWriter, *http.Request) error { return errNotFound }))
	return mux
}
