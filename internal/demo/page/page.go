// Package page shows people the demo in a browser: on the left a phone with the Slack channel, in which everything can
// be tapped, and beside it what the phone can't show: the shop's error rate, what runs, and what PagerDuty knows.
//
// The phone draws the blocks that the app has posted, from the stand-in's own state, and a tap goes to the stand-in,
// which signs it and sends it to the app as Slack does. Nothing here knows the product. Modals and rich_text blocks
// are not drawn.
//
// It is for this machine's own browser: it answers no other host's pages and no other host's name.
package page

import (
	"context"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/demo/load"
	"github.com/snapback/snapback/internal/slackfake"
)

//go:embed static page.html.tmpl
var files embed.FS

var pageTemplate = template.Must(template.ParseFS(files, "page.html.tmpl"))

// Side is everything beside the phone.
type Side struct {
	Shop     engine.Status `json:"shop"`
	ShopURL  string        `json:"shop_url"`
	Load     load.Summary  `json:"load"`
	Incident *Incident     `json:"incident"` // nil: none yet
	Log      []Line        `json:"log"`      // oldest first
	Hint     string        `json:"hint"`     // what the visitor may do now
	Again    string        `json:"again"`    // what the button under the shop says; "": there is none
}

// Incident is PagerDuty's view.
type Incident struct {
	ID      string   `json:"id"`
	Number  int      `json:"number"`
	Title   string   `json:"title"`
	Service string   `json:"service"`
	Status  string   `json:"status"`
	By      string   `json:"by,omitempty"` // who acknowledged it
	Notes   []string `json:"notes"`
}

// Line is something that happened. Mark is info, good or bad.
type Line struct {
	At   time.Time `json:"at"`
	Mark string    `json:"mark"`
	Text string    `json:"text"`
}

// Config is what the page shows. All fields but Again, Log and Every are required.
type Config struct {
	Slack   *slackfake.Server
	Me      *slackfake.User // whose phone it is
	Channel *slackfake.Channel
	Side    func() Side
	Again   func(context.Context) error // what the button under the shop does; nil: nothing
	Log     *slog.Logger                // nil: nothing is logged
	Every   time.Duration               // between two looks at Side; 0: 1 s
}

// Page serves the page and what it asks for.
type Page struct {
	cfg Config
	mux http.Handler
}

// New makes a page.
func New(cfg Config) *Page {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	p := &Page{cfg: cfg}
	p.mux = http.NewCrossOriginProtection().Handler(p.routes())
	return p
}

func (p *Page) routes() *http.ServeMux {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is embedded: it can't be missing
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.index)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /phone/events", p.phoneEvents)
	mux.HandleFunc("GET /side/events", p.sideEvents)
	mux.HandleFunc("GET /load", p.load)
	mux.HandleFunc("GET /files/{id}", p.file)
	mux.HandleFunc("POST /tap", p.tap)
	mux.HandleFunc("POST /say", p.say)
	mux.HandleFunc("POST /again", p.again)
	return mux
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP serves the page to this machine.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !local(r.Host) {
		http.Error(w, "this page is for http://localhost", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	p.mux.ServeHTTP(w, r)
}

// local refuses names that somebody else's DNS may point here.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (p *Page) index(w http.ResponseWriter, _ *http.Request) {
	name := p.cfg.Channel.ID()
	for _, c := range p.cfg.Slack.Snapshot().Channels {
		if c.ID == p.cfg.Channel.ID() {
			name = c.Name
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pageTemplate.Execute(w, map[string]string{"Channel": name}); err != nil {
		p.cfg.Log.Warn("writing the page", "err", err)
	}
}
